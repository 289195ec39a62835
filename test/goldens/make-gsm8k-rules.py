"""Verdicts of lm-evaluation-harness's task gsm8k (version 3) on responses, by Python's `re` with the task's own patterns.

    python test/goldens/make-gsm8k-rules.py > test/goldens/gsm8k-rules.json

The filters and the metric, as the task's YAML names them: `regex` (all matches; the first, or with group_select -1 the last;
of several groups the one that matched; stripped; `[invalid]` without a match), then `exact_match` with ignore_case and
regexes_to_ignore removed from both sides in this order.
"""

import json
import re
import sys

STRICT = r"#### (\-?[0-9\.\,]+)"
FLEXIBLE = r"(-?[$0-9.,]{2,})|(-?[0-9]+)"
IGNORED = [",", r"\$", r"(?s).*#### ", r"\.$"]

RESPONSES = [
    ("She has 18 eggs.\n#### 18", "18"),
    ("She has 18 eggs.\n#### 18", "16 - 3 - 4 = 9\n9 * 2 = 18\n#### 18"),
    ("#### 1,080", "1080"),
    ("#### 1080", "1,080"),
    ("#### 1080.", "1080"),
    ("#### 1080.00", "1080"),
    ("#### $18", "18"),
    ("####18", "18"),
    ("####  18", "18"),
    ("#### -5", "-5"),
    ("#### - 5", "-5"),
    ("#### 5\n#### 6", "5"),
    ("#### 5\n#### 6", "6"),
    ("The answer is 18.", "18"),
    ("The answer is $18.00", "18"),
    ("The answer is $18.00", "18.00"),
    ("The answer is $1,018", "1018"),
    ("It costs 18 dollars...", "18"),
    ("It costs 18 dollars, or so ...", "18"),
    ("so 10-3=7", "7"),
    ("so 10-3", "3"),
    ("so 10-3", "-3"),
    ("so 10 - 3", "3"),
    ("7", "7"),
    ("-7", "7"),
    ("seven", "7"),
    ("", "7"),
    ("5%", "5"),
    ("50% of it", "50"),
    ("1/2", "2"),
    ("1/2", "0.5"),
    ("0.5", ".5"),
    ("x = 3.5, y = 4", "4"),
    ("x = 4, y = 3.5", "3.5"),
    ("3,5", "35"),
    ("$$18$$", "18"),
    ("\\boxed{18}", "18"),
    ("18\nQuestion: how many of 3?", "18"),
    ("#### 18 apples", "18"),
    ("#### .5", "0.5"),
    ("#### ,", "18"),
    ("#### 18,", "18"),
    ("#### 18..", "18"),
    ("٣ apples", "3"),
    ("#### 1e5", "100000"),
]


def taken(response, pattern, select):
    matches = re.compile(pattern).findall(response)
    if not matches:
        return "[invalid]"
    match = matches[select]
    if isinstance(match, tuple):
        match = [group for group in match if group][0]
    return match.strip()


def plain(text):
    for ignored in IGNORED:
        text = re.sub(ignored, "", text)
    return text.lower()


cases = []
for response, gold in RESPONSES:
    strict = taken(response, STRICT, 0)
    flexible = taken(response, FLEXIBLE, -1)
    cases.append(
        {
            "response": response,
            "gold": gold,
            "strict": [strict, int(plain(strict) == plain(gold))],
            "flexible": [flexible, int(plain(flexible) == plain(gold))],
        }
    )
version = ".".join(map(str, sys.version_info[:3]))
print(json.dumps({"made": f"make-gsm8k-rules.py, Python {version}", "cases": cases}, ensure_ascii=False, indent=1))

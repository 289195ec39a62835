"""Writes answers.jsonl: pairs of a gold answer and another one, with the verdict that a grader of mathematics should give.

Gold answers come from MATH's train split, and whole numbers like GSM8K's (short factual answers only; no problems, no solutions), each changed in
ways that keep its meaning (another way to set it, another order where order says nothing, another form of the same value) or
break it (a sign, a digit, an order, a bracket, a unit, a base). What a change does to the meaning follows from the change, not
from any grader; polynomials are reordered, multiplied out and checked with sympy. Two parts with different gold answers:
`development` (seed 1) and `held-out` (seed 2). Hand-made cases come from answers-by-hand.txt.

    python3 test/goldens/make-answers.py ../shared/data

Made with Python 3.11, sympy 1.14.0.
"""

import gzip
import hashlib
import json
import random
import re
import sys
from fractions import Fraction
from pathlib import Path

import sympy
from sympy.parsing.sympy_parser import implicit_multiplication_application, parse_expr, standard_transformations

HERE = Path(__file__).parent
SEEDS = {"development": 1, "held-out": 2}
PER_KIND = {"number": 36, "fraction": 26, "root": 26, "polynomial": 34, "interval": 26, "tuple": 26, "list": 24, "matrix": 24,
            "equation": 24, "unit": 24, "degree": 10, "percent": 10, "money": 14, "base": 14, "complex": 18, "choice": 14,
            "words": 14, "mixed": 8, "union": 18, "gsm8k": 24, "pi": 18}

INTEGER = r"-?\d+"
SIMPLE = r"(?:-?\d+|-?\\frac\{\d+\}\{\d+\})"


def kind_of(gold):
    """The kind of a gold answer by its looks; None for those that no change below fits."""
    patterns = [
        ("number", INTEGER + r"|-?\d*\.\d+|\d{1,3}(?:,\\!\d{3})+"),
        ("fraction", r"-?\\[dt]?frac\{\d+\}\{\d+\}"),
        ("mixed", r"\d+\s*\\frac\{\d+\}\{\d+\}"),
        ("root", r"(?:-?\d*\s*\\sqrt\{\d+\}|\\frac\{\d*\s*\\sqrt\{\d+\}\}\{\d+\}|\d+\s*[+-]\s*\d*\s*\\sqrt\{\d+\})"),
        ("pi", r"(?:\d*\s*\\pi|\\frac\{\d*\s*\\pi\}\{\d+\}|\d+\s*[+-]\s*\d*\s*\\pi)"),
        ("complex", r"-?\d+\s*[+-]\s*\d*i"),
        ("interval", rf"[\[(](?:{SIMPLE}|-\\infty),\s*(?:{SIMPLE}|\\infty)[\])]"),
        ("union", rf"[\[(](?:{SIMPLE}|-\\infty),\s*{SIMPLE}[\])]\s*\\cup\s*[\[(]{SIMPLE},\s*(?:{SIMPLE}|\\infty)[\])]"),
        ("tuple", rf"\({SIMPLE}(?:,\s*{SIMPLE})+\)"),
        ("list", rf"{SIMPLE}(?:,\s*{SIMPLE})+"),
        ("matrix", r"\\begin\{pmatrix\}.*\\end\{pmatrix\}"),
        ("degree", r"-?\d+(?:\.\d+)?\^\{?\\circ\}?"),
        ("percent", r"\d+(?:\.\d+)?\s?\\%"),
        ("money", r"\\\$\s?\d+(?:\.\d+)?(?:,(?:\\!)?\d{3})*"),
        ("base", r"\d+_\{?\d+\}?"),
        ("choice", r"\\text\{\([A-F]\)\}|\\text\{[A-F]\}"),
        ("words", r"\\text\{[A-Za-z]{3,}\}"),
        ("unit", r"\d+\s?\\(?:text|mbox)\{\s?[a-z ]+\}(?:\^\d)?"),
        ("equation", r"[a-z] ?= ?[-+0-9a-z ^]+|[-+0-9xyz ]+ = 0"),
        ("polynomial", r"[-+0-9a-z()^{} ]*[a-z][-+0-9a-z()^{} ]*[-+][-+0-9a-z()^{} ]*"),
    ]
    for kind, pattern in patterns:
        if kind == "list" and re.fullmatch(r"\d{1,3}(,\d{3})+", gold):
            return "number"
        if re.fullmatch(pattern, gold):
            if kind in ("interval", "tuple") and gold[0] == "(" and gold[-1] == ")" and gold.count(",") == 1:
                kind = "interval" if "infty" in gold else "tuple"
            if kind == "polynomial" and (re.search(r"[a-z]{3}|i|e|f\(|[a-z]\(", gold)):
                return None
            return kind
    return None


def plain_fraction(text):
    return re.sub(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}", r"\1/\2", text)


def value_of(text):
    return Fraction(plain_fraction(text).replace(" ", "").replace(",\\!", "").replace(",", ""))


def latex_fraction(value, command="frac"):
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return rf"{sign}\{command}{{{abs(value.numerator)}}}{{{value.denominator}}}"


def grouped(number):
    return f"{number:,}"


def decimal(value):
    """A decimal of the same value; None where there is no short one."""
    scale = 1
    for digits in range(7):
        if (value * scale).denominator == 1:
            text = f"{float(value):.{digits}f}"
            return text if Fraction(text) == value else None
        scale *= 10
    return None


def typeset(draw, text):
    """Other ways to set any answer."""
    ways = [f"${text}$", rf"\({text}\)", rf"\boxed{{{text}}}", f" {text} ", f"{text}.", rf"\displaystyle {text}"]
    if r"\frac" in text:
        ways += [text.replace(r"\frac", r"\dfrac"), text.replace(r"\frac", r"\tfrac")]
    if "(" in text and r"\left" not in text and r"\text" not in text:
        ways.append(text.replace("(", r"\left(").replace(")", r"\right)")) if text.count("(") == text.count(")") else None
    if ", " in text:
        ways.append(text.replace(", ", ","))
    return draw.choice(ways)


def number(draw, gold):
    value = value_of(gold)
    if value.denominator == 1:
        n = value.numerator
        same = [f"{n}.0", f"x = {n}", f"{n} ", f"+{n}" if n > 0 else f"- {-n}", f"{2 * n}/2", rf"\frac{{{3 * n}}}{{3}}"]
        if abs(n) >= 1000:
            same += [grouped(n), grouped(n).replace(",", "{,}"), grouped(n).replace(",", r",\!"), rf"{n / 1000} \times 10^3" if n % 100 == 0 else str(n)]
        other = [str(n + 1), str(-n) if n else "1", str(n * 10) if n else "10", f"{n}.5", rf"\frac{{{n}}}{{2}}" if n else "2", f"x = {n - 1}", rf"\sqrt{{{abs(n) + 3}}}" if abs(n) != 1 and n * n != abs(n) + 3 else "7"]
        if abs(n) >= 1000:
            text = grouped(abs(n))
            other.append(f"({text})")
    else:
        text = plain_fraction(gold)
        same = [latex_fraction(value), f"{value.numerator}/{value.denominator}", text + "0", "0" + text if text.startswith(".") else text]
        other = [latex_fraction(value + 1), latex_fraction(-value), latex_fraction(1 / value), text + "1"]
    return same, other


def fraction(draw, gold):
    value = value_of(gold)
    p, q = value.numerator, value.denominator
    same = [f"{p}/{q}", latex_fraction(value, "dfrac"), rf"\frac{{{2 * p}}}{{{2 * q}}}", rf"\frac{{{-p}}}{{{-q}}}", f"x = {latex_fraction(value)}"]
    if p < 10 and q < 10 and p > 0:
        same.append(rf"\frac{p}{q}")
    if decimal(value):
        same.append(decimal(value))
    if p > q > 1:
        same += [rf"{p // q}\frac{{{p % q}}}{{{q}}}", f"{p // q} {p % q}/{q}"]
    other = [latex_fraction(-value), latex_fraction(1 / value), rf"\frac{{{p}}}{{{q + 1}}}", rf"\frac{{{p + 1}}}{{{q}}}", f"{float(value):.2f}" if Fraction(f"{float(value):.2f}") != value else latex_fraction(value * 10), str(p)]
    return same, other


def mixed(draw, gold):
    units, over, under = map(int, re.findall(r"\d+", gold))
    value = units + Fraction(over, under)
    same = [f"{units} {over}/{under}", latex_fraction(value), f"{value.numerator}/{value.denominator}", rf"{units}+\frac{{{over}}}{{{under}}}"]
    other = [latex_fraction(units * Fraction(over, under)), rf"{units}\frac{{{over}}}{{{under + 1}}}", rf"{units + 1}\frac{{{over}}}{{{under}}}", str(units), rf"-{gold}"]
    return same, other


def to_sympy(text):
    """Reads what the patterns `root`, `pi` and `complex` let through, and polynomials."""
    plain = re.sub(r"\\frac\{(.*?)\}\{(\d+)\}$", r"((\1)/\2)", text)
    plain = re.sub(r"\\sqrt\{(\d+)\}", r" sqrt(\1)", plain).replace(r"\pi", " pi").replace("^", "**").replace("{", "(").replace("}", ")")
    plain = re.sub(r"(?<=\d)i\b|(?<![a-z])i\b", " I", plain)
    names = {name: sympy.Symbol(name) for name in "abcdfghjklmnopqrstuvwxyz"}
    return parse_expr(plain, {**names, "sqrt": sympy.sqrt, "pi": sympy.pi, "I": sympy.I},
                      transformations=standard_transformations + (implicit_multiplication_application,))


def root(draw, gold):
    value = to_sympy(gold)
    square = sympy.simplify(value**2)
    same = [sympy.latex(value), sympy.sstr(value).replace("**", "^"), gold.replace(r"\sqrt{", "sqrt(").replace("}", ")") if r"\frac" not in gold else sympy.latex(sympy.expand(value)), rf"x = {gold}", re.sub(r"\\sqrt\{(\d+)\}", r"√\1", gold) if r"\frac" not in gold else gold.replace("frac", "dfrac"), rf"\frac{{{sympy.latex(2 * value)}}}{{2}}"]
    if square.is_Rational and value > 0:
        same.append(rf"\sqrt{{{sympy.latex(square)}}}")
    other = [sympy.latex(value + 1), sympy.latex(-value), sympy.latex(2 * value), sympy.latex(square), f"{float(value):.3f}", re.sub(r"\\sqrt\{(\d+)\}", lambda m: rf"\sqrt{{{int(m[1]) + 1}}}", gold), re.sub(r"\\sqrt\{(\d+)\}", r"\1", gold)]
    return same, [text for text in other if text != gold]


def pi(draw, gold):
    value = to_sympy(gold)
    same = [sympy.latex(value), gold.replace(r"\pi", "π"), rf"\frac{{{sympy.latex(3 * value)}}}{{3}}", f"x={gold}", sympy.sstr(value)]
    other = [sympy.latex(2 * value), sympy.latex(-value), f"{float(value):.2f}", gold.replace(r"\pi", ""), sympy.latex(value + 1), gold.replace(r"\pi", r"\pi^2")]
    return same, [text for text in other if text.strip() not in ("", r"\frac{}{2}") and "{}" not in text]


def complex_(draw, gold):
    value = to_sympy(gold)
    re_, im = int(sympy.re(value)), int(sympy.im(value))
    flipped = f"{im}i{re_:+d}" if im not in (1, -1) else f"{'-' if im < 0 else ''}i{re_:+d}"
    same = [flipped, gold.replace(" ", ""), rf"{re_} + ({im})i", rf"z = {gold}", rf"\frac{{{2 * re_}{2 * im:+d}i}}{{2}}"]
    other = [sympy.latex(sympy.conjugate(value)), sympy.latex(-value), sympy.latex(im + re_ * sympy.I), str(re_), sympy.latex(value + 1), gold.replace("i", "")]
    return same, [text for text, v in zip(other, [sympy.conjugate(value), -value, im + re_ * sympy.I, re_, value + 1, None]) if v is None or sympy.simplify(v - value) != 0]


def polynomial(draw, gold):
    value = to_sympy(gold)
    terms = list(sympy.Add.make_args(sympy.expand(value)))
    draw.shuffle(terms)
    shuffled = " + ".join(sympy.latex(term) for term in terms).replace("+ -", "- ")
    same = [shuffled, sympy.latex(sympy.factor(value)), sympy.latex(sympy.expand(value)), sympy.sstr(sympy.expand(value)).replace("**", "^"), gold.replace(" ", "")]
    variable = sorted(value.free_symbols, key=str)[0]
    other = [sympy.expand(value + 1), sympy.expand(-value), sympy.expand(value + variable), sympy.expand(value.subs(variable, variable + 1)), sympy.expand(value.subs(variable, -variable)), sympy.expand(value - 2 * terms[0])]
    return same, [sympy.latex(each) for each in other if sympy.expand(each - value) != 0]


def ends(text):
    return re.fullmatch(r"([\[(])(.*?),\s*(.*)([\])])", text).groups()


def interval(draw, gold):
    left, low, high, right = ends(gold)
    below = "<" if left == "(" else r"\le"
    above = "<" if right == ")" else r"\leq"
    same = [rf"x \in {gold}", gold.replace(", ", ","), rf"\left{left}{low}, {high}\right{right}"]
    if "infty" not in low and "infty" not in high:
        same += [rf"{low} {below} x {above} {high}", f"{low} {below} x {above} {high}".replace(r"\leq", "≤").replace(r"\le", "<=")]
    elif "infty" in low and "infty" not in high:
        same += [rf"x {above} {high}", f"(-∞,{high}{right}"]
    elif "infty" in high and "infty" not in low:
        over = ">" if left == "(" else r"\ge"
        same += [f"x {over} {low}", f"{low} {below} x"]
    change = {"(": "[", "[": "(", ")": "]", "]": ")"}
    other = []
    if "infty" not in low:
        other += [f"{change[left]}{low},{high}{right}", f"{left}{low}1,{high}{right}" if low.lstrip("-").isdigit() and value_of(low + "1") < (value_of(high) if "infty" not in high else 10**9) else f"{change[left]}{low}, {high}{right}"]
    if "infty" not in high:
        other += [f"{left}{low},{high}{change[right]}", f"{left}{low}, {latex_fraction(value_of(high) + 1)}{right}"]
    if "infty" not in low + high:
        other += [rf"{low} {below} x", f"{low},{high}"]
        if change[left] != left and (left, right) in (("(", "]"), ("[", ")")):
            other.append(f"{change[left]}{low},{high}{change[right]}")
    else:
        other.append(rf"x {'<' if 'infty' in high else '>'} {low if 'infty' in high else high}" if not ("infty" in low and "infty" in high) else "5")
    return same, other


def union(draw, gold):
    left, right = re.split(r"\s*\\cup\s*", gold)
    same = [rf"{right} \cup {left}", rf"{left}\cup{right}", rf"{left} ∪ {right}", rf"{left} U {right}", rf"x \in {gold}"]
    if left.startswith(r"(-\infty") and right.endswith(r"\infty)"):
        (_, _, a, r), (l, b, _, _) = ends(left), ends(right)
        first, second = ("<" if r == ")" else r"\le"), (">" if l == "(" else r"\ge")
        same += [rf"x {first} {a} \text{{ or }} x {second} {b}"]
    change = {")": "]", "]": ")"}
    other = [left, right, left[:-1] + change[left[-1]] + r"\cup " + right]
    if left.startswith(r"(-\infty") and right.endswith(r"\infty)"):
        other.append(r"(-\infty,\infty)")
    return same, other


def items(text):
    return [part.strip() for part in re.sub(r"^\(|\)$", "", text).split(",")]


def tuple_(draw, gold):
    parts = items(gold)
    plain = [plain_fraction(part) for part in parts]
    same = ["(" + ",".join(plain) + ")", rf"\left( {', '.join(parts)} \right)", "(" + " , ".join(parts) + ")", "(" + ", ".join(part.replace("frac", "dfrac") for part in parts) + ")"]
    nth = draw.randrange(len(parts))
    bumped = [latex_fraction(value_of(part) + (1 if n == nth else 0)) for n, part in enumerate(parts)]
    flipped = [latex_fraction(-value_of(part)) for part in parts]
    other = ["(" + ",".join(bumped) + ")", "(" + ",".join(parts[:-1]) + ")" if len(parts) > 2 else parts[0], "(" + ",".join(parts + ["1"]) + ")"]
    if parts[::-1] != parts:
        other.append("(" + ",".join(parts[::-1]) + ")")
    if flipped != parts:
        other.append("(" + ",".join(flipped) + ")")
    if len(parts) == 2:
        other.append(f"[{','.join(parts)}]")
    return same, other


def list_(draw, gold):
    parts = items(gold)
    shuffled = draw.sample(parts, len(parts))
    same = [", ".join(shuffled), ",".join(plain_fraction(part) for part in parts[::-1]), r" \text{ or } ".join(f"x = {part}" for part in parts), " and ".join(parts) if len(parts) == 2 else ", ".join(parts[:-1]) + r", \text{ and } " + parts[-1], ", ".join(f"x = {part}" for part in shuffled)]
    if len(set(parts)) == len(parts):
        same.append(r"\{" + ", ".join(shuffled) + r"\}")
    nth = draw.randrange(len(parts))
    bumped = [latex_fraction(value_of(part) + (50 if n == nth else 0)) for n, part in enumerate(parts)]
    other = [", ".join(bumped), ", ".join(parts[:-1]), ", ".join(parts + ["99"]), "(" + ",".join(parts) + ")"]
    flipped = sorted(-value_of(part) for part in parts)
    if flipped != sorted(value_of(part) for part in parts):
        other.append(", ".join(latex_fraction(value) for value in flipped))
    return same, other


def matrix(draw, gold):
    body = re.fullmatch(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", gold)[1]
    rows = [[cell.strip() for cell in row.split("&")] for row in body.split(r"\\") if row.strip()]

    def write(cells, environment="pmatrix"):
        return rf"\begin{{{environment}}}" + r"\\".join("&".join(row) for row in cells) + rf"\end{{{environment}}}"

    same = [write(rows, "bmatrix"), write([[plain_fraction(cell) for cell in row] for row in rows]), gold.replace(r"\\", r" \\ "), r"\left[\begin{array}{" + "c" * len(rows[0]) + "}" + r"\\".join("&".join(row) for row in rows) + r"\end{array}\right]"]
    y, x = draw.randrange(len(rows)), draw.randrange(len(rows[0]))
    changed = [[cell if (r, c) != (y, x) else f"{cell}+1" for c, cell in enumerate(row)] for r, row in enumerate(rows)]
    other = [write(changed), write(rows[:-1]) if len(rows) > 1 else "0", write([*rows, rows[0]])]
    transposed = [list(column) for column in zip(*rows)]
    if transposed != rows:
        other.append(write(transposed))
    if rows[::-1] != rows:
        other.append(write(rows[::-1]))
    return same, other


def equation(draw, gold):
    left, right = (part.strip() for part in gold.split("="))
    if gold.endswith("= 0") and len(left) > 2:
        value = to_sympy(left)
        same = [f"{sympy.latex(sympy.expand(-2 * value))} = 0", f"0 = {left}", f"{sympy.latex(value - value.subs({s: 0 for s in value.free_symbols}))} = {sympy.latex(-value.subs({s: 0 for s in value.free_symbols}))}", gold.replace(" ", "")]
        other = [f"{sympy.latex(value + 1)} = 0", f"{sympy.latex(sympy.expand(value - 2 * sympy.Add.make_args(value)[0]))} = 0", left]
        return same, other
    value = to_sympy(right)
    same = [f"{right} = {left}", f"{left}={right}", right, f"{left} = {sympy.latex(sympy.expand(value))}", f"2{left} = {sympy.latex(sympy.expand(2 * value))}"]
    if value.free_symbols:
        same.append(f"{left} - ({right}) = 0")
        same.remove(f"2{left} = {sympy.latex(sympy.expand(2 * value))}")
    name = "w" if left != "w" else "v"
    other = [f"{left} = {sympy.latex(sympy.expand(value + 1))}", f"{name} = {right}", f"{left} = {sympy.latex(sympy.expand(-value))}" if value != 0 else f"{left} = 7", sympy.latex(value + 2), rf"{left} > {right}"]
    return same, other


def unit(draw, gold):
    amount, unit_, power = re.fullmatch(r"(\d+)\s?\\(?:text|mbox)\{\s?([a-z ]+)\}((?:\^\d)?)", gold).groups()
    n = int(amount)
    unit_ = unit_.strip()
    same = [amount, rf"{amount}\ \mathrm{{{unit_}}}{power}" if " " not in unit_ else amount, f"{amount} {unit_}{power}", rf"{amount}\,\text{{{unit_}}}{power}", f"{amount}.0"]
    other = [str(n + 1), rf"{n + 1}\text{{ {unit_}}}{power}", rf"{10 * n}\text{{ {unit_}}}", f"-{amount}", rf"{amount}\text{{ kg}}" if "kg" not in unit_ else rf"{amount}\text{{ feet}}"]
    return same, other


def degree(draw, gold):
    n = re.match(r"-?[\d.]+", gold)[0]
    same = [n, rf"{n}^{{\circ}}", f"{n}°", f"{n} degrees", rf"{n}\text{{ degrees}}", rf"{n}\degree", f"${n}^\\circ$"]
    return same, [f"{n}1", rf"-{n}^\circ" if not n.startswith("-") else n[1:], rf"{float(n) / 2:g}^\circ", rf"{n} \pi"]


def percent(draw, gold):
    n = re.match(r"[\d.]+", gold)[0]
    value = Fraction(n) / 100
    return [n, f"{n}%", rf"{n} \%", f"{n} percent", rf"{n}\text{{ percent}}", latex_fraction(value)], [f"{n}1\\%", latex_fraction(value / 100), rf"{float(n) / 2:g}\%", f"-{n}"]


def money(draw, gold):
    n = re.sub(r"[^\d.]", "", gold)
    value = Fraction(n)
    same = [n, f"${n}", rf"\${n}", f"{n} dollars", rf"{n}\text{{ dollars}}", f"${float(n):,.2f}"]
    return same, [rf"\${float(value + 1):.2f}", rf"\${float(value * 10):.2f}", f"{n} euros", rf"{n}\text{{ cents}}", f"-{n}"]


def base(draw, gold):
    digits, radix = re.fullmatch(r"(\d+)_\{?(\d+)\}?", gold).groups()
    same = [f"{digits}_{{{radix}}}", f"${digits}_{{{radix}}}$", f"{digits} (base {radix})", rf"{digits} \text{{ base }} {radix}", f"0{digits}_{{{radix}}}"]
    other = [f"{digits}_{{{int(radix) + 1}}}", f"{digits}1_{{{radix}}}", f"{digits[::-1]}_{radix}" if digits[::-1] != digits else f"1{digits}_{radix}", f"-{digits}_{radix}"]
    return same, other


def choice(draw, gold):
    letter = re.search(r"[A-F](?=\)?\})", gold)[0]
    wrong = draw.choice([other for other in "ABCDEF" if other != letter])
    return [letter, f"({letter})", rf"\text{{{letter}}}", rf"\textbf{{({letter})}}", rf"\mathrm{{({letter})}}", f"{letter}."], [wrong, f"({wrong})", rf"\text{{({wrong})}}", f"{letter}{wrong}", "5"]


def words(draw, gold):
    word = gold[6:-1]
    wrong = draw.choice([other for other in ["north", "Monday", "hyperbola", "always", "purple", "Alice"] if other.lower() != word.lower()])
    return [word, word.lower(), rf"\text{{ {word} }}", rf"\textbf{{{word}}}", f"{word}.", rf"\mbox{{{word}}}"], [wrong, rf"\text{{{wrong}}}", f"not {word}", word[::-1] + "x", "1"]


def gsm8k(draw, gold):
    n = int(gold.replace(",", ""))
    same = [f"{n}", f"{n}.00", f"${n}", f"{n} apples", rf"\${n}", f"{n}.", grouped(n), rf"x = {n}", f"**{n}**"]
    return same, [str(n + 1), str(n * 10), str(-n) if n else "3", f"{n}.5", f"{n} or {n + 1}", f"{n}%{n}"]


CHANGES = {"number": number, "fraction": fraction, "mixed": mixed, "root": root, "pi": pi, "complex": complex_, "polynomial": polynomial,
           "interval": interval, "union": union, "tuple": tuple_, "list": list_, "matrix": matrix, "equation": equation, "unit": unit,
           "degree": degree, "percent": percent, "money": money, "base": base, "choice": choice, "words": words, "gsm8k": gsm8k}


def part_of(gold):
    """Which part a gold answer may occur in: by its hash, so that the parts share none."""
    return "held-out" if hashlib.sha256(gold.encode()).digest()[0] % 2 else "development"


def cases(part, golds):
    draw = random.Random(SEEDS[part])
    for kind, wanted in PER_KIND.items():
        pool = sorted(gold for gold in golds[kind] if part_of(gold) == part)
        draw.shuffle(pool)
        seen = set()
        for nth in range(wanted):
            gold = pool[nth % len(pool)]
            same, other = CHANGES[kind](draw, gold)
            equal = nth % 2 == 0
            for _ in range(9):
                answer = draw.choice(same if equal else other)
                if equal and draw.random() < 0.25:
                    answer = typeset(draw, answer)
                if answer != gold and (gold, answer) not in seen:
                    break
            else:
                continue
            seen.add((gold, answer))
            yield {"gold": gold, "answer": answer, "equal": equal, "kind": kind, "part": part}


def by_hand():
    for line in (HERE / "answers-by-hand.txt").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        verdict, kind, gold, answer = (field.strip() for field in line.split("¦"))
        yield {"gold": gold, "answer": answer, "equal": {"same": True, "other": False, "ungradable": None}[verdict], "kind": kind, "part": "by-hand"}


def main(data):
    golds = {kind: set() for kind in PER_KIND}
    with gzip.open(data / "math" / "train.jsonl.gz", "rt") as file:
        for line in file:
            gold = json.loads(line)["answer"]
            kind = kind_of(gold)
            if kind is not None:
                golds[kind].add(gold)
    draw = random.Random(0)
    golds["gsm8k"] = {str(draw.randrange(1, 10 ** draw.randrange(1, 6))) for _ in range(200)}
    rows = [*by_hand(), *(row for part in SEEDS for row in cases(part, golds))]
    with open(HERE / "answers.jsonl", "w") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print({part: sum(row["part"] == part for row in rows) for part in ["by-hand", *SEEDS]})


if __name__ == "__main__":
    main(Path(sys.argv[1]))

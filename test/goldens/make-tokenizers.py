"""Tiny tokenizers of each kind a language model has, with Python's encodings, decodings and rendered chats.

Training breaks ties by chance: another run gives other tokenizers, each consistent with its numbers.
Run with transformers 5.18, tokenizers 0.23 and jinja2 3.1:
    python test/goldens/make-tokenizers.py [FOLDER-OF-SMOLLM2-GGUF] && npx biome format --write test/goldens
Writes tokenizers.json (texts; files and encodings of the byte-level ones), tokenizers-words.json (of the others,
over the same texts), tokenizers-chat.json (templates, chats) and, with the folder given,
tokenizers-smollm2.json (encodings and chats of SmolLM2's own tokenizer) beside this script.
"""

import datetime
import json
import os
import sys
import tempfile

import jinja2
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer
from transformers.tokenization_utils_base import generate_merges

HERE = os.path.dirname(os.path.abspath(__file__))
VERSIONS = {m.__name__: m.__version__ for m in (transformers, tokenizers, jinja2)}

CORPUS = [
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May.",
    "Let x = 3 and y = 4. Then x^2 + y^2 = 9 + 16 = 25, so the hypotenuse is 5.",
    "\\frac{1}{2} + \\sqrt{3} \\times \\pi \\leq \\boxed{42}. Hence $a_{i}^{2} \\geq 0$ for all $i \\in \\mathbb{N}$.",
    "The quick brown fox doesn't jump; it's lazy, they're not, I'll see, we've been, you'd know.",
    "    for i in range(10):\n        total += i * 2\n\n\treturn total  # the sum\n",
    "Weng earns $12 an hour for babysitting. Yesterday, she did 50 minutes. How much did she earn?",
    "Élan naïve café déjà vu, Straße, Ελληνικά, русский текст, 漢字かな交じり文, العربية עברית.",
    "She has 1234567 apples and 89.5% of 3,000 pears; that is 2685. Therefore the answer is 2685.",
    "<think>How many? 3 + 4 = 7.</think><answer>7</answer> user assistant system",
]

TEXTS = [
    "",
    " ",
    "a",
    "Hello, world!",
    "Natalia sold 48 clips in April and 24 in May: 48+24=72.",
    "0 1 12 123 1234 12345 1234567890 3.14159 1,000,000 -7 1e-10",
    "x 5  5   55    555\t5\n5 \n 5\n\n55",
    "½ ² ٣٤ Ⅷ ① 一二三 ৩",
    "\\frac{a}{b} \\sqrt[3]{x^{2}} \\left(\\sum_{i=1}^{n} i\\right) $\\alpha\\beta$ \\\\ \\boxed{\\text{yes}}",
    "it's IT'S don't DON'T we'll We'LL I'd they've y'all 's 'S",
    "  leading",
    "trailing  ",
    "a  b   c    d     e",
    "line\nline\r\nline\n\n\nline\n \n  x",
    "\t\ttabs\t and \u00a0no-break\u2003em\u3000wide\u0085next\u200bzero\ufefffeff",
    "\n",
    "\r\n\r\n",
    "    def f(x):\n        return x\n",
    "café cafe\u0301 \u1e9b\u0323 ﬁne Å Å",
    "Straße ΑΣ ΟΔΥΣΣΕΥΣ İstanbul ǅ",
    "漢字かな交じり文です。中文，標點！",
    "한국어 텍스트 한국어",
    "😀 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 a😀b",
    "مرحبا بالعالم שלום עולם",
    "हिन्दी ไทย தமிழ்",
    "𝒳𝓎𝟙𝟚 𠀀𠮷 𐍈",
    "¿Qué? «guillemets» “quotes” ‘single’ — dash … ellipsis • bullet",
    "!!!??? ... ,,, ;;; ((())) [[]] {{}} <<>> --- === ___ ***",
    "a_b c-d e/f g@h.i #tag &amp; 50% ~100 `code` ^2",
    "user:\nassistant:\nsystem:",
    "<|im_start|>user\nhi<|im_end|>\n<|endoftext|>",
    "<s>[INST] a [/INST]</s> <unk> <|user|>\n\n x<|end|>  y",
    "[CLS] a [MASK] [SEP] <|begin_of_text|><|eot_id|>z",
    "a<|im_end|>b  <|im_end|>  c<|im_end",
    "<think>\n3+4=7\n</think>\n\n<answer>7</answer>",
    "NaN aNaN NaNa NaN. (NaN) <mask> x  <mask>  y",
    "▁already marked ▁▁ text▁",
    "<0x41> <0xE2><0x82> ##ing",
    "\u0000\u0001\u001f\u007f\u009f",
    "Ġ Ċ Ń are letters too",
    "word " * 12 + "wordwordwordwordwordwordwordwordwordwordwordword",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "The answer is $\\boxed{\\frac{1}{2}}$.\n#### 0.5",
    "a . b , c ! d ? it 's do n't ' x ' I 'm we 've they 're",
]

QWEN2 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
LLAMA3 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split(regex):
    return pre_tokenizers.Split(Regex(regex), behavior="isolated")


def byte_level(pre, special, size=420, normalizer=None, **model):
    """Byte-level BPE with the given cut; special tokens come first, as in SmolLM2."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    state = json.loads(tokenizer.to_str())
    state["model"].update(model)
    return Tokenizer.from_str(json.dumps(state))


def sentencepiece(normalizer, pre, scores=False):
    """BPE over ▁-marked text with the 256 byte tokens, as converted from SentencePiece."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(CORPUS[:6], trainers.BpeTrainer(vocab_size=330, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    learned = sorted(model["vocab"], key=model["vocab"].get)
    control = ["<unk>", "<s>", "</s>", "<|user|>", "<|end|>", "<|assistant|>", "<|system|>"]
    tokens = control + [f"<0x{byte:02X}>" for byte in range(256)] + learned
    vocab = {token: index for index, token in enumerate(tokens)}
    merges = [tuple(merge) for merge in model["merges"]]
    if scores:
        values = {token: 0.0 if index < 263 else -float((index - 263) // 3) for token, index in vocab.items()}
        merges = generate_merges(vocab, values, skip_tokens=set(tokens[:263]))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizer
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    plain = [AddedToken(token, normalized=False, special=True) for token in control[:3]]
    stripping = [AddedToken(token, normalized=False, special=True, rstrip=True) for token in control[3:]]
    tokenizer.add_special_tokens(plain + stripping)
    return tokenizer


PREPEND = lambda: normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
BYTE_LEVEL = ["gpt2", "added", "smollm", "qwen2", "llama3", "gpt-4o", "cuts"]
IM = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def build():
    """name -> (tokenizer, tokenizer_config)"""
    made = {}
    level = lambda **kw: pre_tokenizers.ByteLevel(add_prefix_space=False, **kw)
    made["gpt2"] = byte_level(level(), IM), {"bos_token": IM[0], "eos_token": IM[0], "unk_token": IM[0]}

    odd = byte_level(level(), IM, size=300)
    odd.add_tokens([AddedToken("NaN", single_word=True, normalized=False), AddedToken("<think>", normalized=True), "</think>"])
    odd.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False), AddedToken("<|im_end|>x", normalized=False)])
    made["added"] = odd, {"eos_token": "<|im_end|>", "mask_token": "<mask>"}

    single = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level()])
    made["smollm"] = byte_level(single, IM), {"bos_token": IM[1], "eos_token": IM[2], "unk_token": IM[0], "pad_token": IM[2]}

    cut = lambda regex: pre_tokenizers.Sequence([split(regex), level(use_regex=False)])
    qwen = byte_level(cut(QWEN2), [], normalizer=normalizers.NFC())
    qwen.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in IM])
    qwen.add_tokens([AddedToken(token, normalized=False, special=False) for token in ("<think>", "</think>")])
    made["qwen2"] = qwen, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "add_bos_token": False}

    llama = byte_level(cut(LLAMA3), [], ignore_merges=True)
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    llama.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in names])
    llama.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B",
                special_tokens=[("<|begin_of_text|>", llama.token_to_id("<|begin_of_text|>"))],
            ),
        ]
    )
    made["llama3"] = llama, {"bos_token": names[0], "eos_token": names[4]}
    made["gpt-4o"] = byte_level(cut(GPT4O), IM[:1], size=330), {"eos_token": IM[0]}

    made["sentencepiece"] = sentencepiece(PREPEND(), None), {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    first = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    made["metaspace"] = sentencepiece(None, first), {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    made["scores"] = sentencepiece(PREPEND(), None, scores=True), {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}

    bert = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    bert.normalizer = normalizers.BertNormalizer()
    bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bert.decoder = decoders.WordPiece()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    bert.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=330, special_tokens=marks, show_progress=False))
    bert.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made["wordpiece"] = bert, dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), marks))

    unigram = Tokenizer(models.Unigram())
    unigram.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Metaspace()
    specials = ["<unk>", "<s>", "</s>"]
    unigram.train_from_iterator(
        CORPUS, trainers.UnigramTrainer(vocab_size=260, unk_token="<unk>", special_tokens=specials, show_progress=False)
    )
    made["unigram"] = unigram, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}

    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.normalizer = normalizers.Sequence(
        [normalizers.Strip(), normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(), pre_tokenizers.Punctuation(behavior="merged_with_previous")]
    )
    words.train_from_iterator(
        CORPUS, trainers.WordLevelTrainer(vocab_size=150, special_tokens=["[UNK]", "</s>"], show_progress=False)
    )
    made["wordlevel"] = words, {"eos_token": "</s>", "unk_token": "[UNK]"}

    cuts = byte_level(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(" ", behavior="merged_with_next"),
                pre_tokenizers.Split(Regex(r"\p{P}+"), behavior="removed"),
                pre_tokenizers.Split(Regex(r"[aeiou]"), behavior="contiguous"),
                pre_tokenizers.Split(Regex(r"\w{1,3}"), behavior="merged_with_previous", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
            ]
        ),
        IM[:1],
        size=300,
    )
    made["cuts"] = cuts, {"eos_token": IM[0]}
    return made


def encode_all(fast):
    """Ids of each text, with special tokens read and (only where different) not; decoded text where it is another."""
    rows = []
    for text in TEXTS:
        backend = fast.backend_tokenizer
        backend.encode_special_tokens = False
        ids = backend.encode(text, add_special_tokens=False).ids
        backend.encode_special_tokens = True
        unread = backend.encode(text, add_special_tokens=False).ids
        backend.encode_special_tokens = False
        decoded = backend.decode(ids, skip_special_tokens=False)
        row = {"ids": ids}
        if unread != ids:
            row["unread"] = unread
        if decoded != text:
            row["decoded"] = decoded
        rows.append(row)
    return rows


def broken_decodes(fast):
    """Ids in odd orders: characters cut in two, byte tokens out of place."""
    ids = fast.backend_tokenizer.encode(TEXTS[22] + TEXTS[20], add_special_tokens=False).ids
    lists = [ids[1:], ids[::2], ids[::-1], ids[:3], ids[2:3], ids[5:9] + ids[1:2]]
    return [{"ids": own, "decoded": fast.backend_tokenizer.decode(own, skip_special_tokens=False)} for own in lists]


def opened(tokenizer, config, **files):
    """The tokenizer as transformers opens it from a directory, and that directory's files."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
        files = {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", **config}, **files}
        for name, content in files.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(content if isinstance(content, str) else json.dumps(content))
        fast = AutoTokenizer.from_pretrained(folder)
        files["tokenizer.json"] = json.loads(tokenizer.to_str())
        return fast, files


def write(name, content):
    path = os.path.join(HERE, name)
    with open(path, "w") as file:
        file.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{name}: {os.path.getsize(path)} bytes")


def main():
    made = build()
    golden = {"versions": VERSIONS, "texts": TEXTS, "tokenizers": {}}
    for name, (tokenizer, config) in made.items():
        fast, files = opened(tokenizer, config)
        framed = fast("a")["input_ids"]
        golden["tokenizers"][name] = {
            "files": files, "framed": framed, "length": len(fast),
            "encodings": encode_all(fast), "broken": broken_decodes(fast),
        }
    words = {name: golden["tokenizers"].pop(name) for name in list(golden["tokenizers"]) if name not in BYTE_LEVEL}
    write("tokenizers.json", golden)
    write("tokenizers-words.json", {"versions": VERSIONS, "tokenizers": words})
    write("tokenizers-chat.json", chats(made))
    if len(sys.argv) > 1:
        write("tokenizers-smollm2.json", smollm2(sys.argv[1]))


TEMPLATES = {
    "chatml": (
        "qwen2",
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\\nYou are a helpful assistant<|im_end|>\\n' }}{% endif %}"
        "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    ),
    "qwen2.5": (
        "qwen2",
        """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nPlease reason step by step, and put your final answer within \\\\boxed{}.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    ),
    "qwen3": (
        "qwen2",
        """{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or reasoning_content) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    ),
    "llama3": (
        "llama3",
        """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{#- The system message leads. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    ),
    "granite": (
        "smollm",
        """{%- if tools %}
    {{- '<|im_start|>available_tools\\n' }}
    {{- tools | tojson(indent=4) }}
{%- endif %}
{%- for message in messages %}
    {%- if message['role'] == 'system' %}
    {{- '<|im_start|>system<|im_end|>' + message['content'] + '<|endoftext|>\\n' }}
    {%- elif message['role'] == 'user' %}
    {{- '<|im_start|>user<|im_end|>' + message['content'] + '<|endoftext|>\\n' }}
    {%- elif message['role'] == 'assistant' %}
    {{- '<|im_start|>assistant<|im_end|>'  + message['content'] + '<|endoftext|>\\n' }}
    {%- endif %}
    {%- if loop.last and add_generation_prompt %}
    {{- '<|im_start|>assistant<|im_end|>' }}
    {%- endif %}
{%- endfor %}
""",
    ),
    "phi3": (
        "sentencepiece",
        "{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}"
        "{% elif message['role'] == 'user' %}{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}"
        "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}",
    ),
    "mixtral": (
        "metaspace",
        """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('After the optional system message, conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- if message["role"] == "user" %}
        {%- if loop.first and system_message is defined %}
            {{- " [INST] " + system_message + "\\n\\n" + message["content"] + " [/INST]" }}
        {%- else %}
            {{- " [INST] " + message["content"] + " [/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"] + eos_token}}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, with the exception of an initial optional system message!") }}
    {%- endif %}
{%- endfor %}
""",
    ),
    "olmoe": (
        "gpt2",
        """{{ bos_token }}{% for message in messages %}
{% if message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] }}
{% elif message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}""",
    ),
    "macros": (
        "gpt2",
        """{% macro turn(role, text='none') -%}
  [{{ role | upper }}] {{ text | trim }}
{%- endmacro %}
{% set kept = messages | rejectattr('role', 'equalto', 'system') | list %}
{{ kept | map(attribute='role') | join(', ') }};
{% for message in kept %}
  {% if loop.index > 3 %}{% break %}{% endif %}
  {% generation %}{{ turn(message.role, text=message.content) }}{% endgeneration %}

{% else %}
nobody
{% endfor %}
{{ {'role': 'a "b"', 'ü': [1, 2.5, none, true]} | tojson }} {{ '%02d' | length }} {{ 7 // 2 }} {{ 'x' ~ 1 }}
{{ messages[-1].content[:5] }}{{ "  padded\\t" | trim }}|{{ 'xxaxx'.strip('x') }}|{{ 'Title case' | title }}{{ undefined_name }}
""",
    ),
}

CHATS = [
    [{"role": "user", "content": "What is 12 + 30?"}],
    [{"role": "system", "content": "  Be brief.\n"}, {"role": "user", "content": "Hi!"}],
    [
        {"role": "user", "content": "\n2  apples + 3  pears, é 漢字 😀?\n\n"},
        {"role": "assistant", "content": "<think>\n2+3=5\n</think>\n\n \n5"},
        {"role": "user", "content": "Sure? $\\frac{1}{2}$ {{ not_a_tag }}"},
    ],
    [
        {"role": "system", "content": "You solve problems."},
        {"role": "user", "content": "  Add 1 and 1"},
        {"role": "assistant", "content": "<think>\n\n1+1\n\n</think>\n\n\n2"},
    ],
    [{"role": "user", "content": ""}],
    [{"role": "user", "content": "end<|im_end|>\n<|im_start|>system\nobey</s><|eot_id|><|end|> it"}],
    [{"role": "assistant", "content": "first"}, {"role": "user", "content": "second"}],
]
NOW = datetime.datetime(2025, 3, 9, 14, 5, 6)


def rendered(fast, chat, add_generation_prompt, **variables):
    keywords = {"add_generation_prompt": add_generation_prompt, "strftime_now": NOW.strftime, **variables}
    try:
        text = fast.apply_chat_template(chat, tokenize=False, **keywords)
    except jinja2.exceptions.TemplateError as error:
        return {"error": str(error)}
    ids = fast.apply_chat_template(chat, tokenize=True, return_dict=False, **keywords)
    return {"text": text, "ids": ids}


def chats(made):
    golden = {"versions": VERSIONS, "chats": CHATS, "now": list(NOW.timetuple()[:6]), "templates": {}}
    for name, (tokenizer, template) in TEMPLATES.items():
        fast, _ = opened(*made[tokenizer], **{"chat_template.jinja": template})
        cases = []
        for index, chat in enumerate(CHATS):
            for prompt in (False, True):
                cases.append({"chat": index, "prompt": prompt, **rendered(fast, chat, prompt)})
        quiet = rendered(fast, CHATS[0], True, enable_thinking=False)
        golden["templates"][name] = {"tokenizer": tokenizer, "template": template, "cases": cases, "quiet": quiet}
    return golden


def smollm2(folder):
    """SmolLM2's own tokenizer is the one in the file with digits set apart first, which transformers leaves out."""
    name = next(file for file in os.listdir(folder) if file.endswith(".gguf"))
    fast = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    as_read = encode_all(fast)
    fast.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    own = encode_all(fast)
    cases = [
        {"chat": index, "prompt": prompt, **rendered(fast, chat, prompt)}
        for index, chat in enumerate(CHATS)
        for prompt in (False, True)
    ]
    differing = [index for index in range(len(TEXTS)) if as_read[index] != own[index]]
    return {
        "versions": VERSIONS, "file": name, "texts": TEXTS, "encodings": own, "broken": broken_decodes(fast),
        "chats": CHATS, "cases": cases,
        "differsInTransformers": [{"text": index, "ids": as_read[index]["ids"]} for index in differing],
    }


if __name__ == "__main__":
    main()

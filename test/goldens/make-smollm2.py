"""Greedy answers of SmolLM2-135M-Instruct (GGUF, Q4_1) in transformers, on the dequantised weights in f32.

usage: python test/goldens/make-smollm2.py path/to/SmolLM2-135M-Instruct.Q4_1.gguf
writes test/goldens/smollm2.json: per prompt its ids, 48 greedy tokens (or fewer, to the end token), and at each the gap
between the two largest logits. torch 2.13.0, transformers 5.18.0, gguf 0.19.0.
"""
import json, pathlib, sys
import torch, transformers

path = pathlib.Path(sys.argv[1])
load = dict(gguf_file=path.name)
tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, **load)
model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32, **load).eval()
questions = [
    "What is the capital of France?",
    "Tom has 5 apples and buys 7 more. How many apples does he have?",
    "Write one sentence about the sea.",
    "List three primary colours.",
    "Translate to Spanish: Good morning, my friend.",
]
rows = []
for question in questions:
    text = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False)
    prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
    ids, tokens, gaps = list(prompt), [], []
    with torch.no_grad():
        for _ in range(48):
            logits = model(torch.tensor([ids])).logits[0, -1].double()
            top = torch.topk(logits, 2)
            tokens.append(int(top.indices[0]))
            gaps.append(round(float(top.values[0] - top.values[1]), 5))
            ids.append(tokens[-1])
            if tokens[-1] == tokenizer.eos_token_id:
                break
    rows.append(dict(question=question, prompt=prompt, tokens=tokens, gaps=gaps, text=tokenizer.decode(tokens)))
    print(question, "->", repr(rows[-1]["text"]))
out = pathlib.Path(__file__).parent / "smollm2.json"
out.write_text(json.dumps(dict(torch=torch.__version__, transformers=transformers.__version__, rows=rows)) + "\n")

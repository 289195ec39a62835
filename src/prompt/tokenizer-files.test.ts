import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { tokenizerFromGguf } from "./gguf-tokenizer.ts";
import { openTokenizer } from "./text-tokenizer.ts";
import { tokenizerFiles } from "./tokenizer-files.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-tokenizer-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it("writes a GGUF file's tokenizer so that it reads, frames and ends as before", () => {
  const tokens = ["<s>", "</s>", "<end>", "Ġ", "a", "b", "c", "1", "ab", "Ġab", "Ċ"];
  const tokenizer = tokenizerFromGguf({
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.token_type": tokens.map((_, id) => (id < 3 ? 3 : 1)),
    "tokenizer.ggml.merges": ["a b", "Ġ ab"],
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 1,
    "tokenizer.ggml.eot_token_id": 2,
    "tokenizer.ggml.add_bos_token": true,
    "tokenizer.chat_template": "{% for m in messages %}{{ m.content }}<end>{% endfor %}",
  });
  for (const [name, text] of Object.entries(tokenizerFiles(tokenizer)!)) writeFileSync(join(dir, name), text);
  const back = openTokenizer(dir);
  for (const text of ["ab ab", "c1\nab<end>b", " a"]) expect(back.encode(text)).toEqual(tokenizer.encode(text));
  expect(tokenizer.encode(" ab1")).toEqual([9, 7]);
  expect([back.bosId, back.eosId, back.stopIds]).toEqual([0, 1, [1, 2]]);
  expect(back.framing).toEqual({ before: [0], after: [] });
  const messages = [{ role: "user", content: "ab" }] as const;
  expect(back.renderChat(messages, { addGenerationPrompt: false })).toBe("ab<end>");
});

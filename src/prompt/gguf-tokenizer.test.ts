import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CheckpointError, ConfigError, ReckonError } from "../base/errors.ts";
import { openGguf } from "../model/formats/gguf.ts";
import type { ChatMessage } from "./chat-template.ts";
import { tokenizerFromGguf } from "./gguf-tokenizer.ts";
import { mergesByScore } from "./gguf-tokenizer-merges.ts";
import { createTextStream } from "./text-tokenizer.ts";

interface Encoding {
  ids: number[];
  unread?: number[];
  decoded?: string;
}
interface TokenizerJson {
  model: { vocab: Record<string, number>; merges: ([string, string] | string)[] };
  added_tokens: { id: number; special: boolean; content: string }[];
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../test/goldens/${name}`, import.meta.url), "utf8"));
const golden = {
  texts: read("tokenizers.json").texts as string[],
  tokenizers: { ...read("tokenizers.json").tokenizers, ...read("tokenizers-words.json").tokenizers } as Record<
    string,
    { files: { "tokenizer.json": TokenizerJson }; encodings: Encoding[]; framed: number[] }
  >,
};

/** The key-values a GGUF file of this tokenizer has. */
function metadataOf(name: string, more: Record<string, unknown>): Record<string, unknown> {
  const { model, added_tokens } = golden.tokenizers[name].files["tokenizer.json"];
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
  for (const { id, content } of added_tokens) tokens[id] = content;
  const types = new Int32Array(tokens.length).fill(1);
  for (const { id, special } of added_tokens) types[id] = special ? 3 : 4;
  return {
    "general.architecture": "llama",
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.token_type": types,
    "tokenizer.ggml.merges": model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" "))),
    "tokenizer.ggml.eos_token_id": 2,
    ...more,
  };
}

const byteLevel = (name: string, pre?: string): Record<string, unknown> =>
  metadataOf(name, { "tokenizer.ggml.model": "gpt2", ...(pre === undefined ? {} : { "tokenizer.ggml.pre": pre }) });

function sentencePiece(more: Record<string, unknown> = {}): Record<string, unknown> {
  const metadata = metadataOf("scores", { "tokenizer.ggml.model": "llama", "tokenizer.ggml.unknown_token_id": 0 });
  const count = (metadata["tokenizer.ggml.tokens"] as string[]).length;
  const types = metadata["tokenizer.ggml.token_type"] as Int32Array;
  for (let id = 7; id < 263; id++) types[id] = 6;
  types[0] = 2;
  const scores = Float32Array.from({ length: count }, (_, id) => (id < 263 ? 0 : -Math.floor((id - 263) / 3)));
  const { "tokenizer.ggml.merges": _, ...rest } = metadata;
  return { ...rest, "general.architecture": "phi3", "tokenizer.ggml.scores": scores, ...more };
}

describe.each([
  ["gpt2", "a file without tokenizer.ggml.pre", byteLevel("gpt2")],
  ["gpt2", "default", byteLevel("gpt2", "default")],
  ["smollm", "smollm", byteLevel("smollm", "smollm")],
  ["smollm", "refact", byteLevel("smollm", "refact")],
  ["qwen2", "qwen2", byteLevel("qwen2", "qwen2")],
  ["llama3", "llama-bpe", byteLevel("llama3", "llama-bpe")],
  ["gpt-4o", "gpt-4o", byteLevel("gpt-4o", "gpt-4o")],
])("the %s tokenizer as %s", (name, _, metadata) => {
  const tokenizer = tokenizerFromGguf(metadata);

  it("encodes and decodes as Python with the model's own tokenizer.json", () => {
    golden.texts.forEach((text, index) => {
      const own = golden.tokenizers[name].encodings[index];
      expect([text, tokenizer.encode(text)]).toEqual([text, own.ids]);
      expect(tokenizer.encode(text, { specialTokens: "text" })).toEqual(own.unread ?? own.ids);
      expect(tokenizer.decode(own.ids)).toBe(own.decoded ?? text);
    });
  });
});

describe("SentencePiece's BPE in GGUF", () => {
  it("derives the merges from the scores", () => {
    const tokenizer = tokenizerFromGguf(sentencePiece());
    golden.texts.forEach((text, index) => {
      const own = golden.tokenizers.scores.encodings[index];
      // `<unk>` written out is not a control token in a GGUF file, whose type 2 says "unknown".
      if (text.includes("<unk>")) return;
      expect([text, tokenizer.encode(text)]).toEqual([text, own.ids]);
      expect(tokenizer.decode(own.ids)).toBe(own.decoded ?? text);
    });
  });

  it("orders equal scores by the left part's length, then the file", () => {
    const piece = (token: string, id: number, score: number) => ({ token, id, score, type: 1 });
    const pieces = ["a", "b", "ab", "aab", "aa", "ba"].map((token, id) => piece(token, id, token === "aab" ? -1 : -2));
    expect(mergesByScore(pieces)).toEqual([
      ["aa", "b"],
      ["a", "ab"],
      ["a", "b"],
      ["a", "a"],
      ["b", "a"],
    ]);
  });

  it("puts the first token before a text unless the file says not to", () => {
    const first = { "tokenizer.ggml.bos_token_id": 1 };
    expect(tokenizerFromGguf(sentencePiece(first)).framing).toEqual({ before: [1], after: [] });
    const told = { ...first, "tokenizer.ggml.add_bos_token": false, "tokenizer.ggml.add_eos_token": true };
    expect(tokenizerFromGguf(sentencePiece(told)).framing).toEqual({ before: [], after: [2] });
  });

  it("adds no space where the file says not to", () => {
    const tokenizer = tokenizerFromGguf(sentencePiece({ "tokenizer.ggml.add_space_prefix": false }));
    expect(tokenizer.tokenText(tokenizer.encode("a b")[0])).toBe("a");
    expect(tokenizer.decode(tokenizer.encode(" a b"))).toBe(" a b");
  });
});

describe("key-values that cannot be used", () => {
  const broken = (more: Record<string, unknown>) => () =>
    tokenizerFromGguf({ ...byteLevel("gpt2"), ...more }, "m.gguf");

  it.each<[string, Record<string, unknown>, typeof CheckpointError | typeof ConfigError, RegExp]>([
    [
      "no model",
      { "tokenizer.ggml.model": undefined },
      CheckpointError,
      /m\.gguf: `tokenizer\.ggml\.model`: .*nothing/,
    ],
    ["another model", { "tokenizer.ggml.model": "bert" }, ConfigError, /expected gpt2 or llama, got `bert`/],
    ["another cut", { "tokenizer.ggml.pre": "new" }, ConfigError, /expected one of default, .*smollm.*got `new`/],
    ["a cut named as a property", { "tokenizer.ggml.pre": "constructor" }, ConfigError, /got `constructor`/],
    ["no tokens", { "tokenizer.ggml.tokens": [] }, CheckpointError, /tokens`: expected at least one token/],
    ["tokens of another kind", { "tokenizer.ggml.tokens": [1, 2] }, CheckpointError, /token_type|tokens\[0\]/],
    ["fewer types", { "tokenizer.ggml.token_type": [1] }, CheckpointError, /token_type`: expected \d+ types/],
    ["merges of no tokens", { "tokenizer.ggml.merges": ["a zebra"] }, CheckpointError, /merges\[0\]`.*`"a zebra"`/],
    ["merges of one part", { "tokenizer.ggml.merges": ["ab"] }, CheckpointError, /merges\[0\]/],
    ["no merges", { "tokenizer.ggml.merges": undefined }, CheckpointError, /tokenizer\.ggml\.merges`: expected a list/],
    ["no end", { "tokenizer.ggml.eos_token_id": undefined }, CheckpointError, /m\.gguf: expected an end token/],
    ["an end past the tokens", { "tokenizer.ggml.eos_token_id": 9999 }, CheckpointError, /eos_token_id`.*9999/],
    ["a bigint end", { "tokenizer.ggml.eos_token_id": -1n }, CheckpointError, /eos_token_id`.*`-1`/],
    [
      "a template that is no text",
      { "tokenizer.chat_template": 3 },
      CheckpointError,
      /chat_template`: expected a string/,
    ],
  ])("are refused: %s", (_, more, kind, message) => {
    expect(broken(more)).toThrow(kind);
    expect(broken(more)).toThrow(message);
  });

  it("are refused or work, whatever they become", () => {
    const metadata = sentencePiece({ "tokenizer.ggml.merges": ["a b"], "tokenizer.ggml.add_bos_token": true });
    const values = fc.constantFrom<unknown>(
      null,
      undefined,
      0,
      -1,
      1e9,
      3n,
      "",
      "x",
      true,
      [],
      [null],
      {},
      new Uint8Array(3),
    );
    const keys = fc.constantFrom(...Object.keys(metadata), ...Object.keys(byteLevel("gpt2")));
    fc.assert(
      fc.property(keys, values, fc.boolean(), (key, value, isByteLevel) => {
        try {
          const mutated = { ...(isByteLevel ? byteLevel("gpt2", "qwen2") : metadata), [key]: value };
          const tokenizer = tokenizerFromGguf(mutated, "m.gguf");
          tokenizer.decode(tokenizer.encode("a b<s> é 12"));
        } catch (error) {
          expect(error).toBeInstanceOf(ReckonError);
        }
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  it("include chat templates that are not there", () => {
    const tokenizer = tokenizerFromGguf(byteLevel("gpt2"), "m.gguf");
    expect(() => tokenizer.renderChat([], { addGenerationPrompt: true })).toThrow(
      /m\.gguf: .*--template FILE .*`tokenizer\.chat_template` into the file/,
    );
  });
});

const path = fileURLToPath(
  new URL("../../../shared/models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf", import.meta.url),
);
const absent = !existsSync(path);
if (absent) console.log("skipped, 5 tests: SmolLM2's tokenizer (../shared/models/smollm2-135m-instruct is absent)");

describe.skipIf(absent)("SmolLM2's tokenizer", async () => {
  const own = read("tokenizers-smollm2.json") as {
    texts: string[];
    encodings: Encoding[];
    broken: { ids: number[]; decoded: string }[];
    chats: ChatMessage[][];
    cases: { chat: number; prompt: boolean; text: string; ids: number[] }[];
    differsInTransformers: { text: number; ids: number[] }[];
  };
  if (absent) return;
  const { source, metadata } = openGguf(path);
  source.close();
  const tokenizer = tokenizerFromGguf(metadata, path);

  it("encodes and decodes as Python", () => {
    own.texts.forEach((text, index) => {
      const { ids, unread, decoded } = own.encodings[index];
      expect([text, tokenizer.encode(text)]).toEqual([text, ids]);
      expect(tokenizer.encode(text, { specialTokens: "text" })).toEqual(unread ?? ids);
      expect(tokenizer.decode(ids)).toBe(decoded ?? text);
      const stream = createTextStream(tokenizer);
      expect(ids.map((id) => stream.push(id)).join("") + stream.flush()).toBe(decoded ?? text);
    });
    for (const { ids, decoded } of own.broken) expect(tokenizer.decode(ids)).toBe(decoded);
  });

  it("differs from transformers' reading of the file in digits after runs of spaces and in other numerals alone", () => {
    expect(own.differsInTransformers.length).toBeGreaterThan(0);
    for (const { text, ids } of own.differsInTransformers) {
      expect(own.texts[text]).toMatch(/\s\s+\p{N}|(?![0-9])\p{N}/u);
      expect(tokenizer.encode(own.texts[text])).not.toEqual(ids);
    }
  });

  it("renders and encodes chats as Python", () => {
    for (const { chat, prompt, text, ids } of own.cases) {
      const settings = { addGenerationPrompt: prompt };
      expect(tokenizer.renderChat(own.chats[chat], settings)).toBe(text);
      expect(tokenizer.encodeChat(own.chats[chat], { ...settings, specialTokensInContent: "parse" })).toEqual(ids);
    }
  });

  it("knows its ids", () => {
    expect(tokenizer.vocabularySize).toBe(49152);
    expect([tokenizer.eosId, tokenizer.bosId, tokenizer.stopIds]).toEqual([2, 1, [2]]);
    expect(tokenizer.framing).toEqual({ before: [], after: [] });
    expect(tokenizer.tokenText(2)).toBe("<|im_end|>");
  });

  it("keeps a user from ending the turn", () => {
    const ids = tokenizer.encodeChat([{ role: "user", content: "<|im_end|>" }], { addGenerationPrompt: true });
    expect(ids.filter((id) => id === tokenizer.eosId).length).toBe(2);
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, DataError, ReckonError } from "../base/errors.ts";
import { createTextStream, openTokenizer, type TextTokenizer } from "./text-tokenizer.ts";
import { TokenizerPipeline } from "./tokenizer-pipeline.ts";

interface Encoding {
  ids: number[];
  unread?: number[];
  decoded?: string;
}

interface GoldenTokenizer {
  files: Record<string, unknown>;
  framed: number[];
  length: number;
  encodings: Encoding[];
  broken: { ids: number[]; decoded: string }[];
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../test/goldens/${name}`, import.meta.url), "utf8"));
const texts = read("tokenizers.json").texts as string[];
const tokenizers = {
  ...read("tokenizers.json").tokenizers,
  ...read("tokenizers-words.json").tokenizers,
} as Record<string, GoldenTokenizer>;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function folderOf(files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), "reckon-tokenizer-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

function streamed(tokenizer: TextTokenizer, ids: readonly number[]): string {
  const stream = createTextStream(tokenizer);
  return ids.map((id) => stream.push(id)).join("") + stream.flush();
}

describe.each(Object.entries(tokenizers))("a %s tokenizer", (_, made) => {
  const tokenizer = openTokenizer(folderOf(made.files));

  it.each(texts.map((text, index) => [text, made.encodings[index]] as const))("encodes %j as Python", (text, own) => {
    expect(tokenizer.encode(text)).toEqual(own.ids);
    expect(tokenizer.encode(text, { specialTokens: "text" })).toEqual(own.unread ?? own.ids);
  });

  it.each(texts.map((text, index) => [text, made.encodings[index]] as const))("decodes %j as Python", (text, own) => {
    expect(tokenizer.decode(own.ids)).toBe(own.decoded ?? text);
    expect(streamed(tokenizer, own.ids)).toBe(own.decoded ?? text);
  });

  it("decodes cut characters as Python", () => {
    for (const { ids, decoded } of made.broken) expect(tokenizer.decode(ids)).toBe(decoded);
  });

  it("knows its size and what goes around a text", () => {
    expect(tokenizer.vocabularySize).toBe(made.length);
    expect([...tokenizer.framing.before, ...tokenizer.encode("a"), ...tokenizer.framing.after]).toEqual(made.framed);
  });
});

describe("an opened tokenizer", () => {
  const { files } = tokenizers.smollm;
  const json = files["tokenizer.json"] as Record<string, unknown>;
  const config = files["tokenizer_config.json"] as Record<string, unknown>;
  const withConfig = (more: Record<string, unknown>, others: Record<string, unknown> = {}) =>
    openTokenizer(folderOf({ ...files, "tokenizer_config.json": { ...config, ...more }, ...others }));

  it("ends at generation_config.json's tokens too", () => {
    expect(withConfig({}).stopIds).toEqual([2]);
    expect(withConfig({}, { "generation_config.json": { eos_token_id: [2, 0] } }).stopIds).toEqual([2, 0]);
    const unnamed = withConfig({ eos_token: null }, { "generation_config.json": { eos_token_id: 0 } });
    expect([unnamed.eosId, unnamed.stopIds]).toEqual([0, [0]]);
  });

  it("takes special tokens from special_tokens_map.json, and as objects", () => {
    const { eos_token: _, ...rest } = config;
    const map = { eos_token: { content: "<|im_end|>", lstrip: false } };
    const folder = folderOf({ ...files, "tokenizer_config.json": rest, "special_tokens_map.json": map });
    expect(openTokenizer(folder).eosId).toBe(2);
  });

  it("has ends of texts where the configuration says so", () => {
    expect(withConfig({ add_bos_token: true, add_eos_token: true }).framing).toEqual({ before: [1], after: [2] });
  });

  it("reads added tokens that tokenizer_config.json alone has", () => {
    const size = withConfig({}).vocabularySize;
    const decoder = { [size + 3]: { content: "<late>", special: true, normalized: false } };
    const tokenizer = withConfig({ added_tokens_decoder: decoder });
    expect(tokenizer.encode("a<late>").at(-1)).toBe(size + 3);
    expect(tokenizer.vocabularySize).toBe(size + 4);
    expect(() => tokenizer.decode([size + 1])).toThrow(DataError);
  });

  it("takes the template named default, and a file before it", () => {
    const named = {
      chat_template: [
        { name: "tools", template: "t" },
        { name: "default", template: "d" },
      ],
    };
    expect(withConfig(named).renderChat([], { addGenerationPrompt: false })).toBe("d");
    const file = { "chat_template.jinja": "f" };
    expect(withConfig(named, file).renderChat([], { addGenerationPrompt: false })).toBe("f");
  });

  it("refuses ids that are none of its own", () => {
    const tokenizer = openTokenizer(folderOf(files));
    for (const id of [-1, tokenizer.vocabularySize, 1.5, Number.NaN]) {
      expect(() => tokenizer.decode([id])).toThrow(DataError);
      expect(() => tokenizer.tokenText(id)).toThrow(/expected an id of the vocabulary/);
    }
  });

  const model = json.model as Record<string, unknown>;
  const vocab = model.vocab as Record<string, number>;
  it.each<[string, Record<string, unknown>, RegExp]>([
    ["an empty object", {}, /tokenizer\.json: `model`: expected an object, got nothing/],
    ["a list", [] as unknown as Record<string, unknown>, /tokenizer\.json: expected an object, got a list of 0/],
    ["another model", { ...json, model: { type: "Neural" } }, /`model\.type`: expected BPE, .*got `"Neural"`/],
    ["no vocabulary", { ...json, model: { ...model, vocab: null } }, /`model\.vocab`: expected an object/],
    ["an id that is none", { ...json, model: { ...model, vocab: { ...vocab, a: 1e12 } } }, /`model\.vocab\.a`/],
    ["a broken merge", { ...json, model: { ...model, merges: [["a", "zebra"]] } }, /`model\.merges\[0\]`/],
    ["a merge that is none", { ...json, model: { ...model, merges: [[1]] } }, /`model\.merges\[0\]`/],
    ["another normalizer", { ...json, normalizer: { type: "Precompiled" } }, /`normalizer\.type`.*not supported/],
    ["another pre-tokenizer", { ...json, pre_tokenizer: { type: "Magic" } }, /`pre_tokenizer\.type`.*not supported/],
    ["another decoder", { ...json, decoder: { type: "CTC" } }, /`decoder\.type`.*not supported/],
    [
      "an expression that is none",
      { ...json, pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated" } },
      /`pre_tokenizer\.pattern\.Regex`: expected an expression/,
    ],
    ["an added token without text", { ...json, added_tokens: [{ id: 1 }] }, /`added_tokens\[0\]\.content`/],
  ])("refuses %s", (_, broken, message) => {
    const folder = folderOf({ ...files, "tokenizer.json": broken });
    expect(() => openTokenizer(folder)).toThrow(CheckpointError);
    expect(() => openTokenizer(folder)).toThrow(message);
  });

  it("refuses files that are missing or no JSON", () => {
    expect(() => openTokenizer(folderOf({}))).toThrow(/tokenizer\.json: there is no such file/);
    expect(() => openTokenizer(folderOf({ "tokenizer.json": "{" }))).toThrow(/tokenizer\.json: expected JSON/);
    expect(() => openTokenizer(folderOf({ ...files, "tokenizer_config.json": "x" }))).toThrow(
      /config\.json: expected JSON/,
    );
  });

  it("refuses to be without an end", () => {
    expect(() => withConfig({ eos_token: null })).toThrow(/expected an end token \(`eos_token`\).*got none/);
    expect(() => withConfig({ eos_token: "<nope>" })).toThrow(/got `<nope>`/);
    expect(() => withConfig({}, { "generation_config.json": { eos_token_id: 99999 } })).toThrow(/below \d+.*got 99999/);
    expect(() => withConfig({}, { "generation_config.json": { eos_token_id: "2" } })).toThrow(/`eos_token_id`/);
  });

  it("is refused or works, whatever one field becomes", () => {
    const places = placesOf(json).filter((place) => !(place[0] === "model" && place.length > 3));
    const values = fc.constantFrom<unknown>(null, 0, -1, 2.5, "", "ByteLevel", true, [], {}, [[]], undefined);
    fc.assert(
      fc.property(fc.constantFrom(...places), values, (place, value) => {
        try {
          const tokenizer = new TokenizerPipeline(replaced(json, place, value), "mutated");
          tokenizer.decode(tokenizer.encode("a 12<|im_end|> é\n", { accepts: () => true }));
        } catch (error) {
          expect(error).toBeInstanceOf(ReckonError);
        }
      }),
      { numRuns: 150, seed: 4 },
    );
  });

  it("reads and writes back any text", () => {
    const tokenizer = openTokenizer(folderOf(tokenizers.smollm.files));
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        const ids = tokenizer.encode(text, { specialTokens: "text" });
        expect(tokenizer.decode(ids)).toBe(text);
        expect(streamed(tokenizer, ids)).toBe(text);
      }),
      { numRuns: 200, seed: 4 },
    );
  });
});

/** Every place in a JSON value, as keys from the top. */
function placesOf(value: unknown): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((key) => {
    const own = (value as Record<string, unknown>)[key];
    const inner = Object.keys(own ?? {}).length > 30 ? [] : placesOf(own);
    return [[key], ...inner.map((place) => [key, ...place])];
  });
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as never) : { ...(value as object) };
  copy[key] = rest.length === 0 ? by : replaced(copy[key], rest, by);
  return copy;
}

describe("a text stream", () => {
  const tokenizer = openTokenizer(folderOf(tokenizers.smollm.files));

  it("withholds a character until it is whole", () => {
    const bytes = tokenizer.encode("😀").map((id) => [id]);
    expect(bytes.length).toBe(4);
    const stream = createTextStream(tokenizer);
    expect(stream.push(tokenizer.encode("a")[0])).toBe("a");
    expect(bytes.map(([id]) => stream.push(id))).toEqual(["", "", "", "😀"]);
    expect(stream.push(bytes[0][0])).toBe("");
    expect(stream.push(tokenizer.encode("b")[0])).toBe("\uFFFDb");
    expect(stream.push(bytes[0][0])).toBe("");
    expect(stream.flush()).toBe("\uFFFD");
    expect(stream.flush()).toBe("");
  });

  it("joins to what decode gives, for any ids", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(tokenizer.vocabularySize - 1), { maxLength: 40 }), (ids) => {
        expect(streamed(tokenizer, ids)).toBe(tokenizer.decode(ids));
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  it("keeps the spaces between the words of SentencePiece", () => {
    const marked = openTokenizer(folderOf(tokenizers.sentencepiece.files));
    const ids = marked.encode("sold  half 漢");
    const stream = createTextStream(marked);
    const pieces = ids.map((id) => stream.push(id));
    expect(pieces.join("") + stream.flush()).toBe("sold  half 漢");
    expect(pieces.slice(-3)).toEqual(["", "", "漢"]);
  });
});

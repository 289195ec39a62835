import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, ConfigError, DataError } from "../base/errors.ts";
import { createTextStream, openTokenizer, type TextTokenizer } from "./text-tokenizer.ts";

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

const golden = JSON.parse(readFileSync(new URL("../../test/goldens/tokenizers.json", import.meta.url), "utf8")) as {
  texts: string[];
  tokenizers: Record<string, GoldenTokenizer>;
};

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

describe.each(Object.entries(golden.tokenizers))("a %s tokenizer", (_, made) => {
  const tokenizer = openTokenizer(folderOf(made.files));

  it.each(golden.texts.map((text, index) => [text, made.encodings[index]] as const))(
    "encodes %j as Python",
    (text, own) => {
      expect(tokenizer.encode(text)).toEqual(own.ids);
      expect(tokenizer.encode(text, { specialTokens: "text" })).toEqual(own.unread ?? own.ids);
    },
  );

  it.each(golden.texts.map((text, index) => [text, made.encodings[index]] as const))(
    "decodes %j as Python",
    (text, own) => {
      expect(tokenizer.decode(own.ids)).toBe(own.decoded ?? text);
      expect(streamed(tokenizer, own.ids)).toBe(own.decoded ?? text);
    },
  );

  it("decodes cut characters as Python", () => {
    for (const { ids, decoded } of made.broken) expect(tokenizer.decode(ids)).toBe(decoded);
  });

  it("knows its size and what goes around a text", () => {
    expect(tokenizer.vocabularySize).toBe(made.length);
    expect([...tokenizer.framing.before, ...tokenizer.encode("a"), ...tokenizer.framing.after]).toEqual(made.framed);
  });
});

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { mutated, mutations } from "../../../test/mutations.ts";
import { CheckpointError } from "../../base/errors.ts";
import { openGguf } from "./gguf.ts";
import { elementsOf, readRows, storedFormats } from "./weight-source.ts";

const golden = JSON.parse(readFileSync(new URL("gguf.golden.json", import.meta.url), "utf8"));
const goldenFile = Buffer.from(golden.file, "base64");
const dir = mkdtempSync(join(tmpdir(), "reckon-gguf-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = join(dir, "model.gguf");

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number | bigint) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string | Buffer) => Buffer.concat([u64(Buffer.from(value).length), Buffer.from(value)]);
const entry = (key: string, type: number, ...value: Buffer[]) => Buffer.concat([text(key), u32(type), ...value]);
/** Description of a tensor; axes innermost first, as the file has them. */
const tensor = (name: string, axes: (number | bigint)[], type: number, offset: number | bigint) =>
  Buffer.concat([text(name), u32(axes.length), ...axes.map(u64), u32(type), u64(offset)]);

interface Parts {
  magic?: string;
  version?: number;
  tensorCount?: number | bigint;
  entryCount?: number | bigint;
  entries?: Buffer[];
  tensors?: Buffer[];
  data?: number;
}

/** A file of the given parts, its data at the next multiple of 32. */
function fileOf({ magic = "GGUF", version = 3, entries = [], tensors = [], data = 0, ...counts }: Parts): Buffer {
  const header = Buffer.concat([
    Buffer.from(magic),
    u32(version),
    u64(counts.tensorCount ?? tensors.length),
    u64(counts.entryCount ?? entries.length),
    ...entries,
    ...tensors,
  ]);
  const padding = data === 0 ? 0 : (32 - (header.length % 32)) % 32;
  return Buffer.concat([header, Buffer.alloc(padding + data)]);
}

function refusal(bytes: Uint8Array): string {
  writeFileSync(path, bytes);
  try {
    openGguf(path).source.close();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as CheckpointError).message;
  }
  throw new Error("expected a CheckpointError");
}

describe("openGguf", () => {
  it("reads what Python's gguf writes: every kind of metadata, tensors outermost axis first", () => {
    writeFileSync(path, goldenFile);
    const { source, metadata } = openGguf(path);
    expect({ ...metadata }).toEqual({
      "general.architecture": "llama",
      "a.uint8": 200,
      "a.int8": -100,
      "a.uint16": 60000,
      "a.int16": -30000,
      "a.uint32": 4_000_000_000,
      "a.int32": -2_000_000_000,
      "a.uint64": 2 ** 53 - 1,
      "a.large": 2n ** 63n + 1n,
      "a.int64": -(2 ** 40),
      "a.float32": Math.fround(0.1),
      "a.float64": 0.1,
      "a.bool": true,
      "a.text": "é\n𝄞",
      "a.numbers": [1, -2, 3],
      "a.texts": ["<s>", "", "▁the"],
    });
    expect([...source.tensors.values()].map(({ name, shape, format }) => [name, format, shape.join("×")])).toEqual([
      ["f32", "f32", "3×5"],
      ["f16", "f16", "3×64"],
      ["bf16", "bf16", "3×64"],
      ["q8_0", "q8_0", "3×64"],
      ["q4_0", "q4_0", "3×64"],
      ["q4_1", "q4_1", "3×64"],
      ["q4_K", "q4_K", "2×256"],
      ["q5_K", "q5_K", "2×256"],
      ["q6_K", "q6_K", "2×256"],
      ["stack", "f32", "2×3×4"],
    ]);
    source.close();
  });

  it.each(Object.keys(golden.values))("gives the rows of %s as Python does", (name) => {
    writeFileSync(path, goldenFile);
    const { source } = openGguf(path);
    const expected = golden.values[name].flat(2);
    const stored = source.tensors.get(name)!;
    expect([...readRows(stored)]).toEqual(expected);
    expect([...readRows(stored, 1, 2)]).toEqual(expected.slice(stored.shape.at(-1), 2 * stored.shape.at(-1)!));
    source.close();
  });

  it("keeps a key of any name apart from what objects have", () => {
    writeFileSync(path, fileOf({ entries: [entry("__proto__", 7, Buffer.of(1)), entry("toString", 8, text("x"))] }));
    const { metadata } = openGguf(path);
    expect(Object.entries(metadata)).toEqual([
      ["__proto__", true],
      ["toString", "x"],
    ]);
  });

  it("says what is wrong with a foreign, truncated or hostile file", () => {
    const a = tensor("a", [4], 0, 0);
    const huge = 2n ** 64n - 1n;
    const nested = (depth: number): Buffer =>
      depth === 0 ? Buffer.concat([u32(0), u64(0)]) : Buffer.concat([u32(9), u64(1), nested(depth - 1)]);
    const cases: [Buffer, string][] = [
      [Buffer.alloc(0), "at least 24 bytes, got 0"],
      [fileOf({ magic: "GGML" }), 'expected "GGUF"'],
      [fileOf({ version: 1 }), "version: expected 2 or 3, got 1"],
      [fileOf({ version: 0x03000000 }), "big-endian"],
      [fileOf({ tensorCount: huge }), "tensor count: got 18446744073709551615"],
      [fileOf({ tensorCount: 2 ** 40 }), "tensor count: expected at most 131072, got 1099511627776"],
      [fileOf({ tensorCount: 1000 }), "tensor count: got 1000, which needs at least 24000 bytes, and 8 are left"],
      [fileOf({ entryCount: 1000 }), "metadata count: got 1000"],
      [
        fileOf({ entries: [Buffer.concat([text(Buffer.of(0xff)), u32(7), Buffer.of(1)])] }),
        "metadata key 0: expected UTF-8",
      ],
      [fileOf({ entries: [Buffer.concat([u64(2 ** 50), Buffer.alloc(20)])] }), "metadata key 0: length: got"],
      [fileOf({ entries: [entry("k", 13, u32(0))] }), 'metadata "k": type: expected 0 … 12, got 13'],
      [fileOf({ entries: [entry("k", 7, Buffer.of(2))] }), 'metadata "k": expected a bool of 0 or 1, got 2'],
      [fileOf({ entries: [entry("k", 8, text(Buffer.of(0xff)))] }), 'metadata "k": expected UTF-8'],
      [fileOf({ entries: [entry("k", 12, u32(0))] }), 'metadata "k": expected 8 bytes at 37, 4 are left'],
      [fileOf({ entries: [entry("k", 9, u32(0), u64(huge))] }), 'metadata "k": length: got 18446744073709551615'],
      [fileOf({ entries: [entry("k", 9, u32(8), u64(100), Buffer.alloc(80))] }), 'metadata "k": length: got 100'],
      [fileOf({ entries: [entry("k", 9, nested(5))] }), 'metadata "k": expected at most 4 arrays'],
      [fileOf({ entries: [entry("k", 4, u32(1)), entry("k", 4, u32(2))] }), 'key "k" comes twice'],
      [fileOf({ entries: [entry("general.alignment", 4, u32(24))] }), "expected a power of two, got 24"],
      [fileOf({ entries: [entry("general.alignment", 8, text("32"))] }), "expected a power of two, got 32"],
      [fileOf({ entries: [entry("split.count", 2, Buffer.of(3, 0))] }), "one of 3 parts; merge them"],
      [fileOf({ tensors: [a, a], data: 16 }), 'tensor "a": the name comes twice'],
      [fileOf({ tensors: [tensor("a", [1, 1, 1, 1, 1], 0, 0)], data: 4 }), "number of axes: expected at most 4, got 5"],
      [
        fileOf({ tensors: [tensor("a", [32], 6, 0)], data: 32 }),
        'tensor "a": type Q5_0 cannot be read, expected one of F32',
      ],
      [fileOf({ tensors: [tensor("a", [32], 99, 0)], data: 32 }), 'tensor "a": type 99 cannot be read'],
      [fileOf({ tensors: [tensor("a", [33], 8, 0)], data: 64 }), "expected rows of whole blocks of 32 for q8_0"],
      [fileOf({ tensors: [tensor("a", [huge], 0, 0)], data: 64 }), 'tensor "a": shape: got 18446744073709551615'],
      [fileOf({ tensors: [tensor("a", [2 ** 31, 2 ** 31, 4], 0, 0)], data: 64 }), "of f32 at offset 0 needs data of"],
      [fileOf({ tensors: [a], data: 15 }), "needs data of 16 bytes, the file has 15: truncated"],
      [fileOf({ tensors: [tensor("a", [4], 0, 2 ** 40)], data: 16 }), "offset: expected 0"],
      [fileOf({ tensors: [tensor("a", [4], 0, huge)], data: 16 }), 'tensor "a": offset: got'],
      [fileOf({ tensors: [a, tensor("b", [4], 0, 16)], data: 48 }), 'tensor "b": offset: expected 32'],
      [fileOf({ tensors: [a, tensor("b", [4], 0, 0)], data: 48 }), 'tensor "b": offset: expected 32'],
      [fileOf({ tensors: [a, tensor("b", [4], 0, 64)], data: 80 }), 'tensor "b": offset: expected 32'],
      [fileOf({ tensors: [a], data: 64 }), "to end after its last tensor (16 data bytes), got 64"],
    ];
    for (const [bytes, problem] of cases) {
      const message = refusal(bytes);
      expect(message).toContain(problem);
      expect(message.startsWith(`${path}: `)).toBe(true);
      expect(message).toContain("fetch or write the file again");
    }
    expect(() => openGguf(join(dir, "missing.gguf"))).toThrow("no such file");
    expect(() => openGguf(dir)).toThrow("expected a file, got a directory");
  });

  it("refuses a file cut anywhere", () => {
    for (let length = 0; length < goldenFile.length; length += 97) refusal(goldenFile.subarray(0, length));
  });

  it("bounds what a long header may cost", () => {
    const length = 1 << 28;
    const begin = fileOf({ entries: [Buffer.concat([text("k"), u32(8), u64(length)])] });
    writeFileSync(path, begin);
    truncateSync(path, begin.length + length);
    expect(() => openGguf(path)).toThrow('metadata "k": expected a header of at most 268435456 bytes');
    rmSync(path);
  });

  it("bounds what a list of small values may cost", () => {
    const count = (1 << 24) + 1;
    const message = refusal(fileOf({ entries: [entry("k", 9, u32(0), u64(count), Buffer.alloc(count))] }));
    expect(message).toContain('metadata "k": expected at most 16777216 values in all arrays');
  });

  it("reads or refuses any mutated file, never anything else", () => {
    const small = fileOf({
      entries: [entry("general.alignment", 4, u32(32)), entry("k", 9, u32(8), u64(2), text("x"), text("yz"))],
      tensors: [tensor("a", [4, 2], 0, 0), tensor("b", [32], 8, 32)],
      data: 66,
    });
    let refused = 0;
    fc.assert(
      fc.property(mutations(small.length), (edits) => {
        const bytes = mutated(small, edits);
        writeFileSync(path, bytes);
        try {
          const { source } = openGguf(path);
          for (const stored of source.tensors.values()) {
            const block = storedFormats[stored.format];
            expect(stored.bytes().length).toBe((elementsOf(stored.shape) / block.length) * block.bytes);
            expect(stored.bytes().length).toBeLessThan(bytes.length);
          }
          source.close();
        } catch (error) {
          if (!(error instanceof CheckpointError)) throw error;
          refused++;
        }
      }),
      { numRuns: 600, seed: 7 },
    );
    expect(refused).toBeGreaterThan(300);
    expect(refused).toBeLessThan(600);
  });
});

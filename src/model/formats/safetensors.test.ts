import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { mutated, mutations } from "../../../test/mutations.ts";
import { CheckpointError } from "../../base/errors.ts";
import { findDuplicateKey } from "./json-keys.ts";
import { readSafetensors, type SafetensorsTensor, toFloat32, writeSafetensors } from "./safetensors.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-safetensors-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = join(dir, "model.safetensors");

const tensors: [string, SafetensorsTensor][] = [
  ["z.weight", { dtype: "F32", shape: [2, 2], data: Float32Array.of(1, -2.5, Number.NaN, 1e-40) }],
  ["10", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ["9", { dtype: "F64", shape: [], data: Float64Array.of(Math.PI) }],
  ["é", { dtype: "BF16", shape: [1, 2], data: Uint16Array.of(0x3f80, 0xff80) }],
  ["__proto__", { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 62n)) }],
  ["empty", { dtype: "I32", shape: [0, 7], data: new Int32Array(0) }],
];

/** A file of the given header (text or value) and data. */
function fileOf(header: unknown, data: Uint8Array | number = 0): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, typeof data === "number" ? Buffer.alloc(data) : data]);
}

function refusal(bytes: Uint8Array): string {
  writeFileSync(path, bytes);
  try {
    readSafetensors(path);
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as CheckpointError).message;
  }
  throw new Error("expected a CheckpointError");
}

describe("writeSafetensors", () => {
  it("keeps names, order, shapes and bits, and gives the same bytes again", () => {
    writeSafetensors(path, tensors, { step: "3" });
    const bytes = readFileSync(path);
    const back = readSafetensors(path);
    expect(back.metadata).toEqual({ step: "3" });
    expect([...back.tensors.keys()]).toEqual(tensors.map(([name]) => name));
    expect([...back.tensors]).toEqual(tensors);
    writeSafetensors(path, back.tensors, back.metadata);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it("lays the header out as the format says, data at a multiple of 8", () => {
    writeSafetensors(path, [["a", { dtype: "F32", shape: [1], data: Float32Array.of(1) }]]);
    const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ';
    expect(readFileSync(path).equals(fileOf(header, Buffer.from("0000803f", "hex")))).toBe(true);
    expect((8 + header.length) % 8).toBe(0);
  });

  it("writes views of larger arrays", () => {
    const whole = Float32Array.of(1, 2, 3, 4);
    writeSafetensors(path, [["a", { dtype: "F32", shape: [2], data: whole.subarray(1, 3) }]]);
    expect(readSafetensors(path).tensors.get("a")?.data).toEqual(Float32Array.of(2, 3));
  });

  it("refuses what could not be read back, leaving nothing aside", () => {
    const one: SafetensorsTensor = { dtype: "F32", shape: [1], data: Float32Array.of(1) };
    expect(() => writeSafetensors(path, [["a", { ...one, shape: [2] }]])).toThrow(
      "expected F32 values for shape [2], got 1",
    );
    expect(() => writeSafetensors(path, [["a", { ...one, dtype: "I32" }]])).toThrow("expected I32 values");
    expect(() =>
      writeSafetensors(path, [
        ["a", one],
        ["a", one],
      ]),
    ).toThrow("expected a name of its own");
    expect(() => writeSafetensors(path, [["__metadata__", one]])).toThrow("expected a name of its own");
    expect(readdirSync(dir)).toEqual(["model.safetensors"]);
  });
});

describe("readSafetensors", () => {
  it("reads what Python's safetensors writes", () => {
    const golden = JSON.parse(readFileSync(new URL("safetensors.golden.json", import.meta.url), "utf8"));
    writeFileSync(path, Buffer.from(golden.file, "base64"));
    const { metadata, tensors: read } = readSafetensors(path);
    expect(metadata).toEqual({ format: "pt", é: "ü" });
    const python = (text: string) => Number(text.replace("inf", "Infinity"));
    for (const [name, values] of Object.entries<string[]>(golden.values)) {
      const tensor = read.get(name)!;
      if (tensor.dtype === "I64") expect([...tensor.data].map(String)).toEqual(values);
      else if (tensor.dtype === "F16" || tensor.dtype === "BF16")
        expect([...toFloat32(tensor)]).toEqual(values.map(python));
      else expect([...tensor.data]).toEqual(values.map(python));
    }
    expect(Object.fromEntries([...read].map(([name, { shape }]) => [name, shape]))).toEqual({
      double: [1, 2],
      float: [3],
      half: [4],
      brain: [3, 1],
      long: [2],
      int: [],
      byte: [3],
      empty: [0, 4],
    });
  });

  it("says what is wrong with a foreign, truncated or hostile file", () => {
    const a = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
    const b = { dtype: "F32", shape: [1], data_offsets: [8, 12] };
    const cases: [Uint8Array, string][] = [
      [Buffer.alloc(0), "at least 10 bytes, got 0"],
      [Buffer.from("not a safetensors file at all"), "header length: expected at most 100000000"],
      [fileOf({ a }, 8).subarray(0, 30), "truncated"],
      [fileOf({ a }, 7), 'tensor "a": data_offsets: expected at most 7'],
      [fileOf({ a }, 9), "to end after its last tensor (8 data bytes), got 9"],
      [fileOf('{"a": ', 8), "header: expected JSON"],
      [fileOf("[1,2,3]"), "header: expected a JSON object"],
      [fileOf("[".repeat(1_000_000)), "header: expected JSON, got more than 3 objects and lists in each other"],
      [fileOf(`[${"{},".repeat(100_000)}0]`), "header: expected JSON, got a list of more than 64 values"],
      [fileOf(`{${'"":{},'.repeat(100_000)}"":0}`), "objects and lists in 600006 bytes"],
      [Buffer.concat([fileOf("12").subarray(0, 8), Buffer.from([0xff, 0xfe])]), "header: expected JSON"],
      [fileOf({ a: 1 }), 'tensor "a": expected an object, got 1'],
      [fileOf({ a: { ...a, dtype: "F8" } }, 8), 'tensor "a": dtype: expected one of F64, F32'],
      [fileOf({ a: { ...a, dtype: "toString" } }, 8), 'tensor "a": dtype'],
      [fileOf({ a: { ...a, shape: [-2] } }, 8), 'tensor "a": shape: expected a list of whole numbers'],
      [fileOf({ a: { ...a, shape: [2.5] } }, 8), 'tensor "a": shape'],
      [fileOf({ a: { ...a, shape: [3] } }, 8), 'tensor "a": shape [3] of F32 needs 12 bytes, data_offsets give 8'],
      [fileOf({ a: { ...a, shape: [2 ** 40, 2 ** 40] } }, 8), 'tensor "a": shape'],
      [fileOf({ a: { ...a, data_offsets: [8, 0] } }, 8), 'tensor "a": data_offsets: expected begin ≤ end'],
      [fileOf({ a: { ...a, data_offsets: [0] } }, 8), 'tensor "a": data_offsets: expected two whole numbers'],
      [fileOf({ a: { ...a, data_offsets: [0, 2 ** 60] } }, 8), 'tensor "a": data_offsets'],
      [
        fileOf({ a, b: { ...b, data_offsets: [4, 8] } }, 8),
        'tensor "b": data_offsets: begins at 4, inside the tensor before it',
      ],
      [
        fileOf({ a, b: { ...b, data_offsets: [12, 16] } }, 16),
        'tensor "b": data_offsets: begins at 12, leaving bytes from 8 unused',
      ],
      [fileOf(`{"a":${JSON.stringify(a)},"\\u0061":${JSON.stringify(a)}}`, 8), 'name "a" comes twice'],
      [fileOf('{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}', 8), 'name "dtype" comes twice'],
      [fileOf({ __metadata__: { x: 1 } }), "__metadata__.x: expected text, got 1"],
    ];
    for (const [bytes, problem] of cases) {
      const message = refusal(bytes);
      expect(message).toContain(problem);
      expect(message.startsWith(`${path}: `)).toBe(true);
      expect(message).toContain("fetch or write the file again");
    }
    expect(() => readSafetensors(join(dir, "missing"))).toThrow("no such file");
    expect(() => readSafetensors(dir)).toThrow("expected a file, got a directory");
  });

  it("reads or refuses any mutated file, never anything else", () => {
    writeSafetensors(path, tensors, { step: "3" });
    const original = readFileSync(path);
    let refused = 0;
    fc.assert(
      fc.property(mutations(original.length), (edits) => {
        writeFileSync(path, mutated(original, edits));
        try {
          for (const { shape, data } of readSafetensors(path).tensors.values()) {
            expect(shape.reduce((x, y) => x * y, 1)).toBe(data.length);
          }
        } catch (error) {
          if (!(error instanceof CheckpointError)) throw error;
          refused++;
        }
      }),
      { numRuns: 600, seed: 7 },
    );
    expect(refused).toBeGreaterThan(300);
  });
});

describe("toFloat32", () => {
  it("widens every f16 and bf16 exactly", () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const half = toFloat32({ dtype: "F16", shape: [65536], data: bits });
    expect([half[0x3c00], half[0x0001], half[0x7bff], half[0xfc00], half[0x0400]]).toEqual([
      1,
      2 ** -24,
      65504,
      Number.NEGATIVE_INFINITY,
      2 ** -14,
    ]);
    expect(Object.is(half[0x8000], -0)).toBe(true);
    expect(half[0x7e00]).toBeNaN();
    for (let i = 1; i < 0x7c00; i++) expect(half[i]).toBeGreaterThan(half[i - 1]);
    const brain = toFloat32({ dtype: "BF16", shape: [65536], data: bits });
    expect(new Uint32Array(brain.buffer).every((word, i) => word === i * 65536)).toBe(true);
  });

  it("converts the others, sharing f32", () => {
    const data = Float32Array.of(1);
    expect(toFloat32({ dtype: "F32", shape: [1], data })).toBe(data);
    expect(toFloat32({ dtype: "F64", shape: [1], data: Float64Array.of(0.1) })).toEqual(Float32Array.of(0.1));
    expect(toFloat32({ dtype: "I64", shape: [1], data: BigInt64Array.of(-3n) })).toEqual(Float32Array.of(-3));
  });
});

describe("findDuplicateKey", () => {
  it("looks at keys alone, in every object", () => {
    expect(findDuplicateKey('{"a":"b","b":["a","a"],"c":{"a":1}}')).toBeNull();
    expect(findDuplicateKey('{"a":{"x\\"":1,"y":[{"k":1,"k" :2}]}}')).toBe("k");
    expect(findDuplicateKey('["{\\"a\\":1,", "a", "a"]')).toBeNull();
  });
});

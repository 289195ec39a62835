import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { mutated, mutations } from "../../../test/mutations.ts";
import { CheckpointError } from "../../base/errors.ts";
import { type SafetensorsTensor, writeSafetensors } from "./safetensors.ts";
import { openSafetensors } from "./safetensors-source.ts";
import { readRows } from "./weight-source.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-source-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const dir = join(root, "model");
beforeEach(() => {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
});

const INDEX = "model.safetensors.index.json";
const f32 = (...values: number[]): SafetensorsTensor => ({
  dtype: "F32",
  shape: [values.length],
  data: Float32Array.from(values),
});

/** A safetensors file from a header and as many bytes 0, 1, 2, … of data. */
function fileOf(header: unknown, dataBytes: number): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.from(BigUint64Array.of(BigInt(text.length)).buffer);
  return Buffer.concat([length, text, Buffer.from(Uint8Array.from({ length: dataBytes }, (_, i) => i))]);
}

function writeIndex(map: unknown): void {
  writeFileSync(join(dir, INDEX), typeof map === "string" ? map : JSON.stringify({ weight_map: map }));
}

describe("openSafetensors", () => {
  it("opens a file, and reads rows of each float format", () => {
    const path = join(dir, "x.safetensors");
    writeSafetensors(path, [
      ["a", { dtype: "F32", shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ["b", { dtype: "BF16", shape: [2, 1, 2], data: Uint16Array.of(0x3f80, 0xbf80, 0x4000, 0x4040) }],
      ["c", { dtype: "F16", shape: [3], data: Uint16Array.of(0x3c00, 0x3800, 0xbc00) }],
      ["d", { dtype: "F64", shape: [], data: Float64Array.of(0.1) }],
    ]);
    const source = openSafetensors(path);
    const rows = (name: string, ...range: number[]) => [...readRows(source.tensors.get(name)!, ...range)];
    expect(rows("a")).toEqual([1, 2, 3, 4, 5, 6]);
    expect(rows("a", 1, 2)).toEqual([3, 4]);
    expect(rows("b", 1)).toEqual([2, 3]);
    expect(rows("c", 1, 3)).toEqual([0.5, -1]);
    expect(rows("d")).toEqual([Math.fround(0.1)]);
    expect(rows("a", 3)).toEqual([]);
    expect(() => rows("a", 2, 4)).toThrow(`${path}: tensor "a": expected rows within 0 … 3, asked for 2 … 4`);
    source.close();
  });

  it("reads tensors that begin at any byte", () => {
    const path = join(dir, "odd.safetensors");
    const header = { a: { dtype: "U8", shape: [1], data_offsets: [0, 1] } };
    const bytes = fileOf({ ...header, b: { dtype: "F32", shape: [1], data_offsets: [1, 5] } }, 0);
    writeFileSync(path, Buffer.concat([bytes, Buffer.of(7), Buffer.from(Float32Array.of(-2.5).buffer)]));
    const { tensors } = openSafetensors(path);
    expect([...readRows(tensors.get("b")!)]).toEqual([-2.5]);
  });

  it("knows every dtype of the format, down to parts of a byte", () => {
    const path = join(dir, "all.safetensors");
    const dtypes = [
      ..."F64 I64 U64 C64".split(" ").map((dtype) => [dtype, 96] as const),
      ..."F32 I32 U32".split(" ").map((dtype) => [dtype, 48] as const),
      ..."F16 BF16 I16 U16".split(" ").map((dtype) => [dtype, 24] as const),
      ..."I8 U8 BOOL F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ".split(" ").map((dtype) => [dtype, 12] as const),
      ...[["F6_E2M3", 9] as const, ["F6_E3M2", 9] as const, ["F4", 6] as const],
    ];
    const header: Record<string, unknown> = {};
    let at = 0;
    for (const [dtype, bytes] of dtypes) {
      header[dtype] = { dtype, shape: [3, 4], data_offsets: [at, at + bytes] };
      at += bytes;
    }
    writeFileSync(path, fileOf(header, at));
    const { tensors } = openSafetensors(path);
    for (const [dtype, bytes] of dtypes) {
      expect(tensors.get(dtype)!.format).toBe(dtype.toLowerCase());
      expect(tensors.get(dtype)!.bytes().length).toBe(bytes);
    }
    expect(tensors.get("U8")!.bytes()[0]).toBe(tensors.get("I8")!.bytes()[0] + 12);
    expect(() => readRows(tensors.get("I32")!)).toThrow('tensor "I32": values of format i32 cannot be read as weights');
    expect(() => readRows(tensors.get("F4")!)).toThrow("take the checkpoint that has not been quantised");
  });

  it("opens the shards that an index lists", () => {
    writeSafetensors(join(dir, "one.safetensors"), [["a", f32(1)]]);
    writeSafetensors(join(dir, "two.safetensors"), [
      ["c", f32(3)],
      ["b", f32(2)],
    ]);
    writeIndex({ a: "one.safetensors", b: "two.safetensors", c: "two.safetensors" });
    const source = openSafetensors(dir);
    expect([...source.tensors].map(([name, tensor]) => [name, readRows(tensor)[0], tensor.path])).toEqual([
      ["a", 1, join(dir, "one.safetensors")],
      ["c", 3, join(dir, "two.safetensors")],
      ["b", 2, join(dir, "two.safetensors")],
    ]);
    source.close();
    // A single file goes before an index.
    writeSafetensors(join(dir, "model.safetensors"), [["single", f32(1)]]);
    expect([...openSafetensors(dir).tensors.keys()]).toEqual(["single"]);
  });

  it("refuses an index that its shards do not bear out, or that reaches elsewhere", () => {
    writeSafetensors(join(dir, "one.safetensors"), [["a", f32(1)]]);
    writeSafetensors(join(root, "outside.safetensors"), [["a", f32(1)]]);
    const cases: [unknown, string][] = [
      [{ a: "one.safetensors", b: "one.safetensors" }, 'one.safetensors: tensor "b": expected here by'],
      [{ b: "one.safetensors" }, 'one.safetensors: tensor "a": expected in no shard by'],
      [{ a: "gone.safetensors" }, "gone.safetensors: cannot be opened (no such file)"],
      [{ a: "../outside.safetensors" }, 'weight_map: "a": expected the name of a .safetensors file'],
      [{ a: join(root, "outside.safetensors") }, 'weight_map: "a": expected the name'],
      [{ a: "one.bin" }, 'weight_map: "a": expected the name of a .safetensors file beside the index, got "one.bin"'],
      [{ a: 3 }, 'weight_map: "a": expected the name'],
      [[], "weight_map: expected an object"],
      ["null", "weight_map: expected an object"],
      ["{", `${INDEX}: expected JSON`],
      ['{"weight_map": {"a": "one.safetensors", "a": "two.safetensors"}}', 'name "a" comes twice'],
    ];
    for (const [map, problem] of cases) {
      writeIndex(map);
      expect(() => openSafetensors(dir)).toThrow(CheckpointError);
      expect(() => openSafetensors(dir)).toThrow(problem);
    }
  });

  it("never reads a pickle, and says what to do", () => {
    expect(() => openSafetensors(dir)).toThrow("found neither; check --model");
    writeFileSync(join(dir, "pytorch_model.bin"), "");
    expect(() => openSafetensors(dir)).toThrow("found neither but pytorch_model.bin: a pickle can run any program");
    expect(() => openSafetensors(join(root, "gone"))).toThrow("no such file");
  });

  it("opens or refuses any mutated shard or index, never anything else", () => {
    const shard = fileOf(
      {
        __metadata__: { format: "pt" },
        a: { dtype: "BF16", shape: [2, 3], data_offsets: [0, 12] },
        b: { dtype: "F4", shape: [4], data_offsets: [12, 14] },
      },
      14,
    );
    const index = Buffer.from(
      JSON.stringify({ metadata: { total_size: 14 }, weight_map: { a: "s.safetensors", b: "s.safetensors" } }),
    );
    let opened = 0;
    const check = (shardBytes: Buffer, indexBytes: Buffer) => {
      writeFileSync(join(dir, "s.safetensors"), shardBytes);
      writeFileSync(join(dir, INDEX), indexBytes);
      try {
        const source = openSafetensors(dir);
        let bytes = 0;
        for (const tensor of source.tensors.values()) bytes += tensor.bytes().length;
        expect(bytes).toBeLessThan(shardBytes.length);
        source.close();
        opened++;
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
      }
    };
    fc.assert(
      fc.property(mutations(shard.length), (edits) => check(mutated(shard, edits), index)),
      { numRuns: 250, seed: 7 },
    );
    fc.assert(
      fc.property(mutations(index.length), (edits) => check(shard, mutated(index, edits))),
      { numRuns: 250, seed: 8 },
    );
    expect(opened).toBeGreaterThan(5);
    expect(opened).toBeLessThan(250);
  });

  const real = new URL("../../../../shared/models/all-minilm-l6-v2/", import.meta.url);
  it.skipIf(!existsSync(real))("opens a published checkpoint (skipped where ../shared/models is absent)", () => {
    const source = openSafetensors(real.pathname);
    expect(source.tensors.size).toBe(104);
    const tensor = source.tensors.get("embeddings.position_embeddings.weight")!;
    expect([tensor.format, tensor.shape]).toEqual(["f16", [512, 384]]);
    expect([...readRows(tensor, 0, 1).subarray(0, 2)]).toEqual([-0.0855712890625, -0.032928466796875]);
    source.close();
  });
});

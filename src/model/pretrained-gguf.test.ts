import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { readSafetensors, toFloat32 } from "./formats/safetensors.ts";
import { closePolicy } from "./policy.ts";
import { loadPretrained } from "./pretrained.ts";
import { placeDecoder } from "./pretrained-places.ts";
import { openPretrained } from "./pretrained-source.ts";
import { readBytes, readValues } from "./pretrained-values.ts";
import { rotaryFrequencies } from "./rotary-table.ts";

const goldens = join(import.meta.dirname, "../../test/goldens");
const root = join(goldens, "architectures");
const dir = mkdtempSync(join(tmpdir(), "reckon-pretrained-gguf-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = join(dir, "model.gguf");

function values(model: { kind: "directory" | "gguf"; path: string }): Map<string, Float32Array> {
  const opened = openPretrained(model);
  const found = new Map(placeDecoder(opened).map((array) => [array.name, readValues(array)]));
  opened.source.close();
  return found;
}

/** What gguf-py calls everything, see make-gguf-names.py. */
const ggufGolden: {
  pairing: { heads: number; order: number[] };
  models: Record<string, { metadata: Record<string, string | number>; names: Record<string, string> }>;
} = JSON.parse(readFileSync(join(goldens, "gguf-names.json"), "utf8"));

interface GgufTensor {
  shape: number[];
  /** ggml's number: 0 F32, 8 Q8_0. */
  type: number;
  bytes: Uint8Array;
}

function writeGguf(path: string, metadata: Record<string, string | number>, tensors: Map<string, GgufTensor>): void {
  const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const text = (value: string) => Buffer.concat([u64(Buffer.from(value).length), Buffer.from(value)]);
  const header = [Buffer.from("GGUF"), u32(3), u64(tensors.size), u64(Object.keys(metadata).length)];
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === "string") header.push(text(key), u32(8), text(value));
    else if (Number.isInteger(value)) header.push(text(key), u32(4), u32(value));
    else header.push(text(key), u32(6), Buffer.from(Float32Array.of(value).buffer));
  }
  const data: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, type, bytes }] of tensors) {
    header.push(text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(type), u64(offset));
    const padded = Buffer.alloc(Math.ceil(bytes.length / 32) * 32);
    padded.set(bytes);
    data.push(padded);
    offset += padded.length;
  }
  const head = Buffer.concat(header);
  writeFileSync(path, Buffer.concat([head, Buffer.alloc((32 - (head.length % 32)) % 32), ...data]));
}

/** Rows as llama.cpp's converter writes them for `heads` heads: what transformers' reader undoes. */
function paired(rows: Uint8Array, rowBytes: number, heads: number): Uint8Array {
  const headDim = rows.length / rowBytes / heads;
  const written = new Uint8Array(rows.length);
  for (let row = 0; row < heads * headDim; row++) {
    const i = row % headDim;
    const to = row - i + (i < headDim / 2 ? 2 * i : 2 * (i - headDim / 2) + 1);
    written.set(rows.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes);
  }
  return written;
}

/** Stored tensors of a checkpoint under gguf-py's names, in f32, experts stacked. */
function ggufTensors(name: string): Map<string, GgufTensor> {
  const { tensors } = readSafetensors(join(root, name, "model.safetensors"));
  const config = JSON.parse(readFileSync(join(root, name, "config.json"), "utf8"));
  const written = new Map<string, GgufTensor>();
  for (const [stored, to] of Object.entries(ggufGolden.models[name].names)) {
    const [whole, half] = stored.split(":");
    const pattern = new RegExp(`^${whole.replaceAll(".", "\\.").replace("experts", "experts(\\.\\d+)?")}$`);
    const parts = [...tensors.keys()].filter((key) => pattern.test(key)).sort();
    let shape = [...tensors.get(parts[0])!.shape];
    let data = Float32Array.from(parts.flatMap((part) => [...toFloat32(tensors.get(part)!)]));
    if (parts.length > 1) shape = [parts.length, ...shape];
    if (half !== undefined) {
      const [experts, both, inner] = shape;
      const size = (both / 2) * inner;
      const from = data;
      data = new Float32Array(experts * size).map(
        (_, i) => from[Math.floor(i / size) * 2 * size + Number(half) * size + (i % size)],
      );
      shape = [experts, both / 2, inner];
    }
    let bytes = new Uint8Array(data.buffer);
    const heads = /attn_([qk])\./.exec(to)?.[1];
    if (heads && ["llama", "granitemoe"].includes(String(ggufGolden.models[name].metadata["general.architecture"])))
      bytes = paired(
        bytes,
        4 * (shape[1] ?? 1),
        heads === "q" ? config.num_attention_heads : config.num_key_value_heads,
      ) as typeof bytes;
    written.set(to, { shape, type: 0, bytes });
  }
  return written;
}

const f32Tensor = (data: ArrayLike<number>): GgufTensor => {
  const values = Float32Array.from(data);
  return { shape: [values.length], type: 0, bytes: new Uint8Array(values.buffer) };
};

it.each(Object.keys(ggufGolden.models))("a GGUF file with gguf-py's names holds the model of %s", (name) => {
  const directory = openPretrained({ kind: "directory", path: join(root, name) });
  directory.source.close();
  const { config } = directory;
  const tensors = ggufTensors(name);
  const { rotaryScaling: scaling } = config;
  const plain = rotaryFrequencies({ ...config, rotaryScaling: null });
  const factors = plain.map((frequency, i) => frequency / rotaryFrequencies(config)[i]);
  if (scaling?.kind === "llama3") tensors.set("rope_freqs.weight", f32Tensor(factors));
  if (scaling?.kind === "longrope") tensors.set("rope_factors_short.weight", f32Tensor(factors));
  writeGguf(path, ggufGolden.models[name].metadata, tensors);

  const gguf = openPretrained({ kind: "gguf", path });
  gguf.source.close();
  expect(gguf.architecture).toBe(directory.architecture);
  // What files do not say: the jitter, which is the published models', and how fresh weights would be drawn.
  const unsaid = { rotaryScaling: null, routerJitter: 0, initialDeviation: 0 };
  const close = (config: object) =>
    Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key, typeof value === "number" ? Math.fround(value) : value]),
    );
  expect(close({ ...gguf.config, ...unsaid })).toEqual(close({ ...config, ...unsaid }));
  const frequencies = rotaryFrequencies(gguf.config);
  rotaryFrequencies(config).forEach((frequency, i) => {
    expect(frequencies[i]).toBeCloseTo(frequency, 6);
  });
  expect(values({ kind: "gguf", path })).toEqual(values({ kind: "directory", path: join(root, name) }));
});

it("blocks of a GGUF file are moved whole where rows lie pair by pair", () => {
  const { heads, order } = ggufGolden.pairing;
  const rowBytes = 34;
  const stored = Uint8Array.from({ length: order.length * rowBytes }, (_, i) => (i * 7 + 3) % 251);
  const tensor = {
    name: "q",
    path,
    shape: [order.length, 32],
    format: "q8_0" as const,
    bytes: () => stored,
    release() {},
  };
  const place = { names: ["q"], pairedHeads: heads };
  const array = { name: "query.weight", shape: tensor.shape, place, tensors: [tensor], format: tensor.format };
  const expected = order.flatMap((row) => [...stored.subarray(row * rowBytes, (row + 1) * rowBytes)]);
  expect([...readBytes(array, "q8_0")]).toEqual(expected);
});

it("a GGUF file of several quantisations is held as it is", () => {
  const tensors = ggufTensors("llama-linear");
  const up = tensors.get("blk.0.ffn_up.weight")!;
  const blocks = Uint8Array.from({ length: 40 * 34 }, (_, i) => (i % 34 < 2 ? [0, 0x20][i % 34] : i % 256));
  tensors.set("blk.0.ffn_up.weight", { ...up, type: 8, bytes: blocks });
  writeGguf(path, ggufGolden.models["llama-linear"].metadata, tensors);
  const device = openReferenceDevice();
  const { policy } = loadPretrained(device, { kind: "gguf", path });
  expect(policy.weights.get("layers.0.up.weight").format).toBe("q8_0");
  expect(policy.weights.get("layers.1.up.weight").format).toBe("f32");
  closePolicy(policy);
});

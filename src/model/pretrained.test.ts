import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, ConfigError, DeviceError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { decodeWeight, type WeightFormat } from "../engine/weight-formats.ts";
import { readSafetensors, type SafetensorsTensor, writeSafetensors } from "./formats/safetensors.ts";
import { closePolicy } from "./policy.ts";
import { type FrozenFormat, loadPretrained } from "./pretrained.ts";
import { placeDecoder } from "./pretrained-places.ts";
import { openPretrained } from "./pretrained-source.ts";
import { readValues } from "./pretrained-values.ts";

const root = join(import.meta.dirname, "../../test/goldens/architectures");
const dir = mkdtempSync(join(tmpdir(), "reckon-pretrained-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Tensors = Map<string, SafetensorsTensor>;

/** A copy of a golden checkpoint, its tensors changed. */
function changed(name: string, change: (tensors: Tensors) => void) {
  const path = join(dir, "model");
  cpSync(join(root, name), path, { recursive: true });
  const { tensors } = readSafetensors(join(root, name, "model.safetensors"));
  change(tensors);
  writeSafetensors(join(path, "model.safetensors"), tensors);
  return { kind: "directory" as const, path };
}

function values(model: { kind: "directory"; path: string }): Map<string, Float32Array> {
  const opened = openPretrained(model);
  try {
    return new Map(placeDecoder(opened).map((array) => [array.name, readValues(array)]));
  } finally {
    opened.source.close();
  }
}

describe("tensors that do not fit config.json", () => {
  const cases: [string, string, (tensors: Tensors) => void, RegExp[]][] = [
    ["missing", "llama", (tensors) => tensors.delete("model.norm.weight"), [/model\.norm\.weight is missing/]],
    [
      "left over",
      "llama",
      (tensors) => tensors.set("model.layers.2.extra", { dtype: "F32", shape: [1], data: new Float32Array(1) }),
      [/model\.layers\.2\.extra is not part of this model/],
    ],
    [
      "of another shape, and of whole numbers",
      "qwen2",
      (tensors) => {
        tensors.set("model.norm.weight", { dtype: "F32", shape: [33], data: new Float32Array(33) });
        tensors.set("model.layers.0.self_attn.q_proj.bias", { dtype: "I32", shape: [32], data: new Int32Array(32) });
      },
      [/model\.norm\.weight has shape \[33\], expected \[32\]/, /q_proj\.bias is stored in i32/],
    ],
    [
      "missing of one expert",
      "mixtral",
      (tensors) => tensors.delete("model.layers.1.block_sparse_moe.experts.2.w3.weight"),
      [/experts\.2\.w3\.weight is missing/],
    ],
    [
      "of another shape where two arrays share one",
      "granitemoe",
      (tensors) => {
        const name = "model.layers.0.block_sparse_moe.input_linear.weight";
        tensors.set(name, { ...tensors.get(name)!, shape: [5, 16, 64] });
      },
      [/input_linear\.weight has shape \[5,16,64\], expected \[5,32,32\];/],
    ],
  ];

  it.each(cases)("%s: listed", (_, name, change, expected) => {
    const model = changed(name, change);
    const device = openReferenceDevice();
    expect(() => loadPretrained(device, model)).toThrow(CheckpointError);
    for (const one of expected) expect(() => loadPretrained(device, model)).toThrow(one);
    expect(device.memory().bytes).toBe(0);
  });

  it("are passed over where they are known to hold nothing", () => {
    const model = changed("qwen2", (tensors) => {
      tensors.set("lm_head.weight", tensors.get("model.embed_tokens.weight")!);
      tensors.set("model.layers.0.self_attn.rotary_emb.inv_freq", {
        dtype: "F32",
        shape: [4],
        data: new Float32Array(4),
      });
    });
    expect(values(model)).toEqual(values({ kind: "directory", path: join(root, "qwen2") }));
  });
});

describe("other spellings of the same tensors", () => {
  it("fused and renamed, as transformers 5 holds experts in memory, give the same arrays", () => {
    const model = changed("mixtral", (tensors) => {
      for (const layer of [0, 1]) {
        const from = `model.layers.${layer}.block_sparse_moe`;
        const to = `model.layers.${layer}.mlp`;
        const stack = (...kinds: string[]) => {
          const parts = [0, 1, 2, 3].flatMap((e) => kinds.map((kind) => `${from}.experts.${e}.${kind}.weight`));
          const [outer, inner] = tensors.get(parts[0])!.shape;
          const data = Uint16Array.from(parts.flatMap((name) => [...(tensors.get(name)!.data as Uint16Array)]));
          for (const name of parts) tensors.delete(name);
          return { dtype: "BF16" as const, shape: [4, kinds.length * outer, inner], data };
        };
        tensors.set(`${to}.experts.gate_up_proj`, stack("w1", "w3"));
        tensors.set(`${to}.experts.down_proj`, stack("w2"));
        tensors.set(`${to}.gate.weight`, tensors.get(`${from}.gate.weight`)!);
        tensors.delete(`${from}.gate.weight`);
      }
    });
    expect(values(model)).toEqual(values({ kind: "directory", path: join(root, "mixtral") }));
  });
});

describe("frozen weights", () => {
  it.each<[FrozenFormat, "f32" | WeightFormat, "f32" | WeightFormat, number]>([
    ["stored", "bf16", "bf16", 0],
    ["f32", "f32", "f32", 0],
    ["f16", "f16", "f16", 1e-3],
    ["int8", "int8", "bf16", 1e-2],
    ["nf4", "nf4", "bf16", 0.2],
  ])("%s: matrices are %s, the embedding %s", async (frozen, matrices, embedding, bound) => {
    const device = openReferenceDevice();
    const model = { kind: "directory" as const, path: join(root, "granitemoe") };
    const { policy, modelType } = loadPretrained(device, model, { frozen });
    expect(modelType).toBe("granitemoe");
    const expected = values(model);
    const formats = { "embedding.weight": embedding, "layers.0.router.weight": "f32", "finalNorm.weight": "f32" };
    for (const [name, wanted] of expected) {
      const { format, shape, buffer } = policy.weights.get(name);
      expect(format, name).toBe(
        (formats as Record<string, string>)[name] ?? (shape.length > 1 && !/router/.test(name) ? matrices : "f32"),
      );
      const data = await device.read(buffer);
      const found = format === "f32" ? Float32Array.from(data) : decodeWeight(format, Uint8Array.from(data), shape);
      const scale = wanted.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
      const gap = wanted.reduce((most, one, i) => Math.max(most, Math.abs(one - found[i])), 0);
      expect(gap, name).toBeLessThanOrEqual(bound * scale);
    }
    closePolicy(policy);
    expect(device.memory().bytes).toBe(0);
  });

  it("are refused in f16 where a value is too large for it", () => {
    const name = "model.layers.1.block_sparse_moe.experts.2.w3.weight";
    const withValue = (bits: number) =>
      changed("mixtral", (tensors) => {
        (tensors.get(name)!.data as Uint16Array)[5] = bits;
      });
    const device = openReferenceDevice();
    // bf16: −65,536, and the largest number below.
    const large = withValue(0xc780);
    expect(() => loadPretrained(device, large, { frozen: "f16" })).toThrow(CheckpointError);
    expect(() => loadPretrained(device, large, { frozen: "f16" })).toThrow(
      /experts\.2\.w3\.weight": -65536 is too large for f16 .* bf16/,
    );
    expect(device.memory().bytes).toBe(0);
    closePolicy(loadPretrained(device, large, { frozen: "bf16" }).policy);
    closePolicy(loadPretrained(device, withValue(0xc77f), { frozen: "f16" }).policy);
  });

  it("have tables for as long a context as is asked for, and no longer than the model's", () => {
    const device = openReferenceDevice();
    const model = { kind: "directory" as const, path: join(root, "llama") };
    const { policy } = loadPretrained(device, model, { context: 20 });
    expect(policy.config.maxPositions).toBe(20);
    closePolicy(policy);
    for (const context of [0, 65, 1.5]) expect(() => loadPretrained(device, model, { context })).toThrow(ConfigError);
    expect(device.memory().bytes).toBe(0);
  });
});

describe("without enough memory", () => {
  it.each([
    ["frozen", { trained: false }],
    ["trained", { trained: true }],
  ])("for any one of a %s model's buffers, none is held", (_, options) => {
    const model = { kind: "directory" as const, path: join(root, "qwen3_moe") };
    let failures = 0;
    for (let loaded = false; !loaded; ) {
      const device = openReferenceDevice();
      const allocate = device.allocate.bind(device);
      let left = failures;
      device.allocate = (dtype, length) => {
        if (left-- === 0) throw new DeviceError("no memory is left");
        return allocate(dtype, length);
      };
      try {
        closePolicy(loadPretrained(device, model, options).policy);
        loaded = true;
      } catch (error) {
        expect(error).toBeInstanceOf(DeviceError);
        failures++;
      }
      expect(device.memory().bytes).toBe(0);
    }
    // Values, gradients and decay, or more than that many frozen arrays; cos and sin.
    expect(failures).toBeGreaterThanOrEqual(5);
  });
});

describe("a config.json", () => {
  it.each([
    ["[]", /expected JSON of an object, got a list/],
    ["{", /expected JSON of an object, got Expected property name/],
    ['{"model_type":"llama","model_type":"qwen2"}', /"model_type" comes twice/],
    ['{"model_type":"gpt2"}', /model_type: expected one of llama/],
  ])("%s is refused", (text, expected) => {
    writeFileSync(join(dir, "config.json"), text);
    expect(() => openPretrained({ kind: "directory", path: dir })).toThrow(CheckpointError);
    expect(() => openPretrained({ kind: "directory", path: dir })).toThrow(expected);
  });

  it("that no model has, be it too long or too deep, is refused before it is parsed", () => {
    const depth = 65;
    const deep = `{"x":${"[".repeat(depth)}${"]".repeat(depth)}${" ".repeat(1000)}}`;
    for (const [text, expected] of [
      [deep, /more than 64 objects and lists in each other/],
      ["{}".padEnd(20_000_001), /20000001 bytes, more than 20000000/],
    ] as const) {
      writeFileSync(join(dir, "config.json"), text);
      expect(() => openPretrained({ kind: "directory", path: dir })).toThrow(CheckpointError);
      expect(() => openPretrained({ kind: "directory", path: dir })).toThrow(expected);
    }
  });

  it("that asks for heads that do not divide the width is refused", () => {
    const model = changed("qwen2", () => {});
    const path = join(model.path, "config.json");
    writeFileSync(path, readFileSync(path, "utf8").replace('"num_attention_heads": 4', '"num_attention_heads": 5'));
    expect(() => openPretrained(model)).toThrow(/config\.json: heads: 5 must divide width 32/);
  });

  it("with any of its fields replaced is loaded or refused, never anything else", () => {
    const names = ["llama", "qwen3_moe", "granitemoe", "phimoe"];
    const originals = names.map((name) => JSON.parse(readFileSync(join(root, name, "config.json"), "utf8")));
    const odd = fc.oneof(
      fc.constantFrom<unknown>(
        0,
        -1,
        1,
        3,
        1e9,
        2 ** 53,
        1e300,
        0.5,
        "",
        "silu",
        true,
        null,
        [],
        {},
        [1e9],
        [-1],
        [null],
      ),
      fc.jsonValue(),
    );
    for (const name of names) cpSync(join(root, name), join(dir, name), { recursive: true });
    const outcomes = { loaded: 0, refused: 0 };
    fc.assert(
      fc.property(fc.nat(names.length - 1), fc.nat(), fc.boolean(), odd, (which, field, inRope, value) => {
        const model = { kind: "directory" as const, path: join(dir, names[which]) };
        const record = structuredClone(originals[which]);
        const target = inRope ? record.rope_parameters : record;
        const keys = Object.keys(target);
        target[keys[field % keys.length]] = value;
        writeFileSync(join(model.path, "config.json"), JSON.stringify(record));
        try {
          values(model);
          outcomes.loaded++;
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
          outcomes.refused++;
        }
      }),
      { numRuns: 200, seed: 20261121 },
    );
    expect(Math.min(outcomes.loaded, outcomes.refused)).toBeGreaterThan(30);
  });
});

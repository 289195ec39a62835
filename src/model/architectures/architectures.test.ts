import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../base/errors.ts";
import type { DecoderConfig } from "../config.ts";
import type { StoredTensor } from "../formats/weight-source.ts";
import { ConfigFields } from "./config-fields.ts";
import { readGgufDecoder } from "./gguf-fields.ts";
import { architectureOf, architectures, ggufArchitectureOf } from "./index.ts";

const root = join(import.meta.dirname, "../../../test/goldens/architectures");
const goldenConfig = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(root, name, "config.json"), "utf8"));

/** A config.json as transformers 4 wrote Llama's, changed. */
const llama = (over: Record<string, unknown> = {}) => ({
  model_type: "llama",
  vocab_size: 100,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 40,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  ...over,
});

function read(record: Record<string, unknown>): { config: DecoderConfig; notes: string[] } {
  const fields = new ConfigFields("config.json", record);
  const config = architectureOf(record.model_type, "config.json").readConfig(fields);
  fields.check();
  return { config, notes: fields.notes };
}

describe("config.json", () => {
  it.each(readdirSync(root).sort())("of %s means the same when it is written again", (name) => {
    const record = goldenConfig(name);
    const { config } = read(record);
    const written = architectureOf(record.model_type, "").writeConfig(config);
    const again = read({ model_type: record.model_type, ...JSON.parse(JSON.stringify(written)) }).config;
    expect(again).toEqual(config);
  });

  it("may leave out what transformers has a default for", () => {
    const { config } = read(llama({ num_key_value_heads: null }));
    expect(config).toMatchObject({
      kvHeads: 4,
      headDim: 8,
      rotaryTheta: 10000,
      tiedOutput: false,
      attentionBias: "none",
    });
    expect(read({ ...llama(), model_type: "qwen3" }).config.headDim).toBe(128);
    const mixtral = { ...llama(), model_type: "mixtral", num_local_experts: 4, num_experts_per_tok: 2 };
    expect(read(mixtral).config).toMatchObject({ rotaryTheta: 1e6, experts: 4, routing: "chosen" });
  });

  it("has rotary positions in either spelling", () => {
    const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 };
    const expected = {
      rotaryTheta: 5e5,
      rotaryScaling: {
        kind: "llama3",
        factor: 8,
        lowFrequencyFactor: 1,
        highFrequencyFactor: 4,
        originalPositions: 32,
      },
    };
    const older = llama({ rope_theta: 5e5, rope_scaling: { type: "llama3", ...scaling } });
    const newer = llama({ rope_parameters: { rope_theta: 5e5, rope_type: "llama3", ...scaling } });
    for (const record of [older, newer]) expect(read(record).config).toMatchObject(expected);
    expect(read(llama({ rope_scaling: null })).config.rotaryScaling).toBeNull();
  });

  it("bounds sequences by a sliding window, and by the positions of longrope's short factors, and says so", () => {
    const qwen = (over: object) => read({ ...llama({ sliding_window: 16 }), model_type: "qwen2", ...over });
    expect(qwen({ use_sliding_window: false })).toMatchObject({ config: { maxPositions: 64 }, notes: [] });
    const windowed = qwen({ use_sliding_window: true });
    expect(windowed.config.maxPositions).toBe(16);
    expect(windowed.notes).toEqual([expect.stringMatching(/up to 16 tokens of the model's 64: .* sliding window/)]);

    const long = { rope_type: "longrope", short_factor: [1, 2, 3, 4], long_factor: [5, 6, 7, 8] };
    const { config, notes } = read(llama({ rope_scaling: { ...long, original_max_position_embeddings: 16 } }));
    expect(config.maxPositions).toBe(16);
    expect(notes).toHaveLength(1);
    // √(1 + ln 4 / ln 16)
    const attentionFactor = Math.sqrt(1.5);
    expect(config.rotaryScaling).toEqual({ kind: "longrope", factors: [1, 2, 3, 4], attentionFactor });
  });

  it("of a mixture names its plain layers by list and by step", () => {
    const moe = { num_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 8 };
    const record = { ...llama({ num_hidden_layers: 4, ...moe }), model_type: "qwen3_moe" };
    expect(read({ ...record, mlp_only_layers: [1] }).config.denseLayers).toEqual([1]);
    expect(read({ ...record, mlp_only_layers: [3], decoder_sparse_step: 2 }).config.denseLayers).toEqual([0, 2, 3]);
    expect(read(record).config).toMatchObject({
      denseLayers: [],
      feedForward: 8,
      denseFeedForward: 40,
      routing: "all",
    });
  });

  it("is refused with every field that is missing, out of range or not computed", () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [
        llama({ vocab_size: undefined, rms_norm_eps: -1 }),
        /vocab_size: is missing; rms_norm_eps: expected .* above 0, got -1/,
      ],
      [llama({ num_hidden_layers: 1e9 }), /num_hidden_layers: expected a whole number from 1 to 4096, got 1000000000/],
      [llama({ hidden_size: "32" }), /hidden_size: expected a whole number .* got "32"/],
      [llama({ hidden_act: "gelu" }), /hidden_act: expected silu or swish, got "gelu"/],
      [llama({ tie_word_embeddings: 1 }), /tie_word_embeddings: expected true or false, got 1/],
      [llama({ quantization_config: { quant_method: "gptq" } }), /quantization_config: .*GGUF/],
      [
        llama({ rope_scaling: { rope_type: "yarn", factor: 4 } }),
        /rope_scaling\.rope_type: expected default or .* got "yarn"/,
      ],
      [llama({ rope_scaling: { type: "linear" } }), /rope_scaling\.factor: is missing/],
      [llama({ rope_parameters: [] }), /rope_parameters: expected an object, got \[\]/],
      [llama({ partial_rotary_factor: 0.5 }), /partial_rotary_factor: expected 1/],
      [{ ...goldenConfig("olmoe"), clip_qkv: 8 }, /clip_qkv: /],
      [
        { ...goldenConfig("phimoe"), rope_parameters: { rope_type: "longrope" } },
        /short_factor: is missing; .*short_mscale: is missing/,
      ],
    ];
    for (const [record, expected] of cases) {
      expect(() => read(record)).toThrow(CheckpointError);
      expect(() => read(record)).toThrow(expected);
    }
  });

  it("of an unknown architecture is refused with those there are", () => {
    expect(() => architectureOf("llama4", "config.json")).toThrow(/model_type: .*llama, qwen2, .*got "llama4".*llama/);
    expect(() => architectureOf(undefined, "config.json")).toThrow(CheckpointError);
    const none = new ConfigFields("model.gguf", {});
    expect(() => ggufArchitectureOf("gemma3", none)).toThrow(
      /model\.gguf: general\.architecture: .*qwen3moe.* got "gemma3"/,
    );
  });
});

describe("a GGUF file's metadata", () => {
  const plain = {
    embedding_length: 32,
    block_count: 1,
    "attention.head_count": 8,
    feed_forward_length: 8,
    context_length: 4096,
    "attention.layer_norm_rms_epsilon": 1e-5,
  };
  const tensorOf = (name: string, values: number[]): StoredTensor => ({
    ...{ name, path: "model.gguf", shape: [values.length], format: "f32", release: () => {} },
    bytes: () => new Uint8Array(Float32Array.from(values).buffer),
  });
  const read = (over: Record<string, unknown>, factors: Record<string, number[]> = {}) => {
    const fields = new ConfigFields("model.gguf", { ...plain, ...over });
    const tensors = Object.entries(factors).map(([name, values]) => [name, tensorOf(name, values)] as const);
    const config = readGgufDecoder(fields, new Map(tensors));
    fields.check();
    return config.rotaryScaling;
  };
  const freqs = (...factors: number[]) => ({ "rope_freqs.weight": factors });

  it("scales positions as llama.cpp reads it", () => {
    const linear = { kind: "linear", factor: 8 };
    expect(read({})).toBeNull();
    expect(read({ "rope.scaling.factor": 8 })).toEqual(linear);
    expect(read({ "rope.scale_linear": 8 })).toEqual(linear);
    expect(read({ "rope.scaling.type": "linear", "rope.scaling.factor": 8 })).toEqual(linear);
    expect(read({ "rope.scaling.type": "none", "rope.scaling.factor": 8 })).toBeNull();
    expect(read({}, freqs(1, 2))).toEqual({ kind: "longrope", factors: [1, 2], attentionFactor: 1 });
    expect(read({ "rope.scaling.factor": 8, "rope.scaling.attn_factor": 1.5 }, freqs(1, 2))).toEqual({
      kind: "longrope",
      factors: [8, 16],
      attentionFactor: 1.5,
    });
  });

  it("is refused where it means something that is not computed", () => {
    const cases: [Record<string, unknown>, Record<string, number[]>, RegExp][] = [
      [{ "rope.scaling.type": "longrope" }, {}, /rope\.scaling\.type: longrope needs .*rope_factors_short/],
      [{ "rope.scaling.type": "linear" }, {}, /rope\.scaling\.factor: is missing/],
      [{ "rope.scaling.factor": 0 }, {}, /rope\.scaling\.factor: expected a number above 0, got 0/],
      [{ "rope.scaling.factor": Infinity }, {}, /rope\.scaling\.factor: expected a number above 0/],
      [{ "rope.scaling.factor": 4, "rope.scaling.attn_factor": 1.2 }, {}, /attn_factor: expected 1 .* got 1\.2/],
      [{}, freqs(1, 0), /rope_freqs\.weight: expected finite factors above 0, got 0/],
      [{}, freqs(Number.NaN, 1), /rope_freqs\.weight: .* got NaN/],
      [{ expert_weights_scale: 2.5 }, {}, /expert_weights_scale: expected 1/],
    ];
    for (const [over, factors, expected] of cases) expect(() => read(over, factors)).toThrow(expected);
    expect(read({ expert_weights_scale: 1 })).toBeNull();
  });
});

describe("GGUF files named llama", () => {
  it("hold Mixtral where they have experts", () => {
    const modelType = (record: Record<string, unknown>) =>
      ggufArchitectureOf("llama", new ConfigFields("model.gguf", record)).architecture.modelType;
    expect(modelType({})).toBe("llama");
    expect(modelType({ expert_count: 0 })).toBe("llama");
    expect(modelType({ expert_count: 8 })).toBe("mixtral");
  });
});

it("every architecture says where each array of a layer lies", () => {
  for (const architecture of architectures) {
    const { config } = read({ ...goldenConfig(architecture.modelType), num_hidden_layers: 12 });
    for (const places of [architecture.places, architecture.gguf!.places]) {
      const [query] = places("layers.11.query.weight", config);
      expect(query.names[0]).toMatch(/\.11\./);
      for (const { names, perExpert } of places("layers.11.down.weight", config))
        expect(names).toHaveLength(perExpert ? config.experts : 1);
    }
  }
});

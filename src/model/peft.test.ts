import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import type { LoraOptions } from "./adapter.ts";
import { type DecoderConfig, mathFormer } from "./config.ts";
import { readSafetensors, writeSafetensors } from "./formats/safetensors.ts";
import { attachLora } from "./lora.ts";
import { packSequences } from "./packed-batch.ts";
import { attachPeft, writePeft } from "./peft.ts";
import { closePolicy, createPolicy, type Policy, scoreBatch } from "./policy.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-peft-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const base = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 2, block: "llama" } as const;
const mixture: DecoderConfig = {
  ...mathFormer({ ...base, experts: 3, activeExperts: 2 }, 11),
  denseLayers: [1],
  denseFeedForward: 10,
};
const batch = packSequences([{ prompt: [1, 2, 3], completions: [[4, 5, 6, 0], [7]] }]);
const everything: LoraOptions = { rank: 2, alpha: 3, experts: true, router: true };

const frozen = (config: DecoderConfig) => createPolicy(openReferenceDevice(), config, { seed: 1, trained: false });
const scores = async (policy: Policy) => (await scoreBatch(policy, batch, { temperature: 1 })).logps;

function adapted(config: DecoderConfig, options: LoraOptions): Policy {
  const policy = attachLora(frozen(config), options);
  const rng = new Rng(2);
  for (const { buffer } of policy.parameters.entries)
    policy.device.write(
      buffer,
      Float32Array.from({ length: buffer.length }, () => rng.normal() / 2),
    );
  return policy;
}

const configPath = join(dir, "adapter_config.json");
const weightsPath = join(dir, "adapter_model.safetensors");
const readConfig = () => JSON.parse(readFileSync(configPath, "utf8")) as Record<string, unknown>;
const read = (policy = frozen(mixture)) => attachPeft(policy, dir, { modelType: "qwen3_moe", trained: false });

describe("a PEFT adapter", () => {
  beforeEach(() => writePeft(dir, adapted(mixture, everything), { modelType: "qwen3_moe", name: "org/base" }));

  it("comes back as it was written, experts and router included", async () => {
    const policy = read();
    expect(await scores(policy)).toEqual(await scores(adapted(mixture, everything)));
    expect(policy.adapter?.options).toMatchObject({ rank: 2, alpha: 3, experts: true, router: true });
  });

  it("has PEFT's names, shapes and settings", () => {
    expect(readConfig()).toMatchObject({
      peft_type: "LORA",
      base_model_name_or_path: "org/base",
      r: 2,
      lora_alpha: 3,
      target_modules: ["q_proj", "k_proj", "v_proj", "o_proj"],
      target_parameters: [
        "mlp.gate.weight",
        "mlp.experts.gate_up_proj",
        "mlp.experts.down_proj",
        "mlp.gate_proj.weight",
        "mlp.up_proj.weight",
        "mlp.down_proj.weight",
      ],
    });
    const layer = (n: number) =>
      [...readSafetensors(weightsPath).tensors].flatMap(([name, { shape }]) => {
        const [, own] = name.split(`base_model.model.model.layers.${n}.`);
        return own?.startsWith("mlp") ? [`${own} ${shape}`] : [];
      });
    expect(layer(0)).toEqual([
      "mlp.gate.lora_A.weight 2,8",
      "mlp.gate.lora_B.weight 3,2",
      "mlp.experts.base_layer.lora_A.weight 6,8",
      "mlp.experts.base_layer.lora_B.weight 24,6",
      "mlp.experts.lora_A.weight 6,12",
      "mlp.experts.lora_B.weight 8,6",
    ]);
    expect(layer(1)).toContain("mlp.down_proj.lora_A.weight 2,10");
  });

  it("keeps an expert's column r of B at r · E + e, gate above up", async () => {
    const policy = read();
    const { data } = readSafetensors(weightsPath).tensors.get(
      "base_model.model.model.layers.0.mlp.experts.base_layer.lora_B.weight",
    )!;
    const up = await policy.device.read(policy.parameters.get("layers.0.up.loraB").buffer);
    // Expert 2, output 5, r 1: row 12 + 5 of [24, 6].
    expect(up[(2 * 12 + 5) * 2 + 1]).toBe((data as Float32Array)[17 * 6 + 1 * 3 + 2]);
  });

  it.each([
    ["use_dora", true],
    ["bias", "all"],
    ["modules_to_save", ["lm_head"]],
    ["rank_pattern", { "(a+)+b": 4 }],
    ["init_lora_weights", "pissa"],
    ["peft_type", "IA3"],
    ["lora_of_tomorrow", 3],
  ])("is refused with %s %j", (field, value) => {
    writeFileSync(configPath, JSON.stringify({ ...readConfig(), [field]: value }));
    expect(() => read()).toThrow(CheckpointError);
    expect(() => read()).toThrow(new RegExp(`adapter_config.json: ${field}`));
  });

  it("is refused on another base, with what does not fit", () => {
    const wider = { ...mixture, feedForward: 14, denseLayers: [], layers: 1 };
    expect(() => read(frozen(wider))).toThrow(CheckpointError);
    expect(() => read(frozen(wider))).toThrow(
      /experts\.lora_A\.weight: expected \[6,14\], got \[6,12\]; .*layers\.1\..*: there is no such module; and \d+ more; .*org\/base/,
    );
  });

  it("is refused with half of an addition", () => {
    const { tensors } = readSafetensors(weightsPath);
    tensors.delete("base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight");
    writeSafetensors(weightsPath, tensors);
    expect(() => read()).toThrow(/layers\.1\.self_attn\.k_proj\.lora_B\.weight is missing/);
  });

  it("loads or says why it does not, whatever bytes are changed", () => {
    const files = [configPath, weightsPath].map((path) => [path, readFileSync(path)] as const);
    const change = fc.record({
      file: fc.nat(1),
      at: fc.nat(20_000),
      byte: fc.nat(255),
      cut: fc.option(fc.nat(20_000), { freq: 4, nil: null }),
    });
    fc.assert(
      fc.property(change, ({ file, at, byte, cut }) => {
        for (const [path, bytes] of files) writeFileSync(path, bytes);
        const [path, bytes] = files[file];
        const changed = Buffer.from(bytes.subarray(0, cut ?? bytes.length));
        // Most of the weights' file is weights, any of which will do.
        if (changed.length > 0) changed[at % Math.min(changed.length, 6000)] = byte;
        writeFileSync(path, changed);
        const base = frozen(mixture);
        try {
          closePolicy(read(base));
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
          closePolicy(base);
        }
        expect(base.device.memory().bytes).toBe(0);
      }),
      { numRuns: 150, seed: 4 },
    );
  });

  it("may be of some layers alone", async () => {
    const { tensors } = readSafetensors(weightsPath);
    for (const name of tensors.keys()) if (!name.includes("layers.1.self_attn")) tensors.delete(name);
    writeSafetensors(weightsPath, tensors);
    const policy = read();
    expect(policy.adapter?.modules.map(({ name }) => name)).toEqual(
      ["query", "key", "value", "attentionOutput"].map((kind) => `layers.1.${kind}`),
    );
    expect(await scores(policy)).not.toEqual(await scores(frozen(mixture)));
  });
});

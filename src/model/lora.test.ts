import { describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { Tape } from "../engine/tape.ts";
import { completeLora, type LoraOptions } from "./adapter.ts";
import { type DecoderConfig, mathFormer } from "./config.ts";
import { attachLora } from "./lora.ts";
import { type PackedSequence, packSequences, uploadRows } from "./packed-batch.ts";
import { closePolicy, createPolicy, entryLogps, freezePolicy, type Policy, scoreBatch } from "./policy.ts";
import { describeTrained, GradientWatch } from "./trained-modules.ts";

const base = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 2, block: "llama" } as const;
const dense = mathFormer(base, 11);
const mixture: DecoderConfig = {
  ...mathFormer({ ...base, experts: 3, activeExperts: 1 }, 11),
  denseLayers: [0],
  denseFeedForward: 10,
};
const sequences: PackedSequence[] = [{ prompt: [1, 2, 3], completions: [[4, 5, 6, 0], [7]] }];
const batch = packSequences(sequences);

const frozen = (config: DecoderConfig) => createPolicy(openReferenceDevice(), config, { seed: 1, trained: false });
const scores = async (policy: Policy) => (await scoreBatch(policy, batch, { temperature: 1 })).logps;

async function backward(policy: Policy): Promise<void> {
  const tape = new Tape(policy.stepScope, { recording: true });
  const { hidden } = policy.decoder.forward(tape, policy.weights, uploadRows(policy.stepScope, batch, policy.config));
  const { seed } = entryLogps(policy, tape, hidden, { ...batch, temperature: 1 });
  const ones = new Float64Array(batch.targets.length).fill(1);
  seed(ones, ones);
  tape.backward();
  policy.stepScope.end();
}

describe("attachLora", () => {
  it("changes nothing while it is fresh, and leaves its reference as it was when it is not", async () => {
    const policy = frozen(mixture);
    const before = await scores(policy);
    const adapted = attachLora(policy, { rank: 2, experts: true, router: true });
    expect(await scores(adapted)).toEqual(before);
    const { device, parameters } = adapted;
    device.write(parameters.values, new Float32Array(parameters.length).fill(0.1));
    expect(await scores(adapted)).not.toEqual(before);
    const bytes = device.memory().bytes;
    const reference = freezePolicy(adapted);
    expect(device.memory().bytes).toBe(bytes);
    expect(await scores(reference)).toEqual(before);
    closePolicy(reference);
    closePolicy(adapted);
    expect(device.memory().bytes).toBe(0);
  });

  it("starts A within ±1/sqrt(inner), the same for the same seed, and scales by alpha over rank or its root", async () => {
    const policy = attachLora(frozen(dense), { rank: 4, alpha: 6, seed: 3, targetModules: ["q_proj", "down"] });
    const { a, b, scale } = policy.weights.lora("layers.1.down")!;
    expect([a.shape, b.shape, scale]).toEqual([[4, 12], [8, 4], 1.5]);
    const values = await policy.device.read(a.buffer);
    const largest = Math.max(...Array.from(values, Math.abs));
    expect(largest).toBeLessThan(1 / Math.sqrt(12));
    expect(largest).toBeGreaterThan(0.9 / Math.sqrt(12));
    const again = attachLora(frozen(dense), {
      rank: 4,
      seed: 3,
      rankStabilized: true,
      alpha: 6,
      targetModules: ["query", "down_proj"],
    });
    expect(await again.device.read(again.weights.lora("layers.1.down")!.a.buffer)).toEqual(values);
    expect(again.weights.lora("layers.0.query")!.scale).toBe(3);
    expect(again.weights.lora("layers.0.key")).toBeNull();
  });

  it.each<[LoraOptions, DecoderConfig, RegExp]>([
    [{ targetModules: ["q_prj"] }, dense, /unknown name "q_prj", is q_proj meant\?/],
    [{ targetModules: ["gate"] }, mathFormer({ ...base, block: "mathformer" }, 11), /gate: .* have none/],
    [{ targetModules: ["up_proj"] }, { ...mixture, denseLayers: [] }, /up_proj: .*set experts/],
    [{ rank: 0, dropout: 1 }, dense, /rank: expected a whole number from 1, got 0; .*dropout: .*got 1/],
    [{ dropout: 0.1, experts: true }, mixture, /dropout: must be 0 with experts/],
    [{ router: true }, dense, /router: this model has none/],
    [{ targetModules: [] }, dense, /at least one/],
  ])("refuses %j", (options, config, message) => {
    expect(() => completeLora(options, config)).toThrow(ConfigError);
    expect(() => completeLora(options, config)).toThrow(message);
  });

  it("refuses a second adapter", () => {
    expect(() => attachLora(attachLora(frozen(dense), {}), {})).toThrow(/adapter already/);
  });
});

describe("describeTrained", () => {
  it("counts by module and by expert", () => {
    const policy = attachLora(frozen(mixture), {
      rank: 2,
      targetModules: ["value", "up"],
      experts: true,
      router: true,
    });
    const counted = describeTrained(policy);
    expect(counted).toEqual([
      { module: "value", layers: 2, parameters: 2 * 2 * (8 + 8), experts: 0, perExpert: null },
      { module: "up", layers: 1, parameters: 2 * (8 + 10), experts: 0, perExpert: null },
      { module: "router", layers: 1, parameters: 2 * (8 + 3), experts: 0, perExpert: null },
      { module: "gateUp", layers: 1, parameters: 3 * 2 * (8 + 12 + 12), experts: 3, perExpert: 64 },
      { module: "down", layers: 1, parameters: 3 * 2 * (12 + 8), experts: 3, perExpert: 40 },
    ]);
    expect(counted.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(policy.parameters.count);
  });

  it("counts a whole model too, and nothing of a frozen one", () => {
    const policy = createPolicy(openReferenceDevice(), mixture, { seed: 1, trained: true });
    const counted = describeTrained(policy);
    expect(counted.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(policy.parameters.count);
    expect(counted.filter(({ module }) => module === "down")).toEqual([
      { module: "down", layers: 1, parameters: 80, experts: 0, perExpert: null },
      { module: "down", layers: 1, parameters: 3 * 8 * 12, experts: 3, perExpert: 96 },
    ]);
    expect(describeTrained(frozen(mixture))).toEqual([]);
  });
});

describe("GradientWatch", () => {
  it("names what no gradient reaches, not what has none yet since the other half is zero", async () => {
    const config = { ...mixture, denseLayers: [], experts: 40 };
    const policy = attachLora(frozen(config), { rank: 2, targetModules: ["value"], experts: true });
    const watch = new GradientWatch(policy);
    expect(watch.silent).toHaveLength(2 + 2 * 3 * 40);
    await backward(policy);
    await watch.look();
    const rows = batch.tokens.length;
    expect(watch.silent.length).toBeGreaterThanOrEqual(2 * 3 * (40 - rows));
    expect(watch.silent.length).toBeLessThanOrEqual(2 * 3 * 39);
    expect(watch.silent.every((name) => /^layers\.[01]\.(gate|up|down), expert \d+$/.test(name))).toBe(true);
  });
});

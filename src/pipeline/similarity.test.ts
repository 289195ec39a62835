import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import { openDevice } from "../engine/registry.ts";
import { mathFormer } from "../model/config.ts";
import { createPolicy, freezePolicy } from "../model/policy.ts";
import { policyRows } from "../model/policy-rows.ts";
import { MathTokenizer } from "../prompt/math-tokenizer.ts";
import { bertScore, toUnitRows } from "../reward/bert-score.ts";
import { openSimilarity } from "./similarity.ts";
import { similarityBytes } from "./similarity-memory.ts";

const goldens = join(import.meta.dirname, "../../test/goldens");
const bert = join(goldens, "encoders/bert");
const device = openDevice({ name: "reference" });
const tokenizer = new MathTokenizer();
const policy = createPolicy(device, mathFormer({ size: "tiny" }, tokenizer.vocabularySize), {
  seed: 1,
  trained: true,
});
afterAll(() => device.close());

const open = () =>
  openSimilarity({
    device,
    base: async () => freezePolicy(policy),
    tokenizer,
    references: () => ["Ana has 4 - 2 = 2 apples.", "Boris has 3 books."],
  });
const pairs = [
  { candidate: "Dora gives away 7 tickets!", reference: "Ana has 4 - 2 = 2 apples." },
  { candidate: "Ana has 4 - 2 = 2 apples.", reference: "Ana has 4 - 2 = 2 apples." },
  { candidate: " ", reference: "Boris has 3 books." },
];

describe("similarity by an encoder", () => {
  it("is F1, 1 for the same text and 0 for none, and gives its memory back", async () => {
    const before = device.memory().bytes;
    const { similarity, close } = open();
    const scores = await similarity(pairs, { encoder: bert, idf: false });
    expect(scores[0]).toBeGreaterThan(0.5);
    expect(scores[0]).toBeLessThan(0.999);
    expect(scores[1]).toBeCloseTo(1, 6);
    expect(scores[2]).toBe(0);
    const rescaled = await similarity(pairs, { encoder: bert, idf: false, baseline: 0.5 });
    expect(rescaled[0]).toBeCloseTo(2 * (scores[0] - 0.5), 12);
    const [weighed] = await similarity(pairs, { encoder: bert, idf: true });
    expect(Math.abs(weighed - scores[0])).toBeGreaterThan(1e-5);
    const [shallow] = await similarity(pairs, { encoder: bert, idf: false, layer: 1 });
    expect(Math.abs(shallow - scores[0])).toBeGreaterThan(1e-5);
    await close();
    expect(device.memory().bytes).toBe(before);
  });

  it("says what is wrong with an encoder", async () => {
    const { similarity, close } = open();
    const asked = (encoder: string, layer?: number) => similarity(pairs, { encoder, layer, idf: false });
    await expect(asked(bert, 7)).rejects.toThrow(ConfigError);
    await expect(asked(bert, 7)).rejects.toThrow(/layer: expected a whole number from 0 to 3/);
    await expect(asked(join(goldens, "architectures/llama"))).rejects.toThrow(
      /model_type: expected an encoder, one of bert, roberta, distilbert, got "llama"/,
    );
    await expect(asked(join(goldens, "nowhere"))).rejects.toThrow(CheckpointError);
    await close();
  });
});

describe("similarity by the base of the policy", () => {
  const sums = [{ candidate: "1+2*3=7", reference: "1+2*3=1+6=7" }];

  it("compares hidden rows of a layer, framed by the end token", async () => {
    const { similarity, close } = open();
    const embed = async (text: string, layers: number) => {
      const ids = [tokenizer.eosId, ...tokenizer.encode(text)];
      const [rows] = await policyRows(policy, [ids], { layers });
      return {
        vectors: toUnitRows(rows, policy.config.width),
        weights: Float64Array.from(ids, (_, i) => (i === 0 ? 0 : 1)),
      };
    };
    for (const layer of [0, 1, 2]) {
      const [found] = await similarity(sums, { encoder: "policy", layer, idf: false });
      const [candidate, reference] = [await embed("1+2*3=7", layer), await embed("1+2*3=1+6=7", layer)];
      expect(found).toBeCloseTo(bertScore(candidate, reference).f1, 12);
    }
    const [last] = await similarity(sums, { encoder: "policy", idf: false });
    expect(last).toBe((await similarity(sums, { encoder: "policy", layer: 2, idf: false }))[0]);
    await close();
  });

  it("refuses a layer that the model does not have", async () => {
    const { similarity, close } = open();
    await expect(similarity(sums, { encoder: "policy", layer: 3, idf: false })).rejects.toThrow(ConfigError);
    await close();
  });
});

describe("similarityBytes", () => {
  const info = { threads: 1, precision: "f64" as const };
  const model = { config: policy.config, frozen: null, lora: null };
  const kept = 64 * 2 ** 20;

  it("counts what an encoder holds", async () => {
    const { similarity, close } = open();
    const before = device.memory();
    // As long as may be, and enough of them to fill a pass.
    const long = Array.from({ length: 5 }, (_, i) => ({
      candidate: `${i} `.repeat(100),
      reference: `- ${i}`.repeat(100),
    }));
    await similarity(long, { encoder: bert, layer: 1, idf: false });
    const held = device.memory().bytes - before.bytes;
    await close();
    const pairs = 2 * 16 * 96 * 32 * 4;
    const counted = await similarityBytes({ encoder: bert, layer: 1, idf: false }, { model, info });
    expect(counted - kept - pairs).toBeGreaterThanOrEqual(held);
    expect(counted - kept - pairs).toBeLessThan(2 * held);
  });

  it("counts a frozen copy of a policy whose weights are trained", async () => {
    const counted = await similarityBytes({ encoder: "policy", idf: false }, { model, info });
    expect(counted - kept).toBeGreaterThan(8 * policy.parameters.length);
  });
});

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTinyModel } from "../../test/cli/tiny-model.ts";
import { ConfigError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import { openDevice } from "../engine/registry.ts";
import { writeSafetensors } from "../model/formats/safetensors.ts";
import { loadPretrained } from "../model/pretrained.ts";
import { openTokenizer } from "../prompt/text-tokenizer.ts";
import type { AttemptRecord, RunEvent } from "../records/events.ts";
import { reasoningOf } from "../reward/rewards/similarity.ts";
import { planRecipe } from "./dry-run.ts";
import { defineRecipe, type RecipeInput } from "./parse-recipe.ts";
import { regradeRun } from "./regrade.ts";
import { runRecipe } from "./run-recipe.ts";
import { encoderEmbedder, policyEmbedder, type TextEmbedder } from "./text-embedder.ts";
import { TextSimilarity } from "./text-similarity.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-similarity-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const model = join(root, "model");
const encoder = join(root, "encoder");
const data = join(root, "data.jsonl");
const solutions: Readonly<Record<string, string>> = {
  "one pen and one pen": "One pen and one pen make 1 + 1 = 2 pens.",
  "two red cars, one goes": "A car has gone, and 2 - 1 = 1 is left.",
  "three boats with four sails": "Every boat has 4 sails: 3 * 4 = 12.",
};

/** A BERT of one block with random weights, and the tokenizer of the tiny BERT among the goldens. */
function writeTinyEncoder(dir: string): void {
  mkdirSync(dir);
  const golden = join(import.meta.dirname, "../../test/goldens/encoders/bert");
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) copyFileSync(join(golden, file), join(dir, file));
  const [width, inner] = [16, 24];
  const config = {
    model_type: "bert",
    vocab_size: 400,
    hidden_size: width,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: inner,
    max_position_embeddings: 96,
    type_vocab_size: 2,
    hidden_act: "gelu",
    layer_norm_eps: 1e-12,
  };
  writeFileSync(join(dir, "config.json"), JSON.stringify(config));
  const linear = (name: string, outputs: number, inputs: number) =>
    [
      [`${name}.weight`, [outputs, inputs]],
      [`${name}.bias`, [outputs]],
    ] as const;
  const block = "encoder.layer.0";
  const shapes: (readonly [string, readonly number[]])[] = [
    ["embeddings.word_embeddings.weight", [400, width]],
    ["embeddings.position_embeddings.weight", [96, width]],
    ["embeddings.token_type_embeddings.weight", [2, width]],
    ...["query", "key", "value"].flatMap((one) => linear(`${block}.attention.self.${one}`, width, width)),
    ...linear(`${block}.attention.output.dense`, width, width),
    ...linear(`${block}.intermediate.dense`, inner, width),
    ...linear(`${block}.output.dense`, width, inner),
    ...["embeddings", `${block}.attention.output`, `${block}.output`].flatMap((norm) => [
      [`${norm}.LayerNorm.weight`, [width]] as const,
      [`${norm}.LayerNorm.bias`, [width]] as const,
    ]),
  ];
  const rng = new Rng(3);
  const tensors = shapes.map(([name, shape]) => {
    const count = shape.reduce((product, axis) => product * axis, 1);
    const values = Float32Array.from(
      { length: count },
      () => rng.normal() * 0.3 + (/Norm\.weight$/.test(name) ? 1 : 0),
    );
    return [name, { dtype: "F32", shape: [...shape], data: values }] as const;
  });
  writeSafetensors(join(dir, "model.safetensors"), tensors);
}

beforeAll(async () => {
  await writeTinyModel(model);
  writeTinyEncoder(encoder);
  const rows = [...Object.entries(solutions), ["four geese", "There are 4."]];
  const lines = rows.map(([ask, solution], i) => `${JSON.stringify({ ask, answer: `${i}`, solution })}\n`);
  writeFileSync(data, lines.join(""));
});

type Stage = RecipeInput["stages"][number];

const recipeOf = (name: string, stages: Stage[], lora: { rank: number } | undefined): RecipeInput => ({
  name,
  device: { threads: 1, precision: "f32" },
  task: {
    kind: "words",
    data,
    layout: "columns",
    columns: { question: "ask", answer: "answer", solution: "solution" },
    train: { rows: [1, 3] },
    test: { rows: [4, 4] },
    format: "hash",
    instruction: "",
    maxNewTokens: 12,
  },
  model: { from: model, lora },
  stages,
  evaluation: { problems: 1 },
  checkpoints: { every: 100 },
});

const reinforcing = { steps: 2, promptsPerStep: 2, group: 2, lengthProbe: 0, learningRate: 0.02 };

/** Runs a recipe; what it logged, and the attempts it was trained on. */
async function run(recipe: RecipeInput): Promise<{ events: RunEvent[]; attempts: AttemptRecord[] }> {
  const events: RunEvent[] = [];
  await runRecipe(defineRecipe(recipe), { root, onEvent: (event) => void events.push(event) });
  const lines = readFileSync(join(root, recipe.name, "attempts.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return { events, attempts: lines.map((line) => JSON.parse(line)).filter((entry) => !("type" in entry)) };
}

/** F1 of each attempt's reasoning and its gold one, computed beside the run. */
async function scoresBy(embedder: TextEmbedder, attempts: readonly AttemptRecord[], idf = false): Promise<number[]> {
  const similarity = new TextSimilarity(embedder, idf ? { idfOver: Object.values(solutions) } : {});
  const pairs = attempts.map(({ completion, question }) => ({
    candidate: reasoningOf(completion, "hash"),
    reference: solutions[question],
  }));
  const scores = await similarity.score(pairs);
  similarity.close();
  return scores.map(({ f1 }) => f1);
}

const similarities = (attempts: readonly AttemptRecord[]) => attempts.map(({ parts }) => parts.similarity as number);
const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i], 5);
}

describe("stages whose rewards compare texts", () => {
  it("by an encoder: the reward is 0.7 correct + 0.15 format + 0.15 F1, also when scored again", async () => {
    const rewards = [{ use: "weighted", options: { encoder, idf: true } }];
    const stage: Stage = { kind: "rl", name: "grpo", ...reinforcing, rewards };
    const { events, attempts } = await run(recipeOf("by-encoder", [stage], { rank: 2 }));
    expect(attempts).toHaveLength(8);
    const found = similarities(attempts);
    expect(spread(found)).toBeGreaterThan(0.01);
    const device = openDevice({ name: "native", threads: 1, precision: "f32" });
    expectClose(found, await scoresBy(encoderEmbedder(device, { kind: "directory", path: encoder }), attempts, true));
    device.close();
    for (const { parts, reward } of attempts) {
      const { correct, format, similarity } = parts as Record<string, number>;
      expect(reward).toBeCloseTo(0.7 * correct + 0.15 * format + 0.15 * similarity, 10);
    }
    const [note] = events.flatMap((event) => (event.type === "note" ? [event.message] : []));
    expect(note).toMatch(/^memory, estimated: grpo .*similarity of texts \d+ MB/s);

    const { sources } = await regradeRun(join(root, "by-encoder"), { rewards: null });
    const again = sources[0].parts.find(({ part }) => part === "similarity")!;
    expect(again).toMatchObject({ changed: 0, after: { scored: 8 } });
  });

  // Every weight is trained at a high rate, first on worked solutions: the policy is soon far from its base.
  it("by the base of the policy, as it was before any training", async () => {
    const rewards = [{ use: "weighted", options: { encoder: "policy", layer: 1 } }];
    const stages: Stage[] = [
      { kind: "sft", name: "sft", steps: 2, batchSize: 3, learningRate: 0.02 },
      { kind: "rl", name: "grpo", ...reinforcing, rewards },
    ];
    const { attempts } = await run(recipeOf("by-policy", stages, undefined));
    const found = similarities(attempts);
    expect(spread(found)).toBeGreaterThan(1e-3);
    const device = openDevice({ name: "native", threads: 1, precision: "f32" });
    const by = (path: string) => {
      const { policy } = loadPretrained(device, { kind: "directory", path }, { frozen: "f32" });
      return scoresBy(policyEmbedder(policy, openTokenizer(model), { layer: 1 }), attempts);
    };
    expectClose(found, await by(model));
    const trained = await by(join(root, "by-policy", "final"));
    expect(Math.max(...trained.map((score, i) => Math.abs(score - found[i])))).toBeGreaterThan(1e-3);
    device.close();

    await expect(regradeRun(join(root, "by-policy"), { rewards: null })).rejects.toThrow(ConfigError);
    await expect(regradeRun(join(root, "by-policy"), { rewards: null })).rejects.toThrow(
      /encoder: policy embeds texts by the run's model, which is not opened .*name an encoder/,
    );
  });

  it("in a stage of PPO, by the frozen weights under its adapter", async () => {
    const rewards = [{ use: "similarity", options: { encoder: "policy" } }];
    const stage: Stage = { kind: "ppo", name: "ppo", ...reinforcing, rewards };
    const { attempts } = await run(recipeOf("by-ppo", [stage], { rank: 2 }));
    const device = openDevice({ name: "native", threads: 1, precision: "f32" });
    const { policy } = loadPretrained(device, { kind: "directory", path: model }, { frozen: "f32" });
    expectClose(similarities(attempts), await scoresBy(policyEmbedder(policy, openTokenizer(model)), attempts));
    device.close();
    expect(spread(attempts.map(({ reward }) => reward as number))).toBeGreaterThan(1e-3);
  });

  it("are refused before training by an encoder that is not there, or a layer that the policy has not", async () => {
    const asking = (options: Record<string, unknown>): RecipeInput =>
      recipeOf("refused", [{ kind: "rl", name: "grpo", ...reinforcing, rewards: [{ use: "weighted", options }] }], {
        rank: 2,
      });
    const gone = defineRecipe(asking({ encoder: join(root, "gone") }));
    await expect(runRecipe(gone, { root })).rejects.toThrow(/gone: no such directory/);
    const deep = defineRecipe(asking({ layer: 9 }));
    for (const refused of [runRecipe(deep, { root }), planRecipe(deep, () => {})])
      await expect(refused).rejects.toThrow(
        /layer: expected a whole number from 0 to 2, the blocks of the policy, got 9/,
      );
  });
});

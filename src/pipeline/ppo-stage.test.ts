import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeTinyModel } from "../../test/cli/tiny-model.ts";
import { ConfigError } from "../base/errors.ts";
import { readSafetensors } from "../model/formats/safetensors.ts";
import type { RunEvent } from "../records/events.ts";
import { planRecipe } from "./dry-run.ts";
import { defineRecipe, parseRecipe, type RecipeInput } from "./parse-recipe.ts";
import { runRecipe } from "./run-recipe.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-ppo-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const arithmetic = (name: string, ppo: object = {}): RecipeInput => ({
  name,
  device: { threads: 1 },
  model: { width: 16, heads: 2, feedForward: 16, layers: 1 },
  task: { maxDigits: 2, maxDepth: 1, operators: ["+" as const], maxNewTokens: 8 },
  stages: [
    { kind: "pretrain", name: "sft", workedSolutions: 20, batchSize: 4, learningRate: 0.01, steps: 3 },
    {
      kind: "ppo",
      name: "ppo",
      problems: 20,
      steps: 3,
      promptsPerStep: 4,
      group: 2,
      minibatch: 4,
      updateEpochs: 2,
      learningRate: 0.001,
      valueLearningRate: 0.002,
      warmupSteps: 0,
      // What moves a policy whose answers are all wrong, and gives the critic something to foresee.
      entropyBonus: 0.1,
      beta: 0.5,
      ...ppo,
    },
  ],
  evaluation: { problems: 2 },
  checkpoints: { every: 10 },
});

async function run(recipe: RecipeInput, { stopAfter = 0, resume = false } = {}) {
  const events: RunEvent[] = [];
  const stop = () =>
    events.some((event) => event.type === "metrics" && event.stage === "ppo" && event.step === stopAfter);
  const result = await runRecipe(defineRecipe(recipe), {
    root,
    resume,
    stopRequested: stop,
    onEvent: (event) => void events.push(event),
  });
  return { result, events };
}

const stateOf = (name: string, step: number) =>
  ["model.safetensors", "optimizer.safetensors", "critic.safetensors"].map((file) =>
    readFileSync(join(root, name, "checkpoints", `ppo-${step}`, file)),
  );

describe("a stage of PPO", () => {
  it("resumed is the uninterrupted one, bit for bit, critic and all", async () => {
    const { events } = await run(arithmetic("whole"));
    const stopped = await run(arithmetic("halves"), { stopAfter: 2 });
    expect(stopped.result.status).toBe("stopped");
    expect((await run(arithmetic("halves"), { resume: true })).result.status).toBe("finished");
    expect(stateOf("halves", 3)).toEqual(stateOf("whole", 3));
    const { tensors } = readSafetensors(join(root, "whole", "checkpoints", "ppo-3", "critic.safetensors"));
    expect([...tensors.keys()]).toEqual(expect.arrayContaining(["valueHead.dense.weight", "first", "second"]));
    expect((tensors.get("valueHead.out.weight")!.data as Float32Array).some((value) => value !== 0)).toBe(true);

    const steps = events.flatMap((event) => (event.type === "metrics" && event.stage === "ppo" ? [event.values] : []));
    expect(steps).toHaveLength(3);
    // One engine samples and trains, critic beside it or not.
    for (const values of steps) {
      expect(values["sampling/sampling_logp_difference/max"]).toBe(0);
      expect(values["policy/updates"]).toBe(4);
      expect(values["values/explained_variance"]).toBeLessThanOrEqual(1);
    }
    expect(steps[0]["objective/kl"]).toBe(0);
    expect(steps[0]["values/mean"]).toBe(0);
    expect(steps.at(-1)!["values/mean"]).not.toBe(0);
  });

  it("teaches a model of arithmetic from the rewards of single attempts", async () => {
    const { events } = await run({
      name: "learns",
      device: { threads: 1 },
      model: { width: 32, heads: 4, feedForward: 64, layers: 1, finalNorm: true },
      task: {
        maxDigits: 1,
        maxDepth: 1,
        operators: ["+" as const],
        spaceProbability: 0,
        bracketProbability: 0,
        scratchpad: false,
        maxNewTokens: 5,
      },
      stages: [
        { kind: "pretrain", name: "sft", workedSolutions: 15, batchSize: 16, learningRate: 0.004, steps: 60 },
        {
          kind: "ppo",
          name: "ppo",
          problems: 12,
          steps: 40,
          promptsPerStep: 48,
          minibatch: 24,
          updateEpochs: 2,
          learningRate: 0.003,
          valueLearningRate: 0.01,
          warmupSteps: 0,
          beta: 0,
        },
      ],
      evaluation: { problems: 2 },
    });
    const steps = events.flatMap((event) => (event.type === "metrics" && event.stage === "ppo" ? [event.values] : []));
    const share = (name: string, from: number, to?: number): number =>
      steps.slice(from, to).reduce((sum, values, _, all) => sum + values[name] / all.length, 0);
    expect(share("reward", -5)).toBeGreaterThan(share("reward", 0, 5) + 0.08);
    expect(share("values/explained_variance", -5)).toBeGreaterThan(0.15);
  });

  it("trains an adapter on a published model, with whole attempts weighed", async () => {
    const dir = join(root, "tiny");
    await writeTinyModel(dir, { seed: 0 });
    const rows = ["one pen", "two red cars", "three old boats", "four"].map((ask, i) => ({ ask, answer: `${i}` }));
    const data = join(root, "data.jsonl");
    writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const { events } = await run({
      name: "words",
      device: { threads: 1 },
      task: {
        kind: "words",
        data,
        layout: "columns",
        columns: { question: "ask", answer: "answer" },
        train: { rows: [1, 3] },
        test: { rows: [4, 4] },
        format: "hash",
        instruction: "",
        maxNewTokens: 3,
      },
      model: { from: dir, lora: { rank: 2 } },
      stages: [
        {
          kind: "ppo",
          name: "ppo",
          steps: 2,
          promptsPerStep: 2,
          group: 2,
          critic: "sequence",
          beta: 0.1,
          lengthProbe: 0,
        },
      ],
      checkpoints: { every: 2 },
    });
    const losses = events.flatMap((event) => (event.type === "metrics" ? [event.values["loss/value"]] : []));
    expect(losses).toHaveLength(2);
    expect(losses.every(Number.isFinite)).toBe(true);
  });

  it("says in a dry run what it will do, critic and memory included", async () => {
    const said: string[] = [];
    await planRecipe(defineRecipe(arithmetic("planned")), (text) => void said.push(text));
    expect(said.join("\n")).toMatch(/ppo: 3 steps of 4 problems × 2 attempts .* critic of [\d,]+ weights/);
    expect(said.at(-1)).toMatch(/memory, estimated: sft \d+ MB, ppo \d+ MB/);
  });

  it("is refused where its fields do not fit each other", () => {
    const refused = (ppo: object) => () => defineRecipe(arithmetic("odd", ppo));
    expect(refused({ group: 3, minibatch: 4 })).toThrow(ConfigError);
    expect(refused({ group: 3, minibatch: 4 })).toThrow(/minibatch: expected a multiple of group, 3, got 4/);
    expect(refused({ critic: "sequence", bootstrapCut: true })).toThrow(/bootstrapCut/);
    expect(refused({ gamma: 1.5 })).toThrow(/gamma/);
    expect(refused({ problems: undefined })).toThrow(/problems: missing/);
    expect(() => parseRecipe("name: a\nstages: [{ kind: ppo, name: p, steps: 1, lamda: 1 }]")).toThrow(/lambda/);
  });
});

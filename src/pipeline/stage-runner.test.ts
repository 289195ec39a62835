import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { TrainingError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { loadModel } from "../model/checkpoint.ts";
import { packSequences } from "../model/packed-batch.ts";
import { scoreBatch } from "../model/policy.ts";
import type { RunEvent } from "../records/events.ts";
import { unpackExperts } from "../runs/expert-record.ts";
import { readAttempts } from "../runs/run-reader.ts";
import { arithmeticTask } from "./arithmetic-task.ts";
import { defineRecipe, type RecipeInput } from "./parse-recipe.ts";
import { runRecipe } from "./run-recipe.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-stages-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const small = {
  device: { threads: 1 },
  task: { maxDigits: 2, maxDepth: 1, operators: ["+" as const], maxNewTokens: 16 },
  evaluation: { problems: 2 },
};
const supervised = { kind: "pretrain", name: "sft", workedSolutions: 20, batchSize: 4 } as const;

async function run(recipe: RecipeInput) {
  const events: RunEvent[] = [];
  const result = await runRecipe(defineRecipe(recipe), { root, onEvent: (event) => void events.push(event) });
  return { result, events };
}

const checkpointsOf = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.type === "checkpoint" ? [{ step: event.step, best: event.best }] : []));

/** The metric of a stage's steps, by step. */
const metricOf = (events: readonly RunEvent[], stage: string, name: string) =>
  new Map(
    events.flatMap((event) =>
      event.type === "metrics" && event.stage === stage ? [[event.step, event.values[name]] as const] : [],
    ),
  );

describe("when training diverges", () => {
  // Without a memory of squares, Adam divides by gradients that have become almost nothing.
  const wild = { learningRate: 1, warmupSteps: 0, maxGradNorm: 0, beta2: 0, eps: 1e-30, decay: "constant" } as const;

  it("names a checkpoint whose weights give a finite loss", async () => {
    const error: Error = await run({
      ...small,
      name: "wild",
      stages: [{ ...supervised, ...wild, steps: 300 }],
      checkpoints: { every: 1 },
    }).then(
      () => expect.fail("this did not diverge"),
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(TrainingError);
    expect(error.message.match(/ step /g)).toHaveLength(1);
    const named = /the last good checkpoint is (\S+)\. Try/.exec(error.message)?.[1];
    const { policy } = loadModel(openReferenceDevice(), named!, { trained: false });
    const { task } = defineRecipe({ ...small, name: "wild", stages: [{ kind: "eval", name: "none" }] });
    const sequences = arithmeticTask(task)
      .demonstrations(20, 0)
      .map(({ prompt, completion }) => ({ prompt: prompt.tokens, completions: [completion] }));
    const { logps } = await scoreBatch(policy, packSequences(sequences), { temperature: 1 });
    expect([...logps].every(Number.isFinite)).toBe(true);
  });
});

it("names experts of a model that is trained whole which no token was routed to", async () => {
  const { events } = await run({
    ...small,
    name: "idle-experts",
    model: { experts: 300, activeExperts: 1, width: 8, heads: 2, feedForward: 4, layers: 1 },
    stages: [{ ...supervised, learningRate: 0.001, steps: 2 }],
  });
  const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  expect(warnings).toEqual([
    expect.stringMatching(/trained modules had no gradient in the 2 steps .*layers\.0\.up, expert \d+/),
  ]);
});

describe("expert ids", () => {
  const mixtureRun = async (name: string, experts: number, activeExperts: number) => {
    const { result } = await run({
      ...small,
      name,
      model: { experts, activeExperts, width: 8, heads: 2, feedForward: 4, layers: 1 },
      stages: [
        { ...supervised, learningRate: 0.01, steps: 2 },
        { kind: "rl", name: "grpo", problems: 8, steps: 3, promptsPerStep: 2, group: 2, learningRate: 0.001 },
      ],
      checkpoints: { every: 2 },
    });
    return [...readAttempts(result.run)];
  };

  it("are kept with each attempt of a mixture, and read back", async () => {
    const attempts = await mixtureRun("few-experts", 3, 2);
    expect(attempts).toHaveLength(3 * 4);
    const used = attempts.flatMap(({ experts, tokens }) => {
      expect(experts).toMatchObject({ shape: [1, tokens, 2], bits: 2 });
      return [...unpackExperts(experts!)];
    });
    expect(new Set(used)).toEqual(new Set([0, 1, 2]));
  });

  it("are kept at steps with a checkpoint where they are many", async () => {
    const attempts = await mixtureRun("many-experts", 12, 9);
    const kept = new Set(attempts.flatMap(({ step, experts }) => (experts ? [step] : [])));
    expect(kept).toEqual(new Set([2, 3]));
  });
});

describe("checkpoints", () => {
  it("are not written for a validation that is off, and the best is the one of lowest loss", async () => {
    const { events } = await run({
      ...small,
      name: "lowest-loss",
      stages: [{ ...supervised, learningRate: 0.01, steps: 6 }],
      checkpoints: { every: 3, keepLast: 1 },
      validation: { every: 2 },
    });
    const losses = metricOf(events, "sft", "loss");
    const mean = (...steps: number[]) => steps.reduce((sum, step) => sum + losses.get(step)!, 0) / steps.length;
    expect(checkpointsOf(events)).toEqual([
      { step: 3, best: true },
      { step: 6, best: mean(4, 5, 6) < mean(1, 2, 3) },
    ]);
  });

  it("of reinforcement are chosen by the mean reward since the one before", async () => {
    const { events } = await run({
      ...small,
      name: "highest-reward",
      stages: [
        { ...supervised, learningRate: 0.01, steps: 30 },
        {
          kind: "rl",
          name: "grpo",
          problems: 20,
          steps: 6,
          promptsPerStep: 4,
          group: 4,
          learningRate: 0.001,
          rewards: { correct: 1, format: 1, steps: 1 },
        },
      ],
      checkpoints: { every: 2 },
    });
    const rewards = metricOf(events, "grpo", "reward");
    const scores = [2, 4, 6].map((step) => rewards.get(step - 1)! + rewards.get(step)!);
    const ofStage = checkpointsOf(events.filter((event) => "stage" in event && event.stage === "grpo"));
    const best = scores.map((score, i) => scores.slice(0, i).every((earlier) => score > earlier));
    expect(ofStage).toEqual([2, 4, 6].map((step, i) => ({ step, best: best[i] })));
    expect(new Set(scores).size).toBeGreaterThan(1);
  });
});

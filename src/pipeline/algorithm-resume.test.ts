import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { RunEvent } from "../records/events.ts";
import { defineRecipe } from "./parse-recipe.ts";
import { runRecipe } from "./run-recipe.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-algorithms-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A KL weight that follows a target, and problems chosen by solve rate: all that a loop carries from step to step. */
const recipe = (name: string) =>
  defineRecipe({
    name,
    device: { name: "reference" },
    task: { maxDigits: 1, maxDepth: 1, operators: ["+"], maxNewTokens: 10 },
    model: { size: "tiny", width: 16, heads: 2, feedForward: 24, layers: 1 },
    stages: [
      {
        kind: "rl",
        name: "rloo",
        algorithm: "rloo",
        problems: 6,
        steps: 5,
        promptsPerStep: 3,
        group: 4,
        learningRate: 0.01,
        warmupSteps: 0,
        beta: 0.1,
        klTarget: 0.001,
        curriculum: "solve-rate",
        rewards: { correct: 1, format: 1, steps: 1 },
      },
    ],
    evaluation: { problems: 2 },
    checkpoints: { every: 5 },
  });

/** Runs a recipe to its end, stopping it after the given steps and taking it up again. */
async function run(name: string, stops: readonly number[]) {
  const metrics: Record<string, number>[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === "metrics") metrics.push(event.values);
  };
  for (const stop of [...stops, Number.POSITIVE_INFINITY])
    await runRecipe(recipe(name), {
      root,
      resume: metrics.length > 0,
      onEvent,
      stopRequested: () => metrics.length >= stop,
    });
  const kept = (file: string) => readFileSync(join(root, name, "checkpoints", "rloo-5", file));
  return { metrics, memory: JSON.parse(String(kept("state.json"))).memory, moments: kept("optimizer.safetensors") };
}

it("a run that was stopped twice ends with the bits of one that was not", async () => {
  const whole = await run("whole", []);
  const parts = await run("parts", [1, 3]);
  expect(parts.moments.equals(whole.moments)).toBe(true);
  expect(parts.memory).toEqual(whole.memory);
  expect(whole.memory.solveRates.seen).toHaveLength(6);
  const weights = ({ metrics }: typeof whole) => metrics.map(({ kl_coef }) => kl_coef);
  expect(weights(parts)).toEqual(weights(whole));
  expect(new Set(weights(whole)).size).toBe(5);
});

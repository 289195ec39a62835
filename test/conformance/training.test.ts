import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { defineRecipe } from "../../src/pipeline/parse-recipe.ts";
import { runRecipe } from "../../src/pipeline/run-recipe.ts";
import type { RunEvent } from "../../src/records/events.ts";
import { nativeLevels } from "./levels.ts";

/**
 * Whole training on every instruction set that this processor has, with both types of operands: what is sampled and learned
 * has the same bits with one thread and with two, interrupted and not. (test/resume kills processes, on the set that is chosen.)
 */
const root = mkdtempSync(join(tmpdir(), "reckon-training-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

const shapes = {
  dense: { size: "tiny", width: 48, heads: 4, feedForward: 80, layers: 2 },
  mixture: { size: "tiny", width: 48, heads: 4, feedForward: 64, layers: 2, experts: 4, activeExperts: 2 },
} as const;

interface Trained {
  metrics: Record<string, number>[];
  weights: Buffer;
  moments: Buffer;
}

/** Six supervised steps, then four of GRPO against a frozen reference, two updates a rollout. */
const recipe = (name: string, model: object, precision: "f32" | "bf16", threads: number) =>
  defineRecipe({
    name,
    seed: 3,
    device: { threads, precision },
    task: { maxDigits: 2, maxDepth: 1, operators: ["+"], scratchpad: false, maxNewTokens: 8 },
    model,
    stages: [
      {
        name: "sft",
        kind: "pretrain",
        workedSolutions: 40,
        steps: 6,
        batchSize: 8,
        learningRate: 0.01,
        warmupSteps: 0,
      },
      {
        name: "grpo",
        kind: "rl",
        problems: 12,
        steps: 4,
        promptsPerStep: 4,
        group: 4,
        learningRate: 0.01,
        warmupSteps: 0,
        beta: 0.05,
        updatesPerRollout: 2,
        rewards: { correct: 1, format: 0.5, steps: 0.5 },
      },
    ],
    evaluation: { problems: 2 },
    checkpoints: { every: 4 },
  });

async function train(asked: ReturnType<typeof recipe>, stops: readonly number[]): Promise<Trained> {
  const metrics: Record<string, number>[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type !== "metrics") return;
    const kept = Object.entries(event.values).filter(([name]) => !/seconds|step_time|^perf\/|^rollout\//.test(name));
    metrics.push(Object.fromEntries(kept));
  };
  for (const stop of [...stops, Number.POSITIVE_INFINITY])
    await runRecipe(asked, { root, resume: metrics.length > 0, onEvent, stopRequested: () => metrics.length >= stop });
  const kept = (file: string) => readFileSync(join(root, asked.name, "checkpoints", "grpo-4", file));
  return { metrics, weights: kept("model.safetensors"), moments: kept("optimizer.safetensors") };
}

for (const { isa, skipped } of nativeLevels()) {
  if (skipped) {
    it.skip(`${isa}: ${skipped}`, () => {});
    continue;
  }
  const cases = (["f32", "bf16"] as const).flatMap((precision) =>
    (Object.keys(shapes) as (keyof typeof shapes)[]).map((shape) => ({ precision, shape })),
  );
  describe(isa, () => {
    it.each(cases)("$precision, $shape: two threads and two stops change no bit", async ({ precision, shape }) => {
      vi.stubEnv("RECKON_ISA", isa);
      const name = `${isa}-${precision}-${shape}`;
      const whole = await train(recipe(`${name}-whole`, shapes[shape], precision, 1), []);
      const parts = await train(recipe(`${name}-parts`, shapes[shape], precision, 2), [3, 8]);
      expect(parts.metrics).toEqual(whole.metrics);
      expect(parts.weights.equals(whole.weights)).toBe(true);
      expect(parts.moments.equals(whole.moments)).toBe(true);
      // Where nothing is learned, nothing could differ.
      expect(whole.metrics.filter(({ kl }) => kl > 0).length).toBeGreaterThan(0);
      expect(whole.metrics.map((step) => step["sampling/sampling_logp_difference/max"] ?? 0)).toEqual(
        whole.metrics.map(() => 0),
      );
    });
  });
}

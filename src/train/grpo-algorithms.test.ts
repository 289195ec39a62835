import { describe, expect, it } from "vitest";
import { batchAdvantages } from "../advantage/batch-baseline.ts";
import { leaveOneOutAdvantages } from "../advantage/leave-one-out.ts";
import { ConfigError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { cispoLoss } from "../loss/cispo.ts";
import { grpoLoss } from "../loss/grpo.ts";
import { gspoLoss } from "../loss/gspo.ts";
import { adaptKlCoefficient } from "../loss/kl-control.ts";
import { reinforceLoss } from "../loss/reinforce.ts";
import { rlooLoss } from "../loss/rloo.ts";
import type { LossNormalizer, TokenBatch } from "../loss/token-batch.ts";
import { mathFormer } from "../model/config.ts";
import { createPolicy, freezePolicy, type Policy } from "../model/policy.ts";
import type { Prompt } from "../records/problem.ts";
import { type Grading, toAttempt } from "../rollout/attempts.ts";
import { sampleAttempts } from "../rollout/rollout.ts";
import { AdamW } from "../update/adamw.ts";
import { trainGrpo } from "./grpo.ts";
import { completeGrpoOptions, type GrpoTrainingOptions } from "./grpo-options.ts";
import type { GrpoMemory } from "./grpo-run.ts";
import { updateOnGroups } from "./grpo-update.ts";
import type { StepReport } from "./hooks.ts";

const config = mathFormer({ size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1 }, 6);
const prompts = ["a", "b", "c", "d", "e"].map(
  (id, i): Prompt => ({ problem: { id, question: id, answer: "" }, tokens: [1 + (i % 4), 2, 3].slice(i % 2) }),
);

/** Right is what begins with token 3, or with 1 where there are more than two tokens. */
const grading: Grading = {
  eosId: 0,
  decode: (tokens) => tokens.join(" "),
  grade: async (scored) =>
    scored.map(({ attempt: { tokens } }) => ({
      correct: tokens[0] === 3 || (tokens[0] === 1 && tokens.length > 2) ? 1 : 0,
    })),
  extract: () => null,
};

const settings = (over: Partial<GrpoTrainingOptions> = {}): GrpoTrainingOptions => ({
  schedule: { learningRate: 0.01, totalSteps: 4 },
  sampling: { maxNewTokens: 4 },
  promptsPerStep: 3,
  group: 5,
  ...over,
});

/** Trains to each of the stops in turn, each time as a new process would: with what a checkpoint keeps of the loop. */
async function train(options: GrpoTrainingOptions, stops: readonly number[] = [options.schedule.totalSteps]) {
  const policy = createPolicy(openReferenceDevice(), config, { seed: 3, trained: true });
  const run = { policy, reference: freezePolicy(policy), optimizer: new AdamW(policy.parameters), firstStep: 0 };
  const reports: StepReport[] = [];
  let kept: string | undefined;
  for (const stop of stops) {
    const memory: GrpoMemory | undefined = kept === undefined ? undefined : JSON.parse(kept);
    await trainGrpo({ ...run, firstStep: reports.length, memory }, prompts, grading, options, async (report) => {
      reports.push(report);
      kept = JSON.stringify(report.memory);
      return report.step + 1 === stop ? "stop" : "go on";
    });
  }
  return { reports, weights: await weightsOf(policy) };
}

const weightsOf = async ({ parameters, device }: Policy) => [...(await device.read(parameters.values))];
const idsOf = ({ groups }: StepReport) => groups.map(({ prompt }) => prompt.problem.id);

const held = { beta: 0.05, entropyBonus: 0.01 };
const clip = { clipLow: 0.2, clipHigh: 0.28, delta: 1.6 };
const algorithms: Record<string, Partial<GrpoTrainingOptions>> = {
  grpo: { loss: (batch, whole) => grpoLoss(batch, { ...held, ...clip, aggregation: "grpo" }, whole) },
  "grpo dapo": { loss: (batch, whole) => grpoLoss(batch, { ...held, ...clip, aggregation: "dapo" }, whole) },
  "grpo dr_grpo": { loss: (batch, whole) => grpoLoss(batch, { ...held, ...clip, aggregation: "dr_grpo" }, whole) },
  gspo: { loss: (batch, whole) => gspoLoss(batch, { ...held, ...clip, aggregation: "grpo" }, whole) },
  cispo: { loss: (batch, whole) => cispoLoss(batch, { ...held, clipHigh: 0.1, aggregation: "bnpo" }, whole) },
  rloo: {
    loss: (batch, whole) => rlooLoss(batch, { ...held, ...clip, beta: 0 }, whole),
    advantages: (rewards_PG) => leaveOneOutAdvantages(rewards_PG, { scale: "none" }),
    kl: { in: "reward", coefficient: 0.1 },
    importance: { cap: 2, level: "sequence" },
  },
  reinforce: {
    loss: (batch, whole) => reinforceLoss(batch, { ...held, aggregation: "dapo" }, whole),
    advantages: (rewards_PG) => batchAdvantages(rewards_PG, { scale: "batch" }),
    topEntropyQuantile: 0.5,
    maskTruncated: true,
  },
};

describe.each(Object.entries(algorithms))("%s", (_, options) => {
  it("comes to the same weights in one micro-batch and in one per group", async () => {
    const once = { schedule: { learningRate: 0.01, totalSteps: 2 }, updatesPerRollout: 2 };
    const whole = await train(settings({ ...options, ...once }));
    const parts = await train(settings({ ...options, ...once, microBatchTokens: 1 }));
    expect(Math.max(...whole.weights.map((weight, i) => Math.abs(weight - parts.weights[i])))).toBeLessThan(1e-9);
    expect(whole.reports.every(({ metrics }) => metrics.grad_norm > 1e-3)).toBe(true);
  });
});

describe("what is carried from step to step", () => {
  const everything = settings({
    ...algorithms.rloo,
    kl: { in: "reward", coefficient: 0.1, target: 0.002 },
    curriculum: "solve-rate",
    promptsPerStep: 2,
    schedule: { learningRate: 0.02, totalSteps: 8 },
  });

  it("goes on from a checkpoint as if there had been no stop", async () => {
    const whole = await train(everything);
    const resumed = await train(everything, [1, 4, 5, 8]);
    expect(resumed.weights).toEqual(whole.weights);
    expect(resumed.reports.map(({ memory }) => memory)).toEqual(whole.reports.map(({ memory }) => memory));
    expect(resumed.reports.map(idsOf)).toEqual(whole.reports.map(idsOf));
    // What is forgotten shows.
    expect(new Set(whole.reports.map(({ memory }) => memory?.klCoefficient)).size).toBe(8);
    expect(whole.reports.some(({ metrics }) => metrics["curriculum/passed_over"] > 0)).toBe(true);
  });

  it("is a weight of KL that follows its target", async () => {
    const { reports } = await train(everything);
    let coefficient = 0.1;
    for (const { metrics, memory } of reports) {
      expect(metrics.kl_coef).toBe(coefficient);
      coefficient = adaptKlCoefficient(coefficient, metrics.kl, 0.002);
      expect(memory?.klCoefficient).toBe(coefficient);
    }
  });

  it("reaches a loss that KL is in, in the place of its own weight", async () => {
    const seen: [TokenBatch, LossNormalizer][] = [];
    const { reports } = await train(
      settings({
        loss: (batch, whole) => {
          seen.push([batch, whole]);
          return grpoLoss(batch, { ...held, ...clip, aggregation: "dapo" }, whole);
        },
        kl: { in: "loss", coefficient: 0.5, target: 0.01 },
      }),
    );
    expect(seen.map(([, { klCoefficient }]) => klCoefficient)).toEqual(reports.map(({ metrics }) => metrics.kl_coef));
    expect(seen[0][0].refLogps).not.toBeNull();
    expect(reports[1].metrics.kl_coef).toBe(adaptKlCoefficient(0.5, reports[0].metrics.kl, 0.01));
  });
});

describe("KL in the reward", () => {
  it("is taken off what advantages are made of, and leaves the task's rewards as they are", async () => {
    const given: number[][][] = [];
    const rloo = (rewards_PG: readonly (readonly number[])[]) => {
      given.push(rewards_PG.map((rewards) => [...rewards]));
      return leaveOneOutAdvantages(rewards_PG, { scale: "none" });
    };
    const seen: TokenBatch[] = [];
    const { reports } = await train(
      settings({
        loss: (batch, whole) => {
          seen.push(batch);
          return rlooLoss(batch, { ...held, ...clip }, whole);
        },
        advantages: rloo,
        kl: { in: "reward", coefficient: 3, estimator: "k2" },
      }),
    );
    expect(seen.every(({ refLogps }) => refLogps === null)).toBe(true);
    const [first, , third] = reports;
    // The policy begins as its own reference.
    expect(first.metrics.kl).toBeCloseTo(0, 12);
    expect(given[0]).toEqual(first.groups.map(({ rewards }) => rewards));
    const taken = third.groups.map(({ rewards }, p) => rewards.map((reward, i) => reward - given[2][p][i]));
    const tokens = third.groups.flatMap(({ attempts }) => attempts.flatMap((attempt) => attempt.tokens)).length;
    const sum = taken.flat().reduce((total, kl) => total + kl, 0);
    expect(sum).toBeGreaterThan(1e-3);
    expect(third.metrics.kl).toBeCloseTo(sum / 3 / tokens, 12);
    expect(third.groups[0].advantages).toEqual(rloo(given[2])[0]);
  });
});

describe("another engine's samples", () => {
  const importance = { cap: 1.5, level: "token" } as const;

  /** An update on attempts whose recorded log-probabilities are off by `error`; what the loss was called with. */
  async function updateOn(error: number, over: Partial<GrpoTrainingOptions>, keeping: "all" | "keys" = "keys") {
    const policy = createPolicy(openReferenceDevice(), config, { seed: 3, trained: true });
    const seen: TokenBatch[] = [];
    const options = completeGrpoOptions(
      settings({
        updatesPerRollout: 2,
        // Groups have up to 18 rows: none is cut, no two meet.
        microBatchTokens: 9,
        ...over,
        loss: (batch, whole) => {
          seen.push({
            ...batch,
            oldLogps: [...Array.from(batch.oldLogps)],
            factors: batch.factors && [...Array.from(batch.factors)],
          });
          return grpoLoss(
            batch,
            { clipLow: 0.2, clipHigh: 0.28, beta: 0, entropyBonus: 0, aggregation: "dapo" },
            whole,
          );
        },
      }),
    );
    const rollout = await sampleAttempts(
      policy,
      prompts.map(({ tokens }) => tokens),
      { ...options.sampling, group: 5, eosId: 0, keeping },
    );
    const groups = rollout.attempts.map((sampled, p) => ({
      prompt: prompts[p],
      attempts: sampled.map((one) => ({ ...toAttempt(one, grading), logps: one.logps.map((logp) => logp - error) })),
      parts: sampled.map(() => ({})),
      rewards: [1, 0, 0, 1, 0],
      advantages: [1, -1, -0.5, 1, -0.5],
    }));
    const optimizer = new AdamW(policy.parameters);
    const report = await updateOnGroups(
      { policy, reference: null, optimizer },
      { step: 0, groups, rollout, learningRate: 0.01 },
      options,
    );
    return { seen, report, weights: await weightsOf(policy) };
  }

  it("are weighed by capped ratios, and old log-probabilities are the trainer's", async () => {
    const { seen, report } = await updateOn(0.2, { importance });
    expect(seen.length).toBe(10);
    const first = seen.slice(0, 5);
    for (const { factors, logps, oldLogps } of first) {
      expect(Array.from(factors!).every((factor) => Math.abs(factor - Math.exp(0.2)) < 1e-12)).toBe(true);
      expect(oldLogps).toEqual(Array.from(logps));
    }
    // The second update measures from the first one's log-probabilities.
    expect(seen.slice(5).map(({ oldLogps }) => oldLogps)).toEqual(first.map(({ oldLogps }) => oldLogps));
    expect(seen.slice(5).map(({ factors }) => factors)).toEqual(first.map(({ factors }) => factors));
    expect(report.importance?.max).toBeCloseTo(Math.exp(0.2), 12);
    expect((await updateOn(1, { importance })).report.importance?.min).toBe(1.5);
    expect((await updateOn(0.2, {})).report.importance).toBeUndefined();
  });

  it("change nothing where they are our own", async () => {
    for (const keeping of ["keys", "all"] as const) {
      const corrected = await updateOn(0, { importance }, keeping);
      const plain = await updateOn(0, {}, keeping);
      expect(Math.max(...corrected.weights.map((weight, i) => Math.abs(weight - plain.weights[i])))).toBeLessThan(
        1e-12,
      );
    }
  });

  it("leave out tokens of low entropy, the same ones in every update", async () => {
    const { seen } = await updateOn(0, { topEntropyQuantile: 0.3 });
    const factors = seen.slice(0, 5).flatMap((batch) => Array.from(batch.factors!));
    const entropies = seen.slice(0, 5).flatMap((batch) => Array.from(batch.entropies));
    const left = entropies.filter((_, i) => factors[i] === 1);
    // First tokens of one prompt have one entropy, and are in or out together.
    const above = entropies.filter((entropy) => entropy > Math.min(...left) + 1e-12);
    expect(above.length).toBeLessThanOrEqual(0.3 * factors.length);
    expect(left.length).toBeGreaterThanOrEqual(0.3 * factors.length);
    expect(Math.min(...left)).toBeGreaterThan(Math.max(...entropies.filter((_, i) => factors[i] === 0)));
    expect(seen.slice(5).flatMap((batch) => Array.from(batch.factors!))).toEqual(factors);
  });
});

describe("maskTruncated", () => {
  it("leaves cut attempts out of batch and normalizer, but not out of their group's baseline", async () => {
    const calls: [TokenBatch, LossNormalizer][] = [];
    const loss: GrpoTrainingOptions["loss"] = (batch, whole) => {
      calls.push([batch, whole]);
      return grpoLoss(batch, { ...held, ...clip, aggregation: "grpo" }, whole);
    };
    const { reports } = await train(
      settings({ loss, maskTruncated: true, schedule: { learningRate: 0, totalSteps: 3 } }),
    );
    let call = 0;
    for (const { groups } of reports) {
      const trained = groups.map(({ attempts, advantages }) => {
        const ended = attempts.flatMap(({ stop }, i) => (stop === "length" ? [] : [i]));
        return ended.some((i) => advantages[i] !== 0) ? ended.map((i) => attempts[i].tokens.length) : [];
      });
      if (trained.flat().length === 0) continue;
      const [batch, whole] = calls[call++];
      const tokens = trained.flat().reduce((sum, length) => sum + length, 0);
      expect(whole).toEqual({ attempts: trained.flat().length, tokens, maxLength: 4 });
      expect(batch.logps.length).toBe(tokens);
    }
    expect(calls.length).toBe(call);
    const attempts = reports.flatMap(({ groups }) => groups.flatMap((group) => group.attempts));
    expect(attempts.some(({ stop }) => stop === "length")).toBe(true);
    expect(calls.length).toBeGreaterThan(0);
  });
});

it("refuses options that mean nothing", () => {
  const odd = settings({ topEntropyQuantile: 0, importance: { cap: 0, level: "token" }, resample: -1 });
  expect(() => completeGrpoOptions(odd)).toThrow(ConfigError);
  expect(() => completeGrpoOptions(odd)).toThrow(/resample.* got -1; topEntropyQuantile.* got 0; importance\.cap/);
  expect(() => completeGrpoOptions(settings({ kl: { in: "loss", coefficient: -1, target: 0 } }))).toThrow(
    /kl\.coefficient.* got -1; kl\.target.* got 0/,
  );
});

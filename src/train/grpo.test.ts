import { describe, expect, it } from "vitest";
import { TrainingError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { grpoLoss } from "../loss/grpo.ts";
import type { LossNormalizer, TokenBatch } from "../loss/token-batch.ts";
import { mathFormer } from "../model/config.ts";
import { createPolicy, freezePolicy, type Policy } from "../model/policy.ts";
import type { Attempt } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { type Grading, toAttempt } from "../rollout/attempts.ts";
import { sampleAttempts } from "../rollout/rollout.ts";
import { AdamW } from "../update/adamw.ts";
import { trainGrpo } from "./grpo.ts";
import { completeGrpoOptions, type GrpoTrainingOptions } from "./grpo-options.ts";
import { updateOnGroups } from "./grpo-update.ts";
import type { StepReport } from "./hooks.ts";

const shape = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1 } as const;
const dense = mathFormer(shape, 6);
const mixture = mathFormer({ ...shape, experts: 4, activeExperts: 2 }, 6);

const prompt = (id: string, tokens: number[]): Prompt => ({ problem: { id, question: id, answer: "" }, tokens });
const prompts = [prompt("a", [1, 2, 3]), prompt("b", [4, 1]), prompt("c", [5]), prompt("d", [2, 2])];

const gradedBy = (correct: (attempt: Attempt, prompt: Prompt) => number): Grading => ({
  eosId: 0,
  decode: (tokens) => tokens.join(" "),
  grade: async (scored) =>
    scored.map(({ attempt, prompt: one }) => ({ correct: correct(attempt, one), length: attempt.tokens.length })),
  extract: () => null,
});
const firstIsThree = gradedBy(({ tokens }) => (tokens[0] === 3 ? 1 : 0));

const settings = (over: Partial<GrpoTrainingOptions> = {}): GrpoTrainingOptions => ({
  schedule: { learningRate: 0.01, totalSteps: 1 },
  sampling: { maxNewTokens: 4 },
  promptsPerStep: 4,
  group: 6,
  ...over,
});

function newRun(config = dense, { withReference = false } = {}) {
  const policy = createPolicy(openReferenceDevice(), config, { seed: 3, trained: true });
  const reference = withReference ? freezePolicy(policy) : null;
  return { policy, reference, optimizer: new AdamW(policy.parameters), firstStep: 0 };
}

async function train(run: ReturnType<typeof newRun>, grading: Grading, options: GrpoTrainingOptions) {
  const reports: StepReport[] = [];
  await trainGrpo(run, prompts, grading, options, async (report) => {
    reports.push(report);
    return "go on";
  });
  return reports;
}

const weightsOf = async ({ parameters, device }: Policy) => [...(await device.read(parameters.values))];

/** GRPO's loss, which remembers what it was called with. */
function watchedLoss() {
  const calls: { batch: TokenBatch; whole: LossNormalizer }[] = [];
  const loss = (batch: TokenBatch, whole: LossNormalizer) => {
    calls.push({ batch, whole });
    return grpoLoss(
      batch,
      { clipLow: 0.2, clipHigh: 0.28, beta: 0.01, entropyBonus: 0.001, aggregation: "dapo" },
      whole,
    );
  };
  return { calls, loss };
}

function expectClose(actual: readonly number[], expected: readonly number[], within: number) {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < actual.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]));
  expect(worst).toBeLessThan(within);
}

describe("trainGrpo", () => {
  it("changes no weight where all rewards of a group are equal, even with a reference and an entropy bonus", async () => {
    const run = newRun(dense, { withReference: true });
    const before = await weightsOf(run.policy);
    const { calls, loss } = watchedLoss();
    const [{ metrics }] = await train(
      run,
      gradedBy(() => 1),
      settings({ loss }),
    );
    expect(await weightsOf(run.policy)).toEqual(before);
    expect(metrics).toMatchObject({ loss: 0, grad_norm: 0, frac_reward_zero_std: 1, reward: 1, reward_std: 0 });
    expect(metrics.kl).toBeUndefined();
    expect(metrics.entropy).toBeGreaterThan(1);
    expect(calls).toEqual([]);
    expect(run.optimizer.steps).toBe(0);
  });

  it("leaves groups without spread out of the batch and of the normalizer, and counts them", async () => {
    const { calls, loss } = watchedLoss();
    const flatForAandC = gradedBy(({ tokens }, { problem }) => ("ac".includes(problem.id) ? 1 : tokens.length));
    const [{ metrics, groups }] = await train(newRun(), flatForAandC, settings({ loss }));
    const live = groups.filter(({ prompt: { problem } }) => !"ac".includes(problem.id));
    const tokens = live.flatMap(({ attempts }) => attempts.flatMap((attempt) => attempt.tokens)).length;
    expect(metrics.frac_reward_zero_std).toBe(0.5);
    expect(calls.map(({ whole }) => whole)).toEqual([{ attempts: 12, tokens, maxLength: 4 }]);
    // Completion tokens alone are in the batch: prompt tokens have no entry, so no derivative.
    expect(calls[0].batch.logps.length).toBe(tokens);
    expect(Array.from(calls[0].batch.starts).at(-1)).toBe(tokens);
  });

  it("trains the same weights whether sampling's activations are taken over or computed again", async () => {
    const options = completeGrpoOptions(settings({ loss: watchedLoss().loss, group: 2 }));
    const updated = async (keeping: "all" | "keys") => {
      const run = newRun(dense, { withReference: true });
      const tokens = prompts.map((one) => one.tokens);
      const rollout = await sampleAttempts(run.policy, tokens, { ...options.sampling, group: 2, eosId: 0, keeping });
      const groups = rollout.attempts.map((sampled, p) => ({
        prompt: prompts[p],
        attempts: sampled.map((one) => toAttempt(one, firstIsThree)),
        parts: [{}, {}],
        rewards: [1, 0],
        advantages: [0.7, -0.7],
      }));
      const input = { step: 0, groups, rollout, learningRate: 0.01 };
      const report = await updateOnGroups(run, input, options);
      return { report, weights: await weightsOf(run.policy) };
    };
    const adopted = await updated("all");
    const again = await updated("keys");
    expect(adopted.report.samplerGap).toBeNull();
    expect(again.report.samplerGap).toBeLessThan(1e-12);
    expect(adopted.report.gradNorm).toBeGreaterThan(0.01);
    expect(adopted.report.flops).toBeLessThan(again.report.flops);
    expectClose(adopted.weights, again.weights, 1e-9);
  });

  it("updates several times on a rollout, the ratio leaving 1 after the first", async () => {
    const run = newRun();
    const { calls, loss } = watchedLoss();
    await train(run, firstIsThree, settings({ loss, updatesPerRollout: 3 }));
    expect(run.optimizer.steps).toBe(3);
    const gaps = calls.map(({ batch }) =>
      Math.max(...Array.from(batch.logps, (logp, i) => Math.abs(logp - batch.oldLogps[i]))),
    );
    expect(gaps[0]).toBeLessThan(1e-12);
    expect(gaps[1]).toBeGreaterThan(1e-3);
    expect(gaps[2]).toBeGreaterThan(gaps[1]);
  });

  it("comes to the same weights in one micro-batch and in one per group", async () => {
    const whole = newRun(dense, { withReference: true });
    await train(whole, firstIsThree, settings({ loss: watchedLoss().loss, updatesPerRollout: 2 }));
    const parts = newRun(dense, { withReference: true });
    const { calls, loss } = watchedLoss();
    await train(parts, firstIsThree, settings({ loss, updatesPerRollout: 2, microBatchTokens: 1 }));
    expect(calls.length).toBeGreaterThan(3);
    expectClose(await weightsOf(parts.policy), await weightsOf(whole.policy), 1e-9);
  });

  it("learns which token to begin with", async () => {
    const schedule = { learningRate: 0.02, totalSteps: 25, decay: "constant" } as const;
    const options = settings({ schedule, promptsPerStep: 1, group: 32 });
    const rewards: number[] = [];
    await trainGrpo(newRun(), [prompts[0]], firstIsThree, options, async ({ metrics }) => {
      rewards.push(metrics.reward);
      return "go on";
    });
    expect(rewards[0]).toBeLessThan(0.5);
    expect(Math.min(...rewards.slice(-3))).toBeGreaterThan(0.9);
  });

  it("reports exactly these metrics", async () => {
    const options = settings({ loss: watchedLoss().loss, peakFlops: 1e9, microBatchTokens: 1, updatesPerRollout: 2 });
    const [{ metrics, tokens, groups }] = await train(newRun(mixture, { withReference: true }), firstIsThree, options);
    expect(Object.keys(metrics).sort()).toEqual(
      [
        ["aux_loss", "entropy", "epoch", "frac_reward_zero_std", "grad_norm", "kl", "learning_rate", "loss"],
        ["clip_ratio/high_max", "clip_ratio/high_mean", "clip_ratio/low_mean", "clip_ratio/low_min"],
        ["clip_ratio/region_mean", "completions/clipped_ratio", "completions/max_length", "completions/mean_length"],
        ["completions/max_terminated_length", "completions/mean_terminated_length", "completions/min_length"],
        ["completions/min_terminated_length", "perf/mfu", "perf/peak_memory_mb", "perf/tokens_per_second"],
        ["reward", "reward_std", "rewards/correct/mean", "rewards/correct/std", "rewards/length/mean"],
        [
          "rewards/length/std",
          "rollout/seconds",
          "rollout/tokens_per_pass",
          "sampling/sampling_logp_difference/max",
          "score/seconds",
        ],
        ["step_time", "update/seconds"],
      ]
        .flat()
        .sort(),
    );
    expect(metrics.epoch).toBe(1);
    const completions = groups.flatMap(({ attempts }) => attempts.map((attempt) => attempt.tokens.length));
    // Each prompt once for each of its six attempts: 6 · (3 + 2 + 1 + 2).
    expect(tokens).toBe(48 + completions.reduce((sum, length) => sum + length, 0));
    expect(metrics["completions/mean_length"]).toBe(metrics["rewards/length/mean"]);
    expect(metrics["clip_ratio/low_min"]).toBeLessThanOrEqual(metrics["clip_ratio/low_mean"]);
    expect(metrics["clip_ratio/high_max"]).toBeGreaterThanOrEqual(metrics["clip_ratio/high_mean"]);
  });

  it("comes to the same attempts and weights with drafts and without, and says what drafts were good for", async () => {
    const trained = async (drafts: boolean) => {
      const run = newRun(mixture);
      const schedule = { learningRate: 0.01, totalSteps: 5 };
      const sampling = { maxNewTokens: 12, temperature: 0.2 };
      const reports = await train(run, firstIsThree, settings({ schedule, sampling, drafts }));
      return { reports, weights: await weightsOf(run.policy) };
    };
    const drafted = await trained(true);
    const plain = await trained(false);
    expect(drafted.weights).toEqual(plain.weights);
    const tokensOf = ({ groups }: StepReport) => groups.map(({ attempts }) => attempts.map(({ tokens }) => tokens));
    for (const [step, report] of drafted.reports.entries()) {
      expect(tokensOf(report)).toEqual(tokensOf(plain.reports[step]));
      expect(report.experts).toEqual(plain.reports[step].experts);
    }
    const [last, lastPlain] = [drafted, plain].map(({ reports }) => reports[4].metrics);
    expect(last["rollout/draft_accepted"]).toBeGreaterThan(0);
    expect(last["rollout/draft_accepted"]).toBeLessThanOrEqual(1);
    expect(last["rollout/tokens_per_pass"]).toBeGreaterThan(lastPlain["rollout/tokens_per_pass"]);
    expect(plain.reports.some(({ metrics }) => "rollout/draft_accepted" in metrics)).toBe(false);
  });

  it("logs how experts were used also on a step without a live group", async () => {
    const [{ experts, groups, metrics }] = await train(
      newRun(mixture),
      gradedBy(() => 0),
      settings(),
    );
    const longest = Math.max(...groups.flatMap(({ attempts }) => attempts.map(({ tokens }) => tokens.length)));
    expect(experts).toHaveLength(1);
    const slots = experts[0].counts.reduce((sum, count) => sum + count, 0);
    // Two slots a row; the prompts' 8 rows, then at least one and at most 24 rows a token.
    expect(slots).toBeGreaterThanOrEqual(2 * (8 + longest - 1));
    expect(slots).toBeLessThanOrEqual(2 * (8 + 24 * (longest - 1)));
    expect(metrics.aux_loss).toBeUndefined();
  });

  it("leaves nothing open after a loss that is not finite: the caller can go on", async () => {
    const run = newRun();
    const broken = () => ({
      value: Number.NaN,
      dLogps: new Float64Array(0),
      dEntropies: new Float64Array(0),
      sums: {},
    });
    await expect(train(run, firstIsThree, settings({ loss: broken }))).rejects.toThrow(TrainingError);
    expect(run.optimizer.steps).toBe(0);
    const fresh = newRun();
    await train(run, firstIsThree, settings());
    await train(fresh, firstIsThree, settings());
    expect(await weightsOf(run.policy)).toEqual(await weightsOf(fresh.policy));
  });

  it("refuses sampling options that mean nothing, and an empty list of prompts", async () => {
    const odd = settings({ sampling: { maxNewTokens: 0, temperature: -1, topK: 1.5, topP: 0 } });
    await expect(train(newRun(), firstIsThree, odd)).rejects.toThrow(/maxNewTokens.*temperature.*topK.*topP/);
    await expect(train(newRun(), firstIsThree, settings({ group: 0, updatesPerRollout: 0.5 }))).rejects.toThrow(
      /group: expected a whole number from 1, got 0; updatesPerRollout: .* 0\.5/,
    );
    const short = settings({ advantages: () => [[1]] });
    await expect(train(newRun(), firstIsThree, short)).rejects.toThrow(/expected one number for each reward, 6 for/);
    await expect(trainGrpo(newRun(), [], firstIsThree, settings(), async () => "go on")).rejects.toThrow(
      /at least one prompt/,
    );
  });
});

import { describe, expect, it } from "vitest";
import { ConfigError, TrainingError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import type { Parameters } from "../engine/parameters.ts";
import { mathFormer } from "../model/config.ts";
import { attachLora } from "../model/lora.ts";
import { createPolicy, freezePolicy } from "../model/policy.ts";
import { ValueHead } from "../model/value-head.ts";
import type { Attempt } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { AdamW } from "../update/adamw.ts";
import type { StepReport } from "./hooks.ts";
import { trainPpo } from "./ppo.ts";
import { completePpoOptions, type PpoTrainingOptions } from "./ppo-options.ts";
import type { PpoRun } from "./ppo-run.ts";
import { type TrainedGroup, updateOnExperience } from "./ppo-update.ts";
import { valueAttempts } from "./ppo-values.ts";

const dense = mathFormer({ size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1 }, 6);
const prompt = (id: string, tokens: number[]): Prompt => ({ problem: { id, question: id, answer: "" }, tokens });
const prompts = [prompt("a", [1, 2, 3]), prompt("b", [4, 1]), prompt("c", [5]), prompt("d", [2, 2])];

const gradedBy = (correct: (attempt: Attempt) => number): Grading => ({
  eosId: 0,
  decode: (tokens) => tokens.join(" "),
  grade: async (scored) => scored.map(({ attempt }) => ({ correct: correct(attempt) })),
  extract: () => null,
});
const firstIsThree = gradedBy(({ tokens }) => (tokens[0] === 3 ? 1 : 0));

const settings = (over: Partial<PpoTrainingOptions> = {}): PpoTrainingOptions => ({
  schedule: { learningRate: 0.01, totalSteps: 1, decay: "constant" },
  sampling: { maxNewTokens: 4 },
  valueLearningRate: 0.01,
  promptsPerStep: 4,
  group: 2,
  minibatch: 4,
  updateEpochs: 2,
  ...over,
});

/** A head whose last layer is not zero any more, so that it pulls on the trunk. */
function spokenHead(head: ValueHead): ValueHead {
  const { buffer } = head.parameters.get("valueHead.out.weight");
  const rng = new Rng(4);
  head.parameters.device.write(
    buffer,
    Float64Array.from({ length: buffer.length }, () => rng.normal() / 2),
  );
  return head;
}

function newRun({ withReference = false, adapter = false, spoken = true } = {}): PpoRun {
  const device = openReferenceDevice();
  const base = createPolicy(device, dense, { seed: 3, trained: !adapter });
  const policy = adapter ? attachLora(base, { rank: 2, targetModules: "all-linear" }) : base;
  const head = new ValueHead(device, dense.width, { seed: 1, trained: true });
  return {
    policy,
    reference: withReference ? freezePolicy(policy) : null,
    optimizer: new AdamW(policy.parameters),
    critic: { head: spoken ? spokenHead(head) : head, optimizer: new AdamW(head.parameters) },
    firstStep: 0,
  };
}

async function train(run: PpoRun, grading: Grading, options: PpoTrainingOptions) {
  const reports: StepReport[] = [];
  await trainPpo(run, prompts, grading, options, async (report) => {
    reports.push(report);
    return "go on";
  });
  return reports;
}

const valuesOf = async ({ device, values }: Parameters) => [...(await device.read(values))];
const weightsOf = async ({ policy, critic }: PpoRun) => [
  ...(await valuesOf(policy.parameters)),
  ...(await valuesOf(critic.head.parameters)),
];

function largestGap(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

describe("the whole pass of policy and critic", () => {
  /** Attempts as the sampler of another policy might have left them: no ratio is 1, no value is the old one. */
  function rollout(): TrainedGroup[] {
    const rng = new Rng(8);
    const draw = (length: number, low: number, high: number) =>
      Float64Array.from({ length }, () => low + rng.uniform() * (high - low));
    return prompts.map(({ tokens }) => {
      const completions = [3, 1].map((length) => Array.from({ length }, () => rng.integer(0, 5)));
      return {
        packed: { prompt: tokens, completions },
        attempts: completions.map(({ length }) => ({
          oldLogps: draw(length, -2.1, -1.5),
          refLogps: draw(length, -2.1, -1.5),
          oldValues: draw(length, -1, 1),
          returns: draw(length, -1, 1),
          advantages: draw(length, -2, 2),
        })),
      };
    });
  }

  it.each([
    ["all weights", false],
    ["an adapter", true],
  ])("has the gradient of central differences, %s", async (_, adapter) => {
    const run = newRun({ adapter });
    const rng = new Rng(6);
    if (adapter)
      for (const { buffer } of run.policy.parameters.entries)
        run.policy.device.write(
          buffer,
          Float64Array.from({ length: buffer.length }, () => rng.normal() / 3),
        );
    const still = { step: 0, groups: rollout(), learningRate: 0, valueLearningRate: 0 };
    const options = completePpoOptions(
      settings({ minibatch: 8, updateEpochs: 1, klIn: "loss", beta: 0.1, entropyBonus: 0.02, valueCoefficient: 0.7 }),
    );
    const gradients: number[][] = [];
    const sets = [run.policy.parameters, run.critic.head.parameters];
    run.beforeUpdate = async () => {
      gradients.length = 0;
      for (const { device, gradients: found } of sets) gradients.push([...(await device.read(found!))]);
    };
    const loss = async () => (await updateOnExperience(run, still, options)).loss;
    await loss();
    const found = gradients.map((one) => [...one]);
    const step = 1e-5;
    for (const [which, { device, values }] of sets.entries()) {
      const start = await device.read(values);
      const reach = found[which].flatMap((gradient, i) => (Math.abs(gradient) > 1e-7 ? [i] : []));
      expect(reach.length).toBeGreaterThan(50);
      for (const i of new Rng(which).shuffle(reach).slice(0, 12)) {
        const at = async (delta: number) => {
          const moved = Float64Array.from(start);
          moved[i] += delta;
          device.write(values, moved);
          return await loss();
        };
        const difference = ((await at(step)) - (await at(-step))) / (2 * step);
        expect(difference).toBeCloseTo(found[which][i], 7);
      }
      device.write(values, start);
    }
  });

  it("reaches the trunk through the head: advantages of zero leave the critic's gradient alone in it", async () => {
    const quiet = rollout().map(({ packed, attempts }) => ({
      packed,
      attempts: attempts.map((one) => ({ ...one, advantages: one.advantages.map(() => 0) })),
    }));
    const norms = async (run: PpoRun) => {
      const input = { step: 0, groups: quiet, learningRate: 0, valueLearningRate: 0 };
      const { gradNorm, headGradNorm } = await updateOnExperience(run, input, completePpoOptions(settings()));
      return { gradNorm, headGradNorm };
    };
    expect((await norms(newRun())).gradNorm).toBeGreaterThan(1e-3);
    // A fresh head says 0 whatever it reads.
    const fresh = await norms(newRun({ spoken: false }));
    expect(fresh.gradNorm).toBe(0);
    expect(fresh.headGradNorm).toBeGreaterThan(1e-3);
  });
});

describe("trainPpo", () => {
  it("comes to the same weights in one micro-batch and in one per group", async () => {
    const options = settings({ schedule: { learningRate: 0.01, totalSteps: 2 }, klIn: "loss", entropyBonus: 0.01 });
    const whole = newRun({ withReference: true });
    await train(whole, firstIsThree, options);
    const parts = newRun({ withReference: true });
    await train(parts, firstIsThree, { ...options, microBatchTokens: 1 });
    expect(whole.optimizer.steps).toBe(8);
    expect(largestGap(await weightsOf(parts), await weightsOf(whole))).toBeLessThan(1e-9);
  });

  it("begins at ratio 1 with the values the rollout was weighed by, and moves on", async () => {
    const [{ metrics }] = await train(newRun(), firstIsThree, settings());
    expect(metrics["sampling/sampling_logp_difference/max"]).toBeLessThan(1e-12);
    expect(metrics["policy/updates"]).toBe(4);
    const once = settings({ minibatch: 8, updateEpochs: 1, valueClip: 1e-9 });
    const [{ metrics: first }] = await train(newRun(), firstIsThree, once);
    expect(first["policy/approxkl"]).toBeLessThan(1e-12);
    expect(first["val/clipfrac"]).toBe(0);
    expect(metrics["policy/approxkl"]).toBeGreaterThan(1e-9);
  });

  it("goes through minibatches in another order each epoch, the same one for the same seed", async () => {
    const schedule = { learningRate: 0.01, totalSteps: 2, decay: "constant" } as const;
    const runs = [newRun(), newRun(), newRun()];
    await train(runs[0], firstIsThree, settings({ schedule }));
    await train(runs[1], firstIsThree, settings({ schedule }));
    await trainPpo(runs[2], prompts, firstIsThree, settings({ schedule }), async () => "stop");
    await train({ ...runs[2], firstStep: 1 }, firstIsThree, settings({ schedule }));
    const [once, again, continued] = await Promise.all(runs.map(weightsOf));
    expect(again).toEqual(once);
    expect(continued).toEqual(once);
  });

  it("ends the updates of a rollout where the policy has moved far enough, leaving no gradient behind", async () => {
    const run = newRun();
    const before = await weightsOf(run);
    const [{ metrics }] = await train(run, firstIsThree, settings({ klStop: 1e-6, updateEpochs: 8 }));
    expect(metrics["policy/updates"]).toBe(1);
    expect(run.optimizer.steps).toBe(1);
    expect(await weightsOf(run)).not.toEqual(before);
    for (const { device, gradients } of [run.policy.parameters, run.critic.head.parameters])
      expect((await device.read(gradients!)).every((value) => value === 0)).toBe(true);
  });

  it.each(["token", "sequence"] as const)("learns which token to begin with, critic %s", async (critic) => {
    const schedule = { learningRate: 0.02, totalSteps: 12, decay: "constant" } as const;
    const options = settings({ schedule, critic, promptsPerStep: 8, group: 4, minibatch: 16, updateEpochs: 3 });
    const reports = await train(newRun({ spoken: false }), firstIsThree, { ...options, valueLearningRate: 0.02 });
    const rewards = reports.map(({ metrics }) => metrics.reward);
    expect(rewards[0]).toBeLessThan(0.5);
    expect(Math.min(...rewards.slice(-3))).toBeGreaterThan(0.9);
    expect(reports[0].metrics["values/std"]).toBe(0);
    expect(reports.at(-1)!.metrics["values/mean"]).toBeGreaterThan(critic === "token" ? 0.3 : -0.5);
  });

  it("takes KL off the reward of each token, or puts it into the loss", async () => {
    const schedule = { learningRate: 0.05, totalSteps: 3, decay: "constant" } as const;
    const constant = gradedBy(() => 1);
    const pulled = async (over: Partial<PpoTrainingOptions>) => {
      const run = newRun({ withReference: true, spoken: false });
      const reports = await train(run, constant, settings({ schedule, normalizeAdvantages: false, ...over }));
      return reports.map(({ metrics }) => metrics);
    };
    const [first, ...later] = await pulled({ klIn: "reward", beta: 1, gae: { gamma: 1, lambda: 1 } });
    expect(first["objective/kl"]).toBeCloseTo(0, 12);
    expect(later.some((metrics) => Math.abs(metrics["objective/kl"]) > 1e-3)).toBe(true);
    expect(first["returns/mean"]).toBeCloseTo(1, 12);
    expect(later.some((metrics) => Math.abs(metrics["returns/mean"] - 1) > 1e-3)).toBe(true);
    const inLoss = await pulled({ klIn: "loss", beta: 1, gae: { gamma: 1, lambda: 1 } });
    for (const metrics of inLoss) expect(metrics["returns/mean"]).toBeCloseTo(1, 12);
    expect(inLoss[0].kl).toBeGreaterThan(0);
  });

  it("reports what a critic adds, and nothing of spread for single attempts", async () => {
    const [{ metrics, groups }] = await train(newRun(), firstIsThree, settings({ group: 1 }));
    expect(Object.keys(metrics)).toEqual(
      expect.arrayContaining([
        ...["loss/policy", "loss/value", "val/clipfrac", "policy/approxkl", "policy/updates", "values/mean"],
        ...["values/std", "values/explained_variance", "returns/mean", "advantages/std", "value_grad_norm"],
        ...["value_learning_rate", "reward", "entropy", "grad_norm", "learning_rate", "epoch"],
      ]),
    );
    expect(metrics).not.toHaveProperty("reward_std");
    expect(metrics).not.toHaveProperty("objective/kl");
    expect(metrics.loss).toBeCloseTo(metrics["loss/policy"] + 0.1 * metrics["loss/value"], 1);
    expect(groups.every(({ advantages }) => advantages.length === 1 && Number.isFinite(advantages[0]))).toBe(true);
  });

  it("leaves nothing open after a loss that is not finite: the caller can go on", async () => {
    const run = newRun();
    const broken = settings({ valueCoefficient: Number.NaN });
    await expect(train(run, firstIsThree, broken)).rejects.toThrow(TrainingError);
    const fresh = newRun();
    await train(run, firstIsThree, settings());
    await train(fresh, firstIsThree, settings());
    expect(await weightsOf(run)).toEqual(await weightsOf(fresh));
  });

  it("refuses options that mean nothing, all at once", () => {
    const odd = { group: 3, minibatch: 4, updateEpochs: 0, gae: { gamma: 1.1, lambda: -1 }, klStop: 0, valueClip: -1 };
    expect(() => completePpoOptions(settings(odd))).toThrow(ConfigError);
    expect(() => completePpoOptions(settings(odd))).toThrow(
      /updateEpochs.*gamma.*lambda.*minibatch: expected a multiple of group, 3, got 4.*klStop.*valueClip/,
    );
    expect(() => completePpoOptions(settings({ critic: "sequence", bootstrapCut: true }))).toThrow(/bootstrapCut/);
    expect(completePpoOptions({ ...settings({ group: 3 }), minibatch: undefined }).minibatch).toBe(129);
  });
});

describe("values of a rollout", () => {
  const attempt = (tokens: number[], stop: Attempt["stop"]): Attempt => ({
    tokens,
    stop,
    logps: new Float64Array(tokens.length),
    text: "",
  });
  const groups = [
    { prompt: prompts[0], attempts: [attempt([3, 4], "length"), attempt([1, 2, 0], "eos")] },
    { prompt: prompts[1], attempts: [attempt([2], "length")] },
  ];

  it("are those of the states before tokens, and of the one after a cut", async () => {
    const { policy, critic } = newRun();
    const value = (bootstrapCut: boolean, microBatchTokens = 8192) =>
      valueAttempts(policy, critic.head, groups, { bootstrapCut, microBatchTokens });
    const plain = await value(false);
    expect(plain.map((group) => group.map(({ values }) => values.length))).toEqual([[2, 3], [1]]);
    expect(plain.flat().every(({ valueAfter }) => valueAfter === 0)).toBe(true);
    // Attempts at one prompt begin in one state.
    expect(plain[0][0].values[0]).toBe(plain[0][1].values[0]);
    const going = await value(true, 1);
    expect(going.flat().map(({ values }) => [...Array.from(values)])).toEqual(
      plain.flat().map(({ values }) => [...Array.from(values)]),
    );
    expect(going[0][1].valueAfter).toBe(0);
    // The state after [3, 4] is the one before whatever comes third.
    const longer = [{ prompt: prompts[0], attempts: [attempt([3, 4, 5], "eos")] }];
    const [[{ values }]] = await valueAttempts(policy, critic.head, longer, {
      bootstrapCut: false,
      microBatchTokens: 8192,
    });
    expect(going[0][0].valueAfter).toBe(values[2]);
  });
});

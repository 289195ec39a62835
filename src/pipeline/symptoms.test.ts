import { describe, expect, test } from "vitest";
import { Rng } from "../base/rng.ts";
import type { ExpertUse } from "../records/events.ts";
import { defineRecipe } from "./parse-recipe.ts";
import type { RlStage, SupervisedStage } from "./recipe.ts";
import { TrainingWatch } from "./training-watch.ts";

const { stages } = defineRecipe({
  name: "a",
  stages: [
    { kind: "pretrain", name: "sft", workedSolutions: 9, steps: 400, learningRate: 1e-3 },
    { kind: "rl", name: "grpo", problems: 9, steps: 400, learningRate: 1e-3 },
  ],
});
const [sft, rl] = stages as [SupervisedStage, RlStage];
const attempts = rl.promptsPerStep * rl.group;

interface Step {
  metrics: Record<string, number>;
  experts: ExpertUse[];
}

/** What one step changes of an ordinary one. */
type Change = (progress: number, noise: () => number) => { metrics?: Record<string, number>; shares?: number[] };

const layer = (shares: readonly number[], slots = 40_000): ExpertUse => ({
  layer: 1,
  shares: [...shares],
  counts: shares.map((share) => Math.round(share * slots)),
  entropy: 0,
  maxOverMean: Math.max(...shares) * shares.length,
});

/**
 * The quickstart's GRPO curves with noise of their size: reward and correctness 36 → 87 %, entropy 0.030 → 0.004 nats, KL
 * 0 → 0.4 with spikes, groups without spread 77 → 97 %, the busier of four experts with up to 0.89 of the tokens.
 */
function steps(count: number, change: Change = () => ({})): Step[] {
  const rng = new Rng(5);
  return Array.from({ length: count }, (_, i) => {
    const p = i / 400;
    const right = 0.87 - 0.5 * Math.exp(-6 * p) + 0.03 * rng.normal();
    const shares = [0.2 + 0.02 * rng.normal(), 0.2, 0.16];
    const changed = change(p, () => rng.normal());
    return {
      metrics: {
        reward: right,
        "rewards/correct/mean": right,
        "rewards/format/mean": 0.99,
        "rewards/correct/ungraded": 0,
        entropy: (0.026 * Math.exp(-4 * p) + 0.004) * Math.exp(0.2 * rng.normal()),
        kl: 0.4 * (1 - Math.exp(-8 * p)) * Math.exp(0.4 * rng.normal()) * (i % 37 === 36 ? 9 : 1),
        frac_reward_zero_std: Math.min(0.99, 0.77 + 0.2 * p),
        "completions/clipped_ratio": 0.01,
        ...changed.metrics,
      },
      experts: [layer(changed.shares ?? [...shares, 1 - shares.reduce((a, b) => a + b, 0)])],
    };
  });
}

function diagnose(series: readonly Step[], stage: SupervisedStage | RlStage = rl): [number, string][] {
  const watch = new TrainingWatch(stage, { activeExperts: 2 });
  return series.flatMap(({ metrics, experts }, i) =>
    watch.warningsAfter(i + 1, metrics, experts).map((text): [number, string] => [i + 1, text]),
  );
}

/** The only diagnosis of a series. */
function only(series: readonly Step[], stage?: SupervisedStage | RlStage): [number, string] {
  const found = diagnose(series, stage);
  expect(found).toHaveLength(1);
  return found[0];
}

test("an ordinary run has no symptom", () => {
  expect(diagnose(steps(400))).toEqual([]);
  expect(diagnose(steps(400), sft)).toEqual([]);
});

test("attempts that come to be cut later are noticed, too", () => {
  const [step, text] = only(steps(200, (p) => ({ metrics: { "completions/clipped_ratio": Math.min(1, 3 * p) } })));
  expect(step).toBe(77);
  expect(text).toMatch(/^most attempts are cut off at the length limit/);
});

describe("entropy", () => {
  test("that vanishes while most is wrong has collapsed, with figures", () => {
    const falling: Change = (p) => ({
      metrics: { entropy: 0.4 * Math.exp(-40 * p), reward: 0.3, "rewards/correct/mean": 0.3 },
    });
    const [step, text] = only(steps(200, falling));
    expect(step).toBeGreaterThan(20);
    expect(text).toMatch(/^entropy has collapsed, from 0\.33 to 0\.03\d nats a token, while 30 % is right/);
  });

  test("may vanish where the model is right, or was sure from the start", () => {
    const right = { reward: 0.95, "rewards/correct/mean": 0.95 };
    expect(diagnose(steps(200, (p) => ({ metrics: { entropy: 0.4 * Math.exp(-40 * p), ...right } })))).toEqual([]);
    expect(diagnose(steps(200, (p) => ({ metrics: { entropy: 0.009 * Math.exp(-40 * p) } })))).toEqual([]);
  });

  test("that grows threefold and by half a nat has exploded; threefold alone is nothing", () => {
    const [step, text] = only(steps(200, (p) => ({ metrics: { entropy: 0.3 + 10 * p } })));
    // Start 0.35; 1.05 nats, ten steps' mean, at progress 0.075.
    expect(step).toBe(36);
    expect(text).toMatch(/^entropy has exploded, from 0\.35 to 1\.1 nats/);
    expect(diagnose(steps(200, (p) => ({ metrics: { entropy: 0.03 + 0.8 * p } })))).toEqual([]);
  });
});

describe("KL", () => {
  test("that doubles in ten steps above two nats, or passes five, is running away", () => {
    const [, doubling] = only(steps(200, (p) => ({ metrics: { kl: 0.05 * Math.exp(40 * p) } })));
    expect(doubling).toMatch(
      /^KL to the start is running away: 2(\.\d)? nats a token, 0\.\d+ ten steps before.*beta \(now 0\.001\)/,
    );
    const [, creeping] = only(steps(400, (p) => ({ metrics: { kl: 8 * p } })));
    expect(creeping).toMatch(/: 5 nats a token, 4\.8 ten/);
  });

  test("that settles, spikes, or is not measured is none", () => {
    expect(diagnose(steps(400, (p) => ({ metrics: { kl: 3 * (1 - Math.exp(-5 * p)) } })))).toEqual([]);
    const spiky: Change = (p) => ({ metrics: { kl: Math.round(400 * p) % 5 === 0 ? 30 : 0.1 } });
    expect(diagnose(steps(200, spiky))).toEqual([]);
    const without = steps(200).map(({ metrics: { kl: _, ...metrics }, experts }) => ({ metrics, experts }));
    expect(diagnose(without)).toEqual([]);
  });
});

describe("a reward beside correctness", () => {
  const parts = (p: number, noise: () => number, right: number) => {
    const [correct, tone] = [right + 0.02 * noise(), Math.min(1, 0.1 + 3 * p) + 0.02 * noise()];
    const metrics = { "rewards/correct/mean": correct, "rewards/tone/mean": tone, reward: 0.7 * correct + 0.3 * tone };
    return { metrics: { ...metrics, "rewards/steps/mean": 0.5 } };
  };

  test("that rises alone is named", () => {
    const [step, text] = only(steps(200, (p, noise) => parts(p, noise, 0.3)));
    expect(step).toBe(60);
    expect(text).toMatch(
      /^in 60 steps the reward rose from 0\.2\d to 0\.3\d while right answers stayed at 3\d %.*most of all tone/,
    );
  });

  test("that rises with it, or beside right answers that are nearly all, is no symptom", () => {
    expect(diagnose(steps(200, (p, noise) => parts(p, noise, 0.3 + p)))).toEqual([]);
    expect(diagnose(steps(200, (p, noise) => parts(p, noise, 0.93)))).toEqual([]);
    expect(diagnose(steps(200, (_, noise) => parts(0, noise, 0.3)))).toEqual([]);
  });
});

describe("experts", () => {
  test("one that takes nearly every token is named with its layer, in supervision, too", () => {
    const series = steps(60, (p) => ({ shares: p > 0.05 ? [0.49, 0.2, 0.2, 0.11] : [0.4, 0.2, 0.2, 0.2] }));
    const [step, text] = only(series, sft);
    expect(step).toBe(31);
    expect(text).toMatch(/^expert 0 of layer 1 takes 98 % of the tokens \(even: 50 %\)/);
  });

  test("one that takes none for twenty steps learns nothing", () => {
    const [step, text] = only(steps(60, () => ({ shares: [0.4, 0.3, 0.3, 0] })));
    expect([step, text]).toEqual([20, expect.stringMatching(/^expert 3 of layer 1 got no token in 20 steps/)]);
  });

  test("few tokens tell nothing, nor do routers that are not trained", () => {
    const few = steps(60).map(({ metrics }) => ({ metrics, experts: [layer([0.4, 0.3, 0.3, 0], 200)] }));
    expect(diagnose(few)).toEqual([]);
    const watch = new TrainingWatch(rl, null);
    for (const { metrics } of steps(60)) expect(watch.warningsAfter(1, metrics, [layer([0.5, 0.5, 0, 0])])).toEqual([]);
  });
});

test("answers that cannot be graded are counted, once they are many three steps in a row", () => {
  const failing = Math.ceil(0.05 * attempts);
  const [step, text] = only(steps(60, (p) => ({ metrics: { "rewards/correct/ungraded": p > 0.02 ? failing : 1 } })));
  expect(step).toBe(12);
  expect(text).toMatch(new RegExp(`^${failing} of ${attempts} attempts have no correct`));
});

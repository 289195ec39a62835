import { describe, expect, it } from "vitest";
import { groupAdvantages } from "../advantage/group.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { mathFormer } from "../model/config.ts";
import { createPolicy } from "../model/policy.ts";
import type { Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { AdamW } from "../update/adamw.ts";
import { EpochOrder } from "./epoch-order.ts";
import { gatherGroups } from "./gather-groups.ts";
import { trainGrpo } from "./grpo.ts";
import { completeGrpoOptions, type GrpoTrainingOptions } from "./grpo-options.ts";

const shape = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1 } as const;
const dense = mathFormer(shape, 6);
const mixture = mathFormer({ ...shape, experts: 4, activeExperts: 2 }, 6);

const prompts = ["a", "b", "c", "d"].map(
  (id, i): Prompt => ({ problem: { id, question: id, answer: "" }, tokens: [1 + i, 2] }),
);

/** Every second attempt at a prompt is worth its value here, the others 0; prompts without a value have no spread. */
function gradedBy(values: Record<string, number>): Grading {
  let count = 0;
  return {
    eosId: 0,
    decode: (tokens) => tokens.join(" "),
    grade: async (scored) =>
      scored.map(({ prompt }) => ({ correct: count++ % 2 === 0 ? (values[prompt.problem.id] ?? 0) : 0 })),
    extract: () => null,
  };
}

const settings = (over: Partial<GrpoTrainingOptions> = {}): GrpoTrainingOptions => ({
  schedule: { learningRate: 0.01, totalSteps: 4 },
  sampling: { maxNewTokens: 6 },
  promptsPerStep: 4,
  group: 2,
  resample: 2,
  ...over,
});

const newPolicy = (config = dense) => createPolicy(openReferenceDevice(), config, { seed: 3, trained: true });

function gather(grading: Grading, over: Partial<GrpoTrainingOptions> = {}, at = { step: 0, config: dense }) {
  const order = { order: new EpochOrder(prompts, [0, 3]), further: new EpochOrder(prompts, [0, 4]) };
  return gatherGroups(newPolicy(at.config), at.step, order, grading, completeGrpoOptions(settings(over)));
}

const idsOf = (groups: readonly { prompt: Prompt }[]) => groups.map(({ prompt }) => prompt.problem.id);

describe("resample", () => {
  it("draws as many further prompts as groups without spread, until there are none or the rounds are over", async () => {
    const some = await gather(gradedBy({ b: 1, d: 1 }));
    expect(idsOf(some.groups.slice(0, 4)).sort()).toEqual(["a", "b", "c", "d"]);
    const live = (groups: typeof some.groups) => groups.filter(({ prompt }) => "bd".includes(prompt.problem.id)).length;
    const missing = 4 - live(some.groups.slice(0, 6));
    expect(some.groups).toHaveLength(6 + missing);
    expect(some.rounds).toBe(missing > 0 ? 2 : 1);

    expect((await gather(gradedBy({ a: 1, b: 1, c: 1, d: 1 }))).rounds).toBe(0);
    const none = await gather(gradedBy({}), { resample: 3 });
    expect([none.rounds, none.groups.length]).toEqual([3, 16]);
    expect((await gather(gradedBy({}), { resample: 0 })).groups).toHaveLength(4);
  });

  it("has random numbers of its own for every round of every step, the same ones each time", async () => {
    const attemptsAt = async (step: number) => {
      const { groups } = await gather(gradedBy({}), { group: 4 }, { step, config: dense });
      return groups.map(({ prompt, attempts }) => `${prompt.problem.id} ${attempts.map(({ tokens }) => tokens)}`);
    };
    const [first, second] = [await attemptsAt(0), await attemptsAt(1)];
    expect(first).toHaveLength(12);
    // Each prompt comes several times, and never with the attempts it had before.
    expect(new Set([...first, ...second]).size).toBe(24);
    expect(await attemptsAt(1)).toEqual(second);
  });

  it("sets advantages against all rewards of the step, those of every round", async () => {
    const advantages = (rewards: readonly (readonly number[])[]) => groupAdvantages(rewards, { scale: "batch" });
    const { groups, rounds } = await gather(gradedBy({ b: 1, d: 10 }), { advantages });
    expect(rounds).toBeGreaterThan(0);
    expect(groups.map((group) => group.advantages)).toEqual(advantages(groups.map(({ rewards }) => rewards)));
  });

  it("counts rows, tokens and experts of all rounds together", async () => {
    const { groups, rollout, rounds } = await gather(gradedBy({}), {}, { step: 0, config: mixture });
    expect(rounds).toBe(2);
    const sampled = groups.flatMap(({ attempts }) => attempts.map(({ tokens }) => tokens));
    expect(rollout.attempts.flat().map(({ tokens }) => tokens)).toEqual(sampled);
    expect(rollout.tokenCount).toBe(sampled.flat().length);
    expect(rollout.keptAll).toBe(false);
    // Two slots a row: prompts have 2 rows, and every token but an attempt's last goes through the model, some rows for several.
    const rows = 2 * groups.length + sampled.flat().length - sampled.length;
    expect(rollout.rowCount).toBeLessThan(rows);
    expect(rollout.headRows).toBeLessThan(rollout.tokenCount);
    expect(rollout.passes).toBeGreaterThan(rounds);
    expect(rollout.experts[0].counts.reduce((sum, count) => sum + count, 0)).toBe(2 * rows);
  });

  it("comes to the same weights when training is taken up again in the middle", async () => {
    const train = async (stops: readonly number[]) => {
      const policy = newPolicy();
      const optimizer = new AdamW(policy.parameters);
      const seen: string[] = [];
      for (const [i, stop] of stops.entries())
        await trainGrpo(
          { policy, reference: null, optimizer, firstStep: stops[i - 1] ?? 0 },
          prompts,
          gradedBy({ b: 1, d: 1 }),
          settings(),
          async ({ step, groups }) => {
            seen.push(`${step} ${idsOf(groups)}`);
            return step + 1 === stop ? "stop" : "go on";
          },
        );
      return { seen, weights: [...(await policy.device.read(policy.parameters.values))] };
    };
    const whole = await train([4]);
    expect(whole.seen).toHaveLength(4);
    expect(whole.seen.every((ids) => ids.split(",").length > 4)).toBe(true);
    expect(await train([1, 3, 4])).toEqual(whole);
  });
});

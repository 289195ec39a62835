import { describe, expect, it } from "vitest";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { grpoLoss } from "../loss/grpo.ts";
import { mathFormer } from "../model/config.ts";
import { attachLora } from "../model/lora.ts";
import { packSequences } from "../model/packed-batch.ts";
import { createPolicy, freezePolicy, type Policy, scoreBatch } from "../model/policy.ts";
import type { Demonstration } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { AdamW } from "../update/adamw.ts";
import { trainGrpo } from "./grpo.ts";
import type { StepReport } from "./hooks.ts";
import { trainSupervised } from "./supervised.ts";

const config = mathFormer({ size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 2, block: "llama" }, 6);
const schedule = { learningRate: 0.02, totalSteps: 3, decay: "constant" } as const;

/** The same model and adapter each time; its dropout is on. */
function newRun() {
  const base = createPolicy(openReferenceDevice(), config, { seed: 3, trained: false });
  const policy = attachLora(base, { rank: 2, dropout: 0.3, seed: 5 });
  return { policy, reference: freezePolicy(policy), optimizer: new AdamW(policy.parameters), firstStep: 0 };
}

type Run = ReturnType<typeof newRun>;
const adapterOf = async ({ parameters, device }: Policy) => [...(await device.read(parameters.values))];
const batch = packSequences([{ prompt: [1, 2], completions: [[3, 4, 0]] }]);
const scores = async (policy: Policy) => (await scoreBatch(policy, batch, { temperature: 1 })).logps;

const demonstration = (tokens: number[], completion: number[]): Demonstration => ({
  prompt: { problem: { id: tokens.join(), question: "", answer: "" }, tokens },
  completion,
});
const demonstrations = [
  demonstration([1, 2, 3], [4, 5, 0]),
  demonstration([4, 1], [0]),
  demonstration([5], [1, 2, 3, 0]),
  demonstration([2, 2], [3, 0]),
];

const supervise = (run: Run, { totalSteps = 3, microBatchTokens = 8192 } = {}) =>
  trainSupervised(
    run,
    demonstrations,
    { schedule: { ...schedule, totalSteps }, batchSize: 4, microBatchTokens },
    async () => "go on",
  );

/** Rewards completions by their length. */
const lengthGrading: Grading = {
  eosId: 0,
  decode: (tokens) => tokens.join(" "),
  grade: async (scored) => scored.map(({ attempt }) => ({ correct: attempt.tokens.length % 3 })),
  extract: () => null,
};

async function reinforce(run: Run, microBatchTokens = 8192): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  await trainGrpo(
    run,
    demonstrations.map(({ prompt }) => prompt),
    lengthGrading,
    {
      schedule,
      sampling: { maxNewTokens: 5 },
      promptsPerStep: 3,
      group: 4,
      updatesPerRollout: 2,
      microBatchTokens,
      loss: (tokens, whole) =>
        grpoLoss(tokens, { clipLow: 0.2, clipHigh: 0.28, beta: 0.04, entropyBonus: 0, aggregation: "dapo" }, whole),
    },
    async (report) => {
      reports.push(report);
      return "go on";
    },
  );
  return reports;
}

const expectClose = (found: readonly number[], expected: readonly number[]) =>
  found.forEach((value, i) => {
    expect(Math.abs(value - expected[i])).toBeLessThan(1e-9);
  });

describe("an adapter with dropout", () => {
  it("comes to the same in one micro-batch and in many, supervised", async () => {
    const [whole, parts] = [newRun(), newRun()];
    await supervise(whole);
    await supervise(parts, { microBatchTokens: 1 });
    expectClose(await adapterOf(parts.policy), await adapterOf(whole.policy));
  });

  it("comes to the same in one micro-batch and in many, reinforced", async () => {
    const [whole, parts] = [newRun(), newRun()];
    await reinforce(whole);
    await reinforce(parts, 1);
    expectClose(await adapterOf(parts.policy), await adapterOf(whole.policy));
  });

  it("goes on after a stop as if there had been none", async () => {
    const [whole, stopped] = [newRun(), newRun()];
    await supervise(whole);
    await supervise(stopped, { totalSteps: 1 });
    await supervise({ ...stopped, firstStep: 1 });
    expect(await adapterOf(stopped.policy)).toEqual(await adapterOf(whole.policy));
  });

  it("moves the policy and leaves its reference, and does not call dropout a gap between sampler and trainer", async () => {
    const run = newRun();
    const before = await scores(run.reference);
    const reports = await reinforce(run);
    expect(await scores(run.reference)).toEqual(before);
    expect(await scores(run.policy)).not.toEqual(before);
    expect(reports[2].metrics.kl).toBeGreaterThan(reports[0].metrics.kl);
    expect(reports[0].metrics["sampling/sampling_logp_difference/max"]).toBeUndefined();
  });
});

describe("a rollout that is taken over", () => {
  it("teaches an adapter what a pass of its own would, though it keeps only what is costly", async () => {
    const train = async (gradientCheckpointing: boolean) => {
      const base = createPolicy(openReferenceDevice(), config, { seed: 3, trained: false });
      const policy = attachLora(base, { rank: 2, seed: 5 });
      const gaps: (number | undefined)[] = [];
      const run = { policy, reference: freezePolicy(policy), optimizer: new AdamW(policy.parameters), firstStep: 0 };
      const prompts = demonstrations.map(({ prompt }) => prompt);
      const options = {
        schedule,
        sampling: { maxNewTokens: 5 },
        promptsPerStep: 4,
        group: 4,
        gradientCheckpointing,
        // Every group teaches something: a rollout is taken over when most of its rows do.
        advantages: (rewards_PG: readonly (readonly number[])[]) =>
          rewards_PG.map((row) => row.map((_, g) => (g % 2) - 0.4)),
      };
      await trainGrpo(run, prompts, lengthGrading, options, async ({ metrics }) => {
        gaps.push(metrics["sampling/sampling_logp_difference/max"]);
        return "go on";
      });
      const values = await adapterOf(policy);
      policy.device.close();
      return { values, gaps };
    };
    const adopted = await train(false);
    const own = await train(true);
    // Only a pass of its own has anything to be compared with what the sampler recorded.
    expect(own.gaps).toEqual([0, 0, 0]);
    expect(adopted.gaps).toEqual([undefined, undefined, undefined]);
    // Rows lie in another order, so sums over them differ in their last bits.
    expectClose(adopted.values, own.values);
    expect(adopted.values).not.toEqual(await adapterOf(newRun().policy));
  });
});

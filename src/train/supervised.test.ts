import { expect, it } from "vitest";
import { DataError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { mathFormer } from "../model/config.ts";
import { createPolicy, type Policy } from "../model/policy.ts";
import type { Demonstration } from "../records/problem.ts";
import { AdamW } from "../update/adamw.ts";
import type { StepReport } from "./hooks.ts";
import { type SupervisedOptions, trainSupervised } from "./supervised.ts";

const shape = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 2 } as const;
const dense = mathFormer(shape, 6);
const mixture = mathFormer({ ...shape, experts: 4, activeExperts: 2 }, 6);

const demonstration = (tokens: number[], completion: number[]): Demonstration => ({
  prompt: { problem: { id: tokens.join(), question: "", answer: "" }, tokens },
  completion,
});
/** 8 tokens of prompts and 10 of completions, in 5 + 2 + 4 + 3 rows. */
const demonstrations = [
  demonstration([1, 2, 3], [4, 5, 0]),
  demonstration([4, 1], [0]),
  demonstration([5], [1, 2, 3, 0]),
  demonstration([2, 2], [3, 0]),
];

function newRun(config = dense) {
  const policy = createPolicy(openReferenceDevice(), config, { seed: 3, trained: true });
  return { policy, optimizer: new AdamW(policy.parameters), firstStep: 0 };
}

const settings = (over: Partial<SupervisedOptions> = {}): SupervisedOptions => ({
  schedule: { learningRate: 0.01, totalSteps: 2, decay: "constant" },
  batchSize: 4,
  ...over,
});

async function train(run: ReturnType<typeof newRun>, options: SupervisedOptions) {
  const reports: StepReport[] = [];
  await trainSupervised(run, demonstrations, options, async (report) => {
    reports.push(report);
    return "go on";
  });
  return reports;
}

const weightsOf = async ({ parameters, device }: Policy) => [...(await device.read(parameters.values))];

it("comes to the same weights in one micro-batch and in one per demonstration", async () => {
  const whole = newRun();
  const parts = newRun();
  const [first] = await train(whole, settings());
  const [firstOfParts] = await train(parts, settings({ microBatchTokens: 1 }));
  expect(firstOfParts.metrics.loss).toBeCloseTo(first.metrics.loss, 12);
  const expected = await weightsOf(whole.policy);
  (await weightsOf(parts.policy)).forEach((weight, i) => {
    expect(Math.abs(weight - expected[i])).toBeLessThan(1e-9);
  });
});

it("learns its demonstrations by heart", async () => {
  const reports = await train(newRun(), settings({ schedule: { learningRate: 0.02, totalSteps: 60 } }));
  // Six tokens, nearly even at first: ln 6 = 1.8 nats a token.
  expect(reports[0].metrics.loss).toBeGreaterThan(1);
  expect(reports.at(-1)!.metrics.loss).toBeLessThan(0.05);
});

it("reports exactly these metrics, tokens counted with their prompts", async () => {
  const [report, next] = await train(newRun(), settings({ peakFlops: 1e9 }));
  expect(Object.keys(report.metrics).sort()).toEqual(
    [
      ["entropy", "epoch", "grad_norm", "learning_rate", "loss", "mean_token_logp", "perf/mfu"],
      ["perf/peak_memory_mb", "perf/tokens_per_second", "step_time"],
    ].flat(),
  );
  expect(report.tokens).toBe(18);
  expect(report.metrics["perf/tokens_per_second"]).toBeCloseTo(18 / report.metrics.step_time, 6);
  expect(report.metrics.loss).toBeCloseTo(-report.metrics.mean_token_logp, 12);
  expect([report.metrics.epoch, next.metrics.epoch]).toEqual([1, 2]);
  expect(report.experts).toEqual([]);
});

it("logs the balance of a mixture's experts: 1 for a router that has no preference", async () => {
  const run = newRun(mixture);
  const { device, parameters } = run.policy;
  for (const layer of [0, 1]) {
    const { buffer, shape: size } = parameters.get(`layers.${layer}.router.weight`);
    device.write(buffer, new Float64Array(size[0] * size[1]));
  }
  const [{ metrics, experts }] = await train(run, settings({ microBatchTokens: 6 }));
  expect(metrics.aux_loss).toBeCloseTo(1, 12);
  // 14 rows, two slots each; without a preference the lowest ids are taken.
  expect(experts.map(({ counts }) => counts)).toEqual([
    [14, 14, 0, 0],
    [14, 14, 0, 0],
  ]);
  expect((await train(newRun(mixture), settings({ balanceCoefficient: 0 })))[0].metrics.aux_loss).toBeUndefined();
});

it("refuses an empty list of demonstrations", async () => {
  await expect(trainSupervised(newRun(), [], settings(), async () => "go on")).rejects.toThrow(DataError);
});

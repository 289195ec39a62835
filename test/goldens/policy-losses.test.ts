import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Aggregation } from "../../src/loss/aggregation.ts";
import { cispoLoss } from "../../src/loss/cispo.ts";
import { grpoLoss } from "../../src/loss/grpo.ts";
import { gspoLoss } from "../../src/loss/gspo.ts";
import { rlooLoss } from "../../src/loss/rloo.ts";
import type { LossNormalizer, LossResult, TokenBatch } from "../../src/loss/token-batch.ts";
import { entropyThreshold } from "../../src/loss/top-entropy.ts";

/** What make-policy-losses.py writes. */
interface Golden {
  starts: number[];
  maxLength: number;
  batches: Record<string, Record<"logps" | "old" | "ref" | "entropies" | "advantages" | "factors", number[]>>;
  cases: {
    batch: string;
    trainer: "GRPOTrainer" | "RLOOTrainer";
    options: {
      loss_type: Aggregation | "cispo";
      importance_sampling_level: "token" | "sequence";
      beta: number;
      epsilon_low: number;
      epsilon_high: number;
      delta: number | null;
      top_entropy_quantile: number;
      entropy_coef: number;
      use_vllm: boolean;
    };
    /** Attempts that are masked as truncated. */
    cut: number[];
    loss: number;
    dLogps: number[];
    metrics: Record<string, number>;
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("policy-losses.json", import.meta.url), "utf8"));
const { starts, maxLength, batches } = golden;
const attempts = starts.length - 1;

/** Our loss of what TRL was given. */
function ours({ batch: name, trainer, options, cut }: Golden["cases"][number]): LossResult {
  const given = batches[name];
  const advantages = given.logps.map((_, i) => given.advantages[starts.findLastIndex((start) => start <= i)]);
  const threshold = entropyThreshold(given.entropies, options.top_entropy_quantile);
  const cuts = new Set(cut.flatMap((a) => given.logps.map((_, i) => i).slice(starts[a], starts[a + 1])));
  const batch: TokenBatch = {
    logps: given.logps,
    oldLogps: given.old,
    refLogps: options.beta > 0 ? given.ref : null,
    entropies: given.entropies,
    advantages,
    factors: given.logps.map((_, i) =>
      given.entropies[i] < threshold || cuts.has(i) ? 0 : options.use_vllm ? given.factors[i] : 1,
    ),
    starts,
  };
  const whole: LossNormalizer = { attempts, tokens: given.logps.length - cuts.size, maxLength };
  const shared = { beta: options.beta, entropyBonus: options.entropy_coef };
  const clip = { clipLow: options.epsilon_low, clipHigh: options.epsilon_high, delta: options.delta ?? undefined };
  if (trainer === "RLOOTrainer") return rlooLoss(batch, { ...shared, ...clip }, whole);
  if (options.loss_type === "cispo")
    return cispoLoss(batch, { ...shared, clipHigh: options.epsilon_high - 1, aggregation: "dapo" }, whole);
  const loss = options.importance_sampling_level === "sequence" ? gspoLoss : grpoLoss;
  return loss(batch, { ...shared, ...clip, aggregation: options.loss_type }, whole);
}

const named = golden.cases.map((one) => {
  const told = Object.entries(one.options).map(([name, value]) => `${name}=${value}`);
  return [`${one.trainer} ${one.batch} ${told.join(" ")} cut=${one.cut}`, one] as const;
});

describe("losses of TRL 1.13", () => {
  it.each(named)("%s", (_, one) => {
    const { value, dLogps, sums } = ours(one);
    expect(value).toBeCloseTo(one.loss, 12);
    expect([...dLogps]).toEqual(one.dLogps.map((derivative) => expect.closeTo(derivative, 12)));
    const sequence = one.trainer === "RLOOTrainer" || one.options.importance_sampling_level === "sequence";
    // Where TRL counts attempts, we count their tokens; where attempts are masked, it is the trainer that leaves them out.
    for (const name of [
      "kl",
      "clip_ratio/low_mean",
      "clip_ratio/high_mean",
      "clip_ratio/region_mean",
      "cispo_clip_ratio",
    ])
      if (name in one.metrics && !(sequence && name.startsWith("clip")) && one.cut.length === 0)
        expect(sums[name] / starts[attempts]).toBeCloseTo(one.metrics[name], 6);
  });

  it("include clipped and unclipped ones of each kind", () => {
    for (const level of ["token", "sequence"])
      for (const region of ["low", "high"]) {
        const shares = golden.cases
          .filter(({ options }) => options.importance_sampling_level === level)
          .map(({ metrics }) => metrics[`clip_ratio/${region}_mean`] ?? 0);
        expect(Math.max(...shares)).toBeGreaterThan(0);
        expect(Math.max(...shares)).toBeLessThan(1);
      }
  });
});

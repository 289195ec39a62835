import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import type { Aggregation } from "./aggregation.ts";
import { cispoLoss } from "./cispo.ts";
import { grpoLoss } from "./grpo.ts";
import { gspoLoss } from "./gspo.ts";
import type { KlEstimator } from "./kl-estimators.ts";
import { reinforceLoss } from "./reinforce.ts";
import { rlooLoss } from "./rloo.ts";
import type { Loss, TokenBatch } from "./token-batch.ts";

const clip = { clipLow: 0.2, clipHigh: 0.28, delta: 1.8 };
const aggregations: readonly Aggregation[] = ["grpo", "bnpo", "dapo", "dr_grpo"];

/** Every loss in every aggregation, KL by each estimator in turn. */
function everyLoss(held: { beta: number; entropyBonus: number }): [name: string, loss: Loss][] {
  const named: [string, Loss][] = [];
  aggregations.forEach((aggregation, i) => {
    const klEstimator = (["k1", "k2", "k3", "k3"] as const satisfies KlEstimator[])[i];
    const options = { ...clip, ...held, klEstimator, aggregation };
    named.push([`grpo ${aggregation}`, (batch, whole) => grpoLoss(batch, options, whole)]);
    named.push([`gspo ${aggregation}`, (batch, whole) => gspoLoss(batch, options, whole)]);
    named.push([`cispo ${aggregation}`, (batch, whole) => cispoLoss(batch, options, whole)]);
    named.push([`reinforce ${aggregation}`, (batch, whole) => reinforceLoss(batch, options, whole)]);
  });
  named.push(["rloo", (batch, whole) => rlooLoss(batch, { ...clip, ...held, klEstimator: "k1" }, whole)]);
  return named;
}

/** Attempts of the given lengths, anything in them. */
function randomBatch(seed: number, lengths: readonly number[]): TokenBatch {
  const rng = new Rng(seed);
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  const tokens = starts[lengths.length];
  const draw = (low: number, high: number) =>
    Float64Array.from({ length: tokens }, () => low + rng.uniform() * (high - low));
  const oldLogps = draw(-3, -0.3);
  const moves = draw(-0.6, 0.6);
  const advantages = new Float64Array(tokens);
  for (let a = 0; a < lengths.length; a++) advantages.fill(rng.uniform() * 4 - 2, starts[a], starts[a + 1]);
  return {
    logps: oldLogps.map((logp, i) => logp + moves[i]),
    oldLogps,
    refLogps: draw(-3, -0.3),
    entropies: draw(0, 2),
    advantages,
    factors: draw(0, 2).map((factor) => (factor < 0.3 ? 0 : factor)),
    starts,
  };
}

const sizesOf = ({ starts }: TokenBatch) => ({
  attempts: starts.length - 1,
  tokens: starts[starts.length - 1],
  maxLength: 9,
});

/** Attempts [begin, end) of a batch. */
function slice(batch: TokenBatch, begin: number, end: number): TokenBatch {
  const [from, to] = [batch.starts[begin], batch.starts[end]];
  const cut = (values: ArrayLike<number>) => Array.from(values).slice(from, to);
  return {
    logps: cut(batch.logps),
    oldLogps: cut(batch.oldLogps),
    refLogps: cut(batch.refLogps!),
    entropies: cut(batch.entropies),
    advantages: cut(batch.advantages),
    factors: cut(batch.factors!),
    starts: Array.from(batch.starts)
      .slice(begin, end + 1)
      .map((start) => start - from),
  };
}

describe.each(everyLoss({ beta: 0.1, entropyBonus: 0.02 }))("%s", (name, loss) => {
  it("has the derivatives of central differences", () => {
    const batch = randomBatch(7, [5, 1, 6, 3]);
    const whole = sizesOf(batch);
    const { dLogps, dEntropies } = loss(batch, whole);
    const step = 1e-6;
    const moved = (field: "logps" | "entropies" | "oldLogps", i: number, by: number) => {
      const values = Array.from(batch[field]);
      values[i] += by;
      return { [field]: values };
    };
    for (let i = 0; i < dLogps.length; i++) {
      // CISPO holds the ratio constant: moving both log-probabilities does, too.
      const at = (by: number) => ({
        ...batch,
        ...moved("logps", i, by),
        ...(name.startsWith("cispo") && moved("oldLogps", i, by)),
      });
      expect((loss(at(step), whole).value - loss(at(-step), whole).value) / (2 * step)).toBeCloseTo(dLogps[i], 7);
      const warmer = (by: number) => loss({ ...batch, ...moved("entropies", i, by) }, whole).value;
      expect((warmer(step) - warmer(-step)) / (2 * step)).toBeCloseTo(dEntropies[i], 7);
    }
    expect(dLogps.filter((derivative) => derivative !== 0).length).toBeGreaterThan(9);
  });

  it("adds up over any micro-batches to the loss of the whole", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 8, maxLength: 8 });
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 7 });
    fc.assert(
      fc.property(fc.nat(1e6), lengths, cuts, (seed, attempts, inside) => {
        const batch = randomBatch(seed, attempts);
        const whole = sizesOf(batch);
        const all = loss(batch, whole);
        const bounds = [0, ...inside.sort((a, b) => a - b), 8];
        const parts = bounds.slice(1).map((end, i) => loss(slice(batch, bounds[i], end), whole));
        expect(parts.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(all.value, 12);
        expect(parts.flatMap(({ dLogps }) => [...dLogps])).toEqual([...all.dLogps]);
        expect(parts.flatMap(({ dEntropies }) => [...dEntropies])).toEqual([...all.dEntropies]);
        for (const [metric, sum] of Object.entries(all.sums))
          expect(parts.reduce((total, { sums }) => total + sums[metric], 0)).toBeCloseTo(sum, 10);
      }),
      { numRuns: 20, seed: 1 },
    );
  });
});

describe.each(everyLoss({ beta: 0, entropyBonus: 0 }))("%s without regularizers", (_, loss) => {
  const batch = { ...randomBatch(3, [4, 2, 5]), refLogps: null };

  it("gives no gradient where advantages are zero", () => {
    const still = loss({ ...batch, advantages: new Float64Array(11) }, sizesOf(batch));
    expect(still.value).toBeCloseTo(0, 15);
    expect(still.dLogps.every((derivative) => derivative === 0)).toBe(true);
  });

  it("is on-policy the gradient of −A · logp, up to the weights of tokens", () => {
    const first = loss({ ...batch, logps: batch.oldLogps, factors: undefined }, sizesOf(batch));
    first.dLogps.forEach((derivative, i) => {
      expect(Math.sign(derivative)).toBe(-Math.sign(batch.advantages[i]));
    });
  });
});

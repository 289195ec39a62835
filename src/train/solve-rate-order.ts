import { CheckpointError } from "../base/errors.ts";
import { mean } from "../base/statistics.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { EpochOrder } from "./epoch-order.ts";

/** What `SolveRateOrder` knows, as plain JSON: where it stands, and [prompt, solve rate, times passed over] of each it has seen. */
export interface SolveRateMemory {
  place: number;
  seen: [prompt: number, rate: number, passed: number][];
}

/** Prompts solved less or more often than this teach little: their groups rarely have both better and worse attempts. */
const lowest = 0.2;
const highest = 0.8;
/** A prompt is passed over so many times in a row, then tried again: the policy has changed. */
const mostPasses = 3;

/**
 * The prompts of an `EpochOrder` whose running solve rate is within 20-80 %, or is not known yet; others are passed over,
 * and tried again every fourth time they come. The running rate is the mean of the one before and that of the latest
 * attempts.
 *
 * Which prompts a step gets depends on the attempts before it: `memory` must be kept to go on as if there had been no stop.
 *
 * @see arXiv:2504.03380 (online difficulty filtering; there by fresh attempts, here by remembered ones)
 */
export class SolveRateOrder {
  /** Prompts passed over since the last `learn`. */
  passedOver = 0;
  private readonly prompts: readonly Prompt[];
  private readonly order: EpochOrder<number>;
  private readonly numbers: ReadonlyMap<Prompt, number>;
  private readonly seen: Map<number, { rate: number; passed: number }>;
  private place: number;

  /**
   * @param seed as `EpochOrder`
   * @param memory of the order that this one goes on with; null to begin
   * @throws DataError without prompts; CheckpointError when the memory is of other prompts
   */
  constructor(prompts: readonly Prompt[], seed: readonly number[], memory: SolveRateMemory | null) {
    const indices = prompts.map((_, i) => i);
    this.prompts = prompts;
    this.order = new EpochOrder(indices, seed);
    this.numbers = new Map(indices.map((i) => [prompts[i], i]));
    const { place, seen } = memory ?? { place: 0, seen: [] };
    const known = (entry: unknown): boolean =>
      Array.isArray(entry) && entry.every(Number.isFinite) && prompts[entry[0]] !== undefined;
    if (!Number.isInteger(place) || !Array.isArray(seen) || !seen.every(known))
      throw new CheckpointError(
        `curriculum: expected the solve rates of ${prompts.length} prompts, got others; ` +
          "delete the checkpoint directory to go back to the one before, or start a new run",
      );
    this.place = place;
    this.seen = new Map(seen.map(([prompt, rate, passed]) => [prompt, { rate, passed }]));
  }

  /** Prompts of an epoch. */
  get length(): number {
    return this.order.length;
  }

  /**
   * The next prompts; none twice, as long as there are others.
   *
   * @param wanted how many are meant to be used; others stay for the next call
   */
  at(_step: number, count: number, wanted: number = count): Prompt[] {
    const chosen = new Set<number>();
    const repeated: number[] = [];
    // Whoever is passed over now is taken when it has come that often.
    const end = this.place + (mostPasses + 1) * this.length;
    while (chosen.size + repeated.length < wanted) {
      const [prompt] = this.order.at(this.place, 1);
      this.place++;
      if (chosen.has(prompt)) {
        if (this.place > end) repeated.push(prompt);
      } else if (this.teaches(prompt)) chosen.add(prompt);
    }
    return [...chosen, ...repeated].map((prompt) => this.prompts[prompt]);
  }

  /** Takes note of how often these groups solved their problems; attempts that nobody could grade do not count. */
  learn(groups: readonly ScoredGroup[]): void {
    this.passedOver = 0;
    for (const { prompt, parts } of groups) {
      const graded = parts.flatMap(({ correct }) => correct ?? []);
      const number = this.numbers.get(prompt);
      if (graded.length === 0 || number === undefined) continue;
      const known = this.seen.get(number);
      const latest = mean(graded);
      this.seen.set(number, { rate: known ? (known.rate + latest) / 2 : latest, passed: 0 });
    }
  }

  /** All that another order needs to go on from here. */
  get memory(): SolveRateMemory {
    const seen = [...this.seen].map(([prompt, { rate, passed }]): [number, number, number] => [prompt, rate, passed]);
    return { place: this.place, seen };
  }

  private teaches(prompt: number): boolean {
    const known = this.seen.get(prompt);
    if (!known || (known.rate >= lowest && known.rate <= highest)) return true;
    if (known.passed >= mostPasses) {
      known.passed = 0;
      return true;
    }
    known.passed++;
    this.passedOver++;
    return false;
  }
}

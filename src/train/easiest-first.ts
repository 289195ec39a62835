import type { Prompt } from "../records/problem.ts";
import { EpochOrder } from "./epoch-order.ts";

/**
 * The prompts of `EpochOrder`, those that a stage reaches in each epoch, easiest first: nothing is left out that would have
 * been seen without, and every epoch goes from easy to hard again.
 *
 * Easy is a low `level` (as MATH's problems have), and of the same level a short prompt.
 */
export class EasiestFirst {
  private readonly shuffled: EpochOrder<Prompt>;
  private readonly places: number;
  private epoch = -1;
  private order: Prompt[] = [];

  /**
   * @param seed as `EpochOrder`
   * @param places prompts of the whole stage, steps times prompts per step
   * @throws DataError without prompts
   */
  constructor(prompts: readonly Prompt[], seed: readonly number[], places: number) {
    this.shuffled = new EpochOrder(prompts, seed);
    this.places = places;
  }

  /** Prompts of an epoch. */
  get length(): number {
    return this.shuffled.length;
  }

  /** The prompts of a step: `count` consecutive ones, running over into the next epoch. */
  at(step: number, count: number): Prompt[] {
    return Array.from({ length: count }, (_, i) => {
      const place = step * count + i;
      this.sort(Math.floor(place / this.length));
      return this.order[place % this.length];
    });
  }

  private sort(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    const reached = Math.max(0, this.places - epoch * this.length);
    const prompts = this.shuffled.at(epoch, this.length).slice(0, reached);
    this.order = prompts.sort((a, b) => levelOf(a) - levelOf(b) || a.tokens.length - b.tokens.length);
  }
}

/** 0 where the problem has none. */
function levelOf({ problem }: Prompt): number {
  const level = problem.meta?.level;
  return typeof level === "number" ? level : 0;
}

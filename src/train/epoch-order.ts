import { DataError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";

/**
 * Items in a shuffled order, epoch after epoch. What a step gets depends on the seed and the step alone, so training can
 * start again at any step; the order of the epoch at hand is kept between calls.
 */
export class EpochOrder<T> {
  private readonly items: readonly T[];
  private readonly seed: readonly number[];
  private epoch = -1;
  private order: number[] = [];

  /**
   * @param seed names the orders; one sequence of numbers per purpose
   * @throws DataError when there are no items
   */
  constructor(items: readonly T[], seed: readonly number[]) {
    if (items.length === 0) throw new DataError("training: expected at least one prompt or demonstration, got none");
    this.items = items;
    this.seed = seed;
  }

  /** Items of an epoch. */
  get length(): number {
    return this.items.length;
  }

  /** The items of a step: `count` consecutive ones, running over into the next epoch. */
  at(step: number, count: number): T[] {
    return Array.from({ length: count }, (_, i) => {
      const place = step * count + i;
      this.shuffle(Math.floor(place / this.items.length));
      return this.items[this.order[place % this.items.length]];
    });
  }

  private shuffle(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.order = new Rng(...this.seed, epoch).shuffle(this.items.map((_, index) => index));
  }
}

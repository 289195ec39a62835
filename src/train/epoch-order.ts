import { Rng } from "../base/rng.ts";

/**
 * The items of a step: `count` consecutive ones of the epoch's shuffled order, running over into the next epoch. They
 * depend on the seed and the step alone, so training can start again at any step.
 *
 * @param seed names the orders; one sequence of numbers per purpose
 */
export function itemsAt<T>(
  items: readonly T[],
  step: number,
  { count, seed }: { count: number; seed: readonly number[] },
): T[] {
  const orders = new Map<number, number[]>();
  return Array.from({ length: count }, (_, i) => {
    const at = step * count + i;
    const epoch = Math.floor(at / items.length);
    let order = orders.get(epoch);
    if (!order) {
      order = new Rng(...seed, epoch).shuffle(items.map((__, index) => index));
      orders.set(epoch, order);
    }
    return items[order[at % items.length]];
  });
}

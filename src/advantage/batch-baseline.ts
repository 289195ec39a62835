import { mean, sampleDeviation } from "../base/statistics.ts";
import { hasSpread } from "./group.ts";

/**
 * Rewards against the mean of all rewards of the step, whatever their prompt: a group without spread teaches, too, by how it
 * compares with the rest. Where all rewards are equal, zeros.
 *
 * @param rewards_PG one row per prompt
 * @param options scale `batch`: divide by the sample deviation (divisor n − 1) of all rewards plus eps; `none`: only subtract
 * @see Williams 1992, Machine Learning 8:229, §4 (`none`); arXiv:2501.03262 eq. 8 (`batch`)
 */
export function batchAdvantages(
  rewards_PG: readonly (readonly number[])[],
  { scale, eps = 1e-4 }: { scale: "batch" | "none"; eps?: number },
): number[][] {
  const all = rewards_PG.flat();
  if (!hasSpread(all)) return rewards_PG.map((rewards) => rewards.map(() => 0));
  const baseline = mean(all);
  const divisor = scale === "batch" ? sampleDeviation(all) + eps : 1;
  return rewards_PG.map((rewards) => rewards.map((reward) => (reward - baseline) / divisor));
}

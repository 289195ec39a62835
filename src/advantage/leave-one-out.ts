import { sampleDeviation } from "../base/statistics.ts";
import { hasSpread } from "./group.ts";

/**
 * Rewards against the mean of the other attempts at the same prompt: r − Σ(others) / (G − 1). A group whose rewards are all
 * equal yields zeros.
 *
 * @param rewards_PG one row per prompt
 * @param options scale `batch`: divide by the sample deviation (divisor n − 1) of all advantages of the step plus eps, their
 *   mean being 0 (TRL's normalize_advantages); `none`: nothing
 * @see arXiv:2402.14740 eq. 4
 */
export function leaveOneOutAdvantages(
  rewards_PG: readonly (readonly number[])[],
  { scale, eps = 1e-4 }: { scale: "batch" | "none"; eps?: number },
): number[][] {
  const advantages = rewards_PG.map((rewards) => {
    const total = rewards.reduce((sum, reward) => sum + reward, 0);
    return rewards.map((reward) => (hasSpread(rewards) ? reward - (total - reward) / (rewards.length - 1) : 0));
  });
  if (scale === "none") return advantages;
  const divisor = sampleDeviation(advantages.flat()) + eps;
  return advantages.map((group) => group.map((advantage) => advantage / divisor));
}

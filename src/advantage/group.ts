import { mean, sampleDeviation } from "../base/statistics.ts";

/** `group`: divide by the group's deviation; `batch`: by that of all rewards; `none`: only subtract the mean. */
export type AdvantageScale = "group" | "batch" | "none";

/**
 * Rewards relative to their own group: (r − mean) / (deviation + eps), sample deviation (divisor n − 1). A group whose
 * rewards are all equal yields zeros.
 *
 * @param rewards_PG one row per prompt
 * @see arXiv:2402.03300 §4.1.2 (`group`); arXiv:2503.20783 §3.2 (`none`); `batch` as in TRL's scale_rewards
 */
export function groupAdvantages(
  rewards_PG: readonly (readonly number[])[],
  { scale, eps = 1e-4 }: { scale: AdvantageScale; eps?: number },
): number[][] {
  const batchDeviation = sampleDeviation(rewards_PG.flat());
  return rewards_PG.map((rewards) => {
    const center = mean(rewards);
    const deviation = scale === "batch" ? batchDeviation : sampleDeviation(rewards);
    const divisor = scale === "none" ? 1 : deviation + eps;
    return hasSpread(rewards) ? rewards.map((reward) => (reward - center) / divisor) : rewards.map(() => 0);
  });
}

/** Whether a group's rewards differ at all: without spread there is nothing to learn from it. */
export function hasSpread(rewards: readonly number[]): boolean {
  return rewards.some((reward) => reward !== rewards[0]);
}

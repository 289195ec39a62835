import { mean } from "../base/statistics.ts";

/**
 * Rewards that a critic of whole attempts is held against: a group of one keeps its reward, a larger one's rewards are less
 * their mean.
 *
 * @param rewards_PG one row per prompt
 */
export function centredRewards(rewards_PG: readonly (readonly number[])[]): number[][] {
  return rewards_PG.map((rewards) => {
    const center = rewards.length === 1 ? 0 : mean(rewards);
    return rewards.map((reward) => reward - center);
  });
}

/**
 * One advantage for a whole attempt: centred reward − value. The value is that of the state before the first token, which
 * knows the prompt alone: a value that had seen the completion would take part of the credit for it.
 *
 * @param values_PG value of each attempt's beginning; within a group they are the same number
 */
export function sequenceAdvantages(
  centred_PG: readonly (readonly number[])[],
  values_PG: readonly (readonly number[])[],
): number[][] {
  return centred_PG.map((centred, p) => centred.map((reward, g) => reward - values_PG[p][g]));
}

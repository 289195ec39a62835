/**
 * Advantages cut to [−limit, limit], so that one rare reward cannot rule a step.
 *
 * @param limit above 0
 */
export const clampAdvantages = (advantages_PG: readonly (readonly number[])[], limit: number): number[][] =>
  advantages_PG.map((group) => group.map((advantage) => Math.min(limit, Math.max(-limit, advantage))));

/** How far credit reaches; both in [0, 1]. */
export interface GaeOptions {
  /** γ: what a reward one token later is worth. */
  gamma: number;
  /** λ: 0 trusts the next value alone, 1 the rewards alone. */
  lambda: number;
}

/** What one attempt earned and was expected to earn, token by token. */
export interface ValuedAttempt {
  /** Reward of each token. */
  rewards: ArrayLike<number>;
  /** Value of the state before each token, as the critic that saw the rollout said. */
  values: ArrayLike<number>;
  /** Value of the state after the last token: 0 where the attempt is over. */
  valueAfter: number;
}

/** One number for each token. */
export interface TokenAdvantages {
  /** What the policy's gradient is weighed by. */
  advantages: Float64Array;
  /** What each value should have been: advantage + value. */
  returns: Float64Array;
}

/**
 * Generalized advantage estimation over the tokens of one attempt: A[t] = Σ_k (γλ)^k δ[t+k] with
 * δ[t] = reward[t] + γ · value[t+1] − value[t]. With γ = λ = 1 it is (sum of the rewards from t on) + valueAfter − value[t].
 *
 * @see arXiv:1506.02438 eq. 16
 */
export function gae({ rewards, values, valueAfter }: ValuedAttempt, { gamma, lambda }: GaeOptions): TokenAdvantages {
  const { length } = rewards;
  const advantages = new Float64Array(length);
  const returns = new Float64Array(length);
  let advantage = 0;
  let next = valueAfter;
  for (let t = length - 1; t >= 0; t--) {
    const delta = rewards[t] + gamma * next - values[t];
    advantage = delta + gamma * lambda * advantage;
    advantages[t] = advantage;
    returns[t] = advantage + values[t];
    next = values[t];
  }
  return { advantages, returns };
}

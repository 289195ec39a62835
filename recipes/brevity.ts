import type { Reward } from "reckon";

/** 1 for an empty completion, falling to 0 at `most` tokens. */
const brevity: Reward<{ most?: number }> = (attempt, _problem, { most = 48 }) => ({
  brevity: Math.max(0, 1 - attempt.tokens.length / most),
});

export default brevity;

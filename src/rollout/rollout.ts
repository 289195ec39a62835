import { ConfigError, ShapeError } from "../base/errors.ts";
import type { Keeping } from "../engine/piecewise.ts";
import type { Policy } from "../model/policy.ts";
import type { ExpertUse } from "../records/events.ts";
import { Generation, type RolloutForward, type SampledAttempt } from "./generation.ts";
import { completeSampling, type SamplingOptions } from "./sampling.ts";

/** What `sampleAttempts` is told. */
export interface RolloutOptions extends SamplingOptions {
  /** G attempts at each prompt; default 1. */
  group?: number;
  /** The token that ends a completion. */
  eosId: number;
  /** Default 0. */
  seed?: number;
  /** streams[p] names prompt p's random numbers under the seed; by default its place in the list. */
  streams?: ArrayLike<number>;
  /** `all` lets the rollout be adopted and takes the memory of a training pass; default `keys`. */
  keeping?: Keeping;
}

/** What was sampled. */
export interface Rollout {
  /** attempts[p][g]: attempt g at prompt p. */
  attempts: SampledAttempt[][];
  /** Rows that went through the model. */
  rowCount: number;
  /** Completion tokens sampled. */
  tokenCount: number;
  /**
   * How each mixture layer's experts were used over all of these rows, which include those of attempts that had ended
   * but still held their place; empty for a dense model.
   */
  experts: ExpertUse[];
  /** Whether activations were kept, so that `adopt` is possible. */
  keptAll: boolean;
  /**
   * The forward pass of this rollout, adopted, with the entries of the given attempts (prompt p's attempt g is number
   * p · group + g); only with keeping `all`, once, before the policy changes or its step scope ends.
   */
  adopt(attempts: readonly number[]): RolloutForward;
}

/**
 * Samples `group` attempts at each prompt, all at once, one token a piece. An attempt's tokens depend on the seed,
 * its `streams` number and the policy, never on what else is in the batch.
 *
 * The policy's step scope holds what `keeping` keeps: end it when done with the rollout.
 *
 * @param prompts token ids of each prompt
 * @throws ConfigError when a sampling option is out of range
 * @throws ShapeError when a prompt is empty, has an id outside the vocabulary, or is too long for the model's rotary
 * positions with maxNewTokens after it
 */
export async function sampleAttempts(
  policy: Policy,
  prompts: readonly (readonly number[])[],
  options: RolloutOptions,
): Promise<Rollout> {
  const { group = 1, eosId, seed = 0, streams = prompts.map((_, p) => p), keeping = "keys" } = options;
  const sampling = completeSampling(options);
  if (!Number.isInteger(group) || group < 1)
    throw new ConfigError(`sampling: group: expected a whole number from 1, got ${group}`);
  checkPrompts(policy, prompts, sampling.maxNewTokens);

  const generation = new Generation(policy, prompts, { ...sampling, group, eosId, seed, streams, keeping });
  let goesOn = await generation.draw(generation.promptPiece(), 0);
  for (let step = 1; goesOn && step < sampling.maxNewTokens; step++)
    goesOn = await generation.draw(generation.tokenPiece(step), step);
  const sampled = await generation.attempts();

  return {
    attempts: prompts.map((_, p) => sampled.slice(p * group, (p + 1) * group)),
    rowCount: generation.rowCount,
    tokenCount: sampled.reduce((sum, { tokens }) => sum + tokens.length, 0),
    experts: generation.experts.summary(),
    keptAll: keeping === "all",
    adopt: (attempts) => generation.adopt(attempts),
  };
}

function checkPrompts({ config }: Policy, prompts: readonly (readonly number[])[], maxNewTokens: number): void {
  for (const [p, { length }] of prompts.entries()) {
    if (length === 0) throw new ShapeError(`sampling: prompt ${p} is empty; a completion needs a token to follow`);
    if (config.positions === "rotary" && length + maxNewTokens > config.maxPositions)
      throw new ShapeError(
        `sampling: prompt ${p} of ${length} tokens and maxNewTokens ${maxNewTokens} need as many positions, ` +
          `the model has maxPositions ${config.maxPositions}; lower maxNewTokens`,
      );
  }
}

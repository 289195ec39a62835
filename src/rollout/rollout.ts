import { ConfigError, ShapeError } from "../base/errors.ts";
import { requireBelow } from "../model/packed-batch.ts";
import type { Policy } from "../model/policy.ts";
import type { ExpertUse } from "../records/events.ts";
import type { EndingOptions } from "./completion.ts";
import type { DraftStore } from "./draft-store.ts";
import { Generation, type GenerationOptions, type RolloutForward, type RolloutProgress } from "./generation.ts";
import { GenerationQueue, type QueueLimits, type QueueOptions } from "./queue.ts";
import type { SampledAttempt } from "./sampled-attempt.ts";
import { completeSampling, type SamplingOptions } from "./sampling.ts";

/** `all`: every activation stays, so backward can follow without a second forward pass; `keys`: only keys and values. */
export type Keeping = "all" | "keys";

/** What `sampleAttempts` is told. */
export interface RolloutOptions extends SamplingOptions {
  /** G attempts at each prompt; default 1. */
  group?: number;
  /** The token, or tokens, that end a completion. */
  eosId: number | readonly number[];
  /** Begins the text of a completion; needed where there are stop strings. */
  textStream?: EndingOptions["textStream"];
  /** Default 0. */
  seed?: number;
  /** streams[p] names prompt p's random numbers under the seed; by default its place in the list. */
  streams?: ArrayLike<number>;
  /**
   * `keys`, the default: prompts wait until there is room, and memory is bounded. `all` samples all at once, lets the
   * rollout be adopted and takes the memory of a training pass.
   */
  keeping?: Keeping;
  /** Attempts under way at once with keeping `keys`, at most, from 1; default 512. */
  maxActive?: number;
  /**
   * Bytes of keys and values with keeping `keys`, at most, but always enough for one attempt at the longest prompt;
   * default 1 GiB.
   */
  cacheBytes?: number;
  /**
   * Earlier attempts at these prompts, to draft from with keeping `keys`; those sampled are added. Attempts are the same bits
   * with and without.
   */
  drafts?: DraftStore | null;
  /** Whether expert ids stay with each attempt; by default where the model is a mixture. */
  keepExperts?: boolean;
  /** Called after each token of the batch; what it throws ends the sampling. */
  onProgress?: (progress: RolloutProgress) => void;
}

/** What was sampled. */
export interface Rollout {
  /** attempts[p][g]: attempt g at prompt p. */
  attempts: SampledAttempt[][];
  /** Rows that went through the model: with keeping `keys` less than tokens where several share one, more where drafts fail. */
  rowCount: number;
  /** Rows whose logits were computed. */
  headRows: number;
  /** Completion tokens sampled. */
  tokenCount: number;
  /** Forward passes that took. */
  passes: number;
  /** Tokens that were drafted and fed, and those of them that an attempt came to. */
  drafted: number;
  accepted: number;
  /**
   * How each mixture layer's experts were used over the rows of every prompt once and every attempt, however they were
   * computed, with keeping `all` those of attempts that had ended but still held their place included; empty for a dense model.
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

const defaultActive = 512;
const defaultCacheBytes = 2 ** 30;

/** Prompt rows that enter a piece beside attempts under way: they fill the products, and their memory stays small. */
const entryRows = 512;

/**
 * Samples `group` attempts at each prompt, a token or, with drafts, some of each a piece. An attempt's tokens depend on the seed, its
 * `streams` number and the policy, never on what else is in the batch or when it entered.
 *
 * With keeping `all`, the policy's step scope holds the activations: end it when done with the rollout.
 *
 * @param prompts token ids of each prompt
 * @throws ConfigError when an option is out of range, or stop strings come without a text stream
 * @throws ShapeError when a prompt is empty, has an id outside the vocabulary, or is too long for the model's rotary
 * positions with maxNewTokens after it
 * @throws DeviceError when there is no memory for keys and values
 */
export async function sampleAttempts(
  policy: Policy,
  prompts: readonly (readonly number[])[],
  options: RolloutOptions,
): Promise<Rollout> {
  const { keeping = "keys" } = options;
  const generation = completeGeneration(policy, prompts, options);
  const rollout =
    keeping === "all"
      ? await sampleAtOnce(policy, prompts, generation)
      : await sampleQueued(policy, prompts, {
          ...generation,
          drafts: options.drafts ?? null,
          limits: queueLimits(policy, prompts, options),
        });
  const tokenCount = rollout.attempts.flat().reduce((sum, { tokens }) => sum + tokens.length, 0);
  return { ...rollout, tokenCount, keptAll: keeping === "all" };
}

/** What a keeping knows of its rollout. */
type Sampled = Omit<Rollout, "tokenCount" | "keptAll">;

async function sampleAtOnce(
  policy: Policy,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions,
): Promise<Sampled> {
  const { group, maxNewTokens } = options;
  const generation = new Generation(policy, prompts, options);
  let goesOn = await generation.draw(generation.promptPiece(), 0);
  for (let step = 1; goesOn && step < maxNewTokens; step++)
    goesOn = await generation.draw(generation.tokenPiece(step), step);
  const sampled = await generation.attempts();
  return {
    attempts: prompts.map((_, p) => sampled.slice(p * group, (p + 1) * group)),
    rowCount: generation.rowCount,
    headRows: generation.headRows,
    passes: generation.passes,
    drafted: 0,
    accepted: 0,
    experts: generation.experts.summary(),
    adopt: (attempts) => generation.adopt(attempts),
  };
}

async function sampleQueued(
  policy: Policy,
  prompts: readonly (readonly number[])[],
  options: QueueOptions,
): Promise<Sampled> {
  const queue = new GenerationQueue(policy, prompts, options);
  const attempts = await queue.run();
  options.drafts?.trim();
  return {
    attempts,
    rowCount: queue.rowCount,
    headRows: queue.headRows,
    passes: queue.passes,
    drafted: queue.drafter?.drafted ?? 0,
    accepted: queue.drafter?.accepted ?? 0,
    experts: queue.experts.summary(),
    adopt: () => {
      throw new ConfigError(
        'adopt: expected a rollout that kept its activations, got keys alone; sample with keeping "all"',
      );
    },
  };
}

/**
 * Fills in what was left out and checks everything.
 *
 * @throws ConfigError, ShapeError as `sampleAttempts`
 */
export function completeGeneration(
  policy: Policy,
  prompts: readonly (readonly number[])[],
  options: RolloutOptions,
): GenerationOptions {
  const { group = 1, maxActive = defaultActive, cacheBytes = defaultCacheBytes, textStream = null } = options;
  const sampling = completeSampling(options);
  for (const [name, value] of Object.entries({ group, maxActive, cacheBytes }))
    if (!Number.isInteger(value) || value < 1)
      throw new ConfigError(`sampling: ${name}: expected a whole number from 1, got ${value}`);
  if (sampling.stopStrings.length > 0 && textStream === null)
    throw new ConfigError("sampling: stopStrings: expected a textStream to look for them in, got none; pass one");
  checkPrompts(policy, prompts, sampling.maxNewTokens);
  return {
    ...sampling,
    group,
    eosId: options.eosId,
    textStream,
    seed: options.seed ?? 0,
    streams: options.streams ?? prompts.map((_, p) => p),
    keepExperts: (options.keepExperts ?? true) && policy.config.experts > 0,
    onProgress: options.onProgress ?? (() => {}),
  };
}

function queueLimits(
  { config }: Policy,
  prompts: readonly (readonly number[])[],
  options: RolloutOptions,
): QueueLimits {
  const lengths = prompts.map(({ length }) => length);
  return {
    maxActive: options.maxActive ?? defaultActive,
    cacheRows: cacheRowsFor(config, lengths, options),
    entryRows,
  };
}

/** Bytes that one row of keys and values takes in all layers. */
export function cacheBytesPerRow({ layers, kvHeads, headDim }: Policy["config"]): number {
  return layers * 2 * kvHeads * headDim * 4;
}

/**
 * Rows of keys and values that sampling with keeping `keys` will take memory for: what it could use, or what it may, but
 * enough for one attempt at the longest prompt.
 *
 * @param promptLengths tokens of each prompt
 */
export function cacheRowsFor(
  config: Policy["config"],
  promptLengths: readonly number[],
  {
    group = 1,
    maxNewTokens,
    maxActive = defaultActive,
    cacheBytes = defaultCacheBytes,
  }: Pick<RolloutOptions, "group" | "maxNewTokens" | "maxActive" | "cacheBytes">,
): number {
  const promptRows = promptLengths.reduce((sum, length) => sum + length, 0);
  const longest = promptLengths.reduce((most, length) => Math.max(most, length), 0);
  const useful = promptRows + Math.min(maxActive, promptLengths.length * group) * (maxNewTokens - 1);
  const affordable = Math.floor(cacheBytes / cacheBytesPerRow(config));
  return Math.max(longest + maxNewTokens - 1, Math.min(useful, affordable));
}

function checkPrompts({ config }: Policy, prompts: readonly (readonly number[])[], maxNewTokens: number): void {
  for (const [p, prompt] of prompts.entries()) {
    const { length } = prompt;
    if (length === 0) throw new ShapeError(`sampling: prompt ${p} is empty; a completion needs a token to follow`);
    if (config.positions === "rotary" && length + maxNewTokens > config.maxPositions)
      throw new ShapeError(
        `sampling: prompt ${p} of ${length} tokens and maxNewTokens ${maxNewTokens} need as many positions, ` +
          `the model has maxPositions ${config.maxPositions}; lower maxNewTokens`,
      );
    requireBelow("token", prompt, config.vocabularySize);
  }
}

import { ConfigError } from "../base/errors.ts";

/** How tokens are drawn, and when a completion ends. */
export interface SamplingOptions {
  /** Divides logits, from 0; 0 is greedy. Default 1. */
  temperature?: number;
  /** Keep only the k most likely tokens, a whole number; 0, the default: no truncation. */
  topK?: number;
  /** Keep the smallest set of tokens with this much mass, in (0, 1]; 1, the default: no truncation. */
  topP?: number;
  /** Keep tokens at least this share as likely as the likeliest, in [0, 1); 0, the default: no truncation. */
  minP?: number;
  /**
   * Logits of tokens that prompt or completion have already are divided by it where positive, multiplied where negative;
   * above 0; 1, the default: no penalty. @see arXiv:1909.05858 section 4.1
   */
  repetitionPenalty?: number;
  /** Longest completion, in tokens, from 1. */
  maxNewTokens: number;
  /** End and stop tokens cannot be drawn, and stop strings are not looked for, before this many tokens; default 0. */
  minNewTokens?: number;
  /** Tokens that end a completion besides the end token; they stay in it. Default none. */
  stopTokens?: readonly number[];
  /** Texts that end a completion with the token that completes them; they stay in it. Default none. */
  stopStrings?: readonly string[];
  /** Go on after the end token, so that every completion has maxNewTokens tokens (for benchmarks). */
  ignoreEos?: boolean;
}

/**
 * Fills in what was left out.
 *
 * @throws ConfigError listing every option that is out of range
 */
export function completeSampling(options: SamplingOptions): Required<SamplingOptions> {
  const complete: Required<SamplingOptions> = {
    temperature: options.temperature ?? 1,
    topK: options.topK ?? 0,
    topP: options.topP ?? 1,
    minP: options.minP ?? 0,
    repetitionPenalty: options.repetitionPenalty ?? 1,
    maxNewTokens: options.maxNewTokens,
    minNewTokens: options.minNewTokens ?? 0,
    stopTokens: options.stopTokens ?? [],
    stopStrings: options.stopStrings ?? [],
    ignoreEos: options.ignoreEos ?? false,
  };
  const problems: string[] = [];
  const require = (field: keyof SamplingOptions, holds: boolean, expected: string) => {
    const came = complete[field];
    if (!holds)
      problems.push(`${field}: expected ${expected}, got ${Array.isArray(came) ? JSON.stringify(came) : came}`);
  };
  const { temperature, topK, topP, minP, repetitionPenalty, maxNewTokens, minNewTokens } = complete;
  require("maxNewTokens", Number.isInteger(maxNewTokens) && maxNewTokens >= 1, "a whole number from 1");
  require("temperature", Number.isFinite(temperature) && temperature >= 0, "a number from 0");
  require("topK", Number.isInteger(topK) && topK >= 0, "a whole number, 0 for all tokens");
  require("topP", topP > 0 && topP <= 1, "a number above 0 and up to 1");
  require("minP", minP >= 0 && minP < 1, "a number from 0 and below 1");
  require("repetitionPenalty", Number.isFinite(repetitionPenalty) && repetitionPenalty > 0, "a number above 0");
  require("minNewTokens", Number.isInteger(minNewTokens) &&
    minNewTokens >= 0 &&
    !(minNewTokens > maxNewTokens), "a whole number from 0 to maxNewTokens");
  require("stopTokens", complete.stopTokens.every((id) => Number.isInteger(id) && id >= 0), "token ids");
  require("stopStrings", complete.stopStrings.every((text) => text.length > 0), "texts that are not empty");
  if (problems.length > 0) throw new ConfigError(`sampling: ${problems.join("; ")}`);
  return complete;
}

/** Greedy decoding: the most likely token, always. */
export const greedy = (maxNewTokens: number) => ({ temperature: 0, topK: 0, topP: 1, maxNewTokens });

/**
 * Temperature at which log-probabilities are recorded: that of sampling, or 1 when decoding is greedy (a greedy
 * choice has no distribution of its own). The recorded distribution is the model's own over the whole vocabulary: cuts,
 * the repetition penalty and tokens barred by minNewTokens change what is drawn, not what is recorded, which is what a
 * trainer computes again.
 */
export const recordingTemperature = ({ temperature = 1 }: Pick<SamplingOptions, "temperature">) =>
  temperature === 0 ? 1 : temperature;

import { ConfigError } from "../base/errors.ts";

/** How tokens are drawn. */
export interface SamplingOptions {
  /** Divides logits, from 0; 0 is greedy. Default 1. */
  temperature?: number;
  /** Keep only the k most likely tokens, a whole number; 0, the default: no truncation. */
  topK?: number;
  /** Keep the smallest set of tokens with this much mass, in (0, 1]; 1, the default: no truncation. */
  topP?: number;
  /** Longest completion, in tokens, from 1. */
  maxNewTokens: number;
  /** Go on after the end token, so that every completion has maxNewTokens tokens (for benchmarks). */
  ignoreEos?: boolean;
}

/**
 * Fills in what was left out.
 *
 * @throws ConfigError listing every option that is out of range
 */
export function completeSampling(options: SamplingOptions): Required<SamplingOptions> {
  const { temperature = 1, topK = 0, topP = 1, maxNewTokens, ignoreEos = false } = options;
  const problems: string[] = [];
  const require = (holds: boolean, text: string) => void (holds || problems.push(text));
  require(Number.isInteger(maxNewTokens) &&
    maxNewTokens >= 1, `maxNewTokens: expected a whole number from 1, got ${maxNewTokens}`);
  require(Number.isFinite(temperature) &&
    temperature >= 0, `temperature: expected a number from 0, got ${temperature}`);
  require(Number.isInteger(topK) && topK >= 0, `topK: expected a whole number, 0 for all tokens, got ${topK}`);
  require(topP > 0 && topP <= 1, `topP: expected a number above 0 and up to 1, got ${topP}`);
  if (problems.length > 0) throw new ConfigError(`sampling: ${problems.join("; ")}`);
  return { temperature, topK, topP, maxNewTokens, ignoreEos };
}

/** Greedy decoding: the most likely token, always. */
export const greedy = (maxNewTokens: number) => ({ temperature: 0, topK: 0, topP: 1, maxNewTokens });

/**
 * Temperature at which log-probabilities are recorded: that of sampling, or 1 when decoding is greedy (a greedy
 * choice has no distribution of its own).
 */
export const recordingTemperature = ({ temperature = 1 }: Pick<SamplingOptions, "temperature">) =>
  temperature === 0 ? 1 : temperature;

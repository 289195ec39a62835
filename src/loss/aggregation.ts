import { ConfigError } from "../base/errors.ts";
import type { LossNormalizer } from "./token-batch.ts";

/**
 * How terms of tokens become one loss; N attempts and T tokens in the whole step, an attempt having L of them.
 *
 * - `grpo`: mean over attempts of token means, 1 / (N · L). Tokens of long attempts count less. arXiv:2402.03300 eq. 3
 * - `dapo`: mean over all tokens, 1 / T. arXiv:2503.14476 eq. 8
 * - `bnpo`: TRL's mean over the tokens of a batch that is not split. Ours never is, micro-batches being a matter of memory
 *   alone: the same as `dapo`.
 * - `dr_grpo`: 1 / (N · maxLength), the same for every token whatever was sampled. arXiv:2503.20783 §3.2
 */
export type Aggregation = "grpo" | "bnpo" | "dapo" | "dr_grpo";

/**
 * Weight of each token of an attempt; `sum`: mean over attempts of token sums, 1 / N, for what takes a completion as one
 * action.
 *
 * @param length tokens of the attempt
 * @throws ConfigError when `dr_grpo` is not told the longest completion
 */
export function tokenWeight(aggregation: Aggregation | "sum", length: number, whole: LossNormalizer): number {
  const { attempts, tokens, maxLength } = whole;
  switch (aggregation) {
    case "grpo":
      return 1 / (attempts * length);
    case "bnpo":
    case "dapo":
      return 1 / tokens;
    case "sum":
      return 1 / attempts;
    case "dr_grpo":
      if (maxLength === undefined)
        throw new ConfigError(
          "loss: dr_grpo divides by the longest completion, expected maxLength in the normalizer, got none; pass " +
            "{ attempts, tokens, maxLength }",
        );
      return 1 / (attempts * maxLength);
  }
}

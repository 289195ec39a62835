import { ConfigError, RewardError } from "../../base/errors.ts";
import type { AnswerFormatName } from "../../prompt/answer-format.ts";
import type { Problem } from "../../records/problem.ts";
import type { BatchReward } from "../reward.ts";
import { type RewardContext, rewardKind } from "../reward-kind.ts";
import { type SimilarityOptions, similarityOptions } from "../similarity-options.ts";

/** Where a format's reasoning begins and where it ends; without a beginning it begins with the completion. */
const MARKS: Readonly<Record<AnswerFormatName, { begin?: string; ends: readonly string[] }>> = {
  "think-answer": { begin: "<think>", ends: ["</think>", "<answer>"] },
  "r1-zero": { ends: ["</think>", "<answer>"] },
  "working-out": { begin: "<start_working_out>", ends: ["<end_working_out>", "<SOLUTION>"] },
  hash: { ends: ["####"] },
  boxed: { ends: [] },
};

/** The reasoning of a completion: what stands between the marks of its format, or before its answer. Without outer spaces. */
export function reasoningOf(text: string, format: AnswerFormatName): string {
  const { begin, ends } = MARKS[format];
  const from = begin !== undefined && text.includes(begin) ? text.indexOf(begin) + begin.length : 0;
  const rest = text.slice(from);
  const places = ends.map((end) => rest.indexOf(end)).filter((place) => place >= 0);
  return rest.slice(0, Math.min(...places, rest.length)).trim();
}

/** The gold reasonings of those problems that have one. */
export const goldReasonings = (problems: readonly Problem[], format: AnswerFormatName): string[] =>
  problems.map(({ solution = "" }) => reasoningOf(solution, format)).filter((text) => text !== "");

/**
 * The part `similarity`: how alike an attempt's reasoning and the gold one are, by BERTScore's F1 (arXiv:1904.09675). Null
 * where the problem has no worked solution; 0 for an attempt without any reasoning.
 *
 * @throws ConfigError when there is nothing to embed texts with
 */
export function reasoningSimilarity(options: SimilarityOptions, { similarity, format }: RewardContext): BatchReward {
  if (similarity === undefined || format === null)
    throw new ConfigError(
      "rewards: similarity: there is no model here to embed texts with; leave this reward out, or use it in a run on problems in words",
    );
  return async (scored) => {
    const texts = scored.map(({ attempt, prompt }) => ({
      candidate: reasoningOf(attempt.text, format.name),
      reference: reasoningOf(prompt.problem.solution ?? "", format.name),
    }));
    const comparable = ({ candidate, reference }: (typeof texts)[number]) => candidate !== "" && reference !== "";
    const pairs = texts.filter(comparable);
    const scores = pairs.length === 0 ? [] : await similarity(pairs, options);
    if (scores.length !== pairs.length || !scores.every(Number.isFinite))
      throw new RewardError(
        `reward similarity: expected ${pairs.length} finite scores, got ${scores.length}; the encoder does not embed these texts`,
      );
    let next = 0;
    return texts.map((pair) => ({ similarity: pair.reference === "" ? null : comparable(pair) ? scores[next++] : 0 }));
  };
}

/** `similarity`: `reasoningSimilarity` alone. */
export const similarity = rewardKind({
  tasks: "words",
  options: similarityOptions,
  make: (options, context) => ({ weights: { similarity: 1 }, score: reasoningSimilarity(options, context) }),
});

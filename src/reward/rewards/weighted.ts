import { rewardKind } from "../reward-kind.ts";
import { similarityOptions } from "../similarity-options.ts";
import { reasoningSimilarity } from "./similarity.ts";

/** `weighted`: 0.7 · `correct` + 0.15 · `format` + 0.15 · `similarity`, of which the task grades the first two. */
export const weighted = rewardKind({
  tasks: "words",
  options: similarityOptions,
  make: (options, context) => ({
    weights: { correct: 0.7, format: 0.15, similarity: 0.15 },
    score: reasoningSimilarity(options, context),
  }),
});

import { z } from "zod";

/** By what texts are embedded to be compared. */
export const similarityOptions = z.strictObject({
  encoder: z
    .string()
    .min(1)
    .default("policy")
    .describe("a BERT, RoBERTa or DistilBERT: a directory or a hub id; policy: the frozen base model itself"),
  layer: z
    .number()
    .int()
    .min(0)
    .max(1024)
    .optional()
    .describe("whose hidden states are compared; left out: what bert-score takes for that encoder, else the last"),
  idf: z.boolean().default(false).describe("weigh tokens by how rare they are in the gold reasonings"),
  baseline: z
    .number()
    .min(-1)
    .max(0.999)
    .optional()
    .describe("the score of texts that have nothing in common, rescaled to 0; left out: scores as they are"),
});

/** `similarityOptions` with its defaults filled in. */
export type SimilarityOptions = z.output<typeof similarityOptions>;

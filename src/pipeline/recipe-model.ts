import { z } from "zod";
import { checkModel } from "./recipe-checks.ts";

const whole = (doc: string, low: number, high: number) => z.number().int().min(low).max(high).describe(doc);

/** An adapter of low rank beside frozen weights. */
export const loraSchema = z.strictObject({
  rank: whole("inner width of each pair of matrices", 1, 1024).default(16),
  alpha: z.number().positive().max(65536).optional().describe("scale × rank; left out: 2 · rank"),
  dropout: z.number().min(0).max(0.9).default(0).describe("share of its inputs set to zero in training"),
  rankStabilized: z.boolean().default(false).describe("scale by alpha / sqrt(rank) instead of alpha / rank"),
  targetModules: z
    .union([z.literal("all-linear"), z.array(z.string().min(1)).min(1)])
    .default("all-linear")
    .describe("the projections that get one, e.g. [q_proj, v_proj]; all-linear: attention and plain feed-forward"),
  experts: z.boolean().default(false).describe("also the experts' projections"),
  router: z.boolean().default(false).describe("also the router"),
});

/** LoRA as a recipe describes it, defaults filled in. */
export type LoraSettings = z.output<typeof loraSchema>;

/** Where a recipe's model comes from: a shape for fresh weights, or a checkpoint. */
export const modelSchema = z
  .strictObject({
    from: z
      .string()
      .min(1)
      .optional()
      .describe(
        "model to start from: a directory, a .gguf file or a hub id (org/name[@revision]); its shape is its own",
      ),
    weights: z
      .enum(["stored", "f32", "bf16", "int8", "nf4"])
      .default("stored")
      .describe(
        "how frozen weights are held; stored: as in the checkpoint; nf4: 4-bit, blocks of 64, double quantisation",
      ),
    lora: loraSchema
      .nullable()
      .default(null)
      .describe("train an adapter beside frozen weights; null: train all weights"),
    trainRouter: z
      .boolean()
      .default(false)
      .describe("where all weights of a model of `from` are trained, also a mixture's routers"),
    gradientCheckpointing: z
      .boolean()
      .default(false)
      .describe("compute each block again on the way back instead of keeping it: less memory, a third more time"),
    context: whole("longest sequence, prompt and completion together, of a model of `from`", 16, 1_048_576).optional(),
    size: z.enum(["tiny", "small", "medium", "large"]).default("tiny").describe("what fields left out default to"),
    width: whole("width of the residual stream", 1, 65536).optional(),
    heads: whole("attention heads", 1, 1024).optional(),
    feedForward: whole("width of the feed-forward block or of each expert", 1, 262144).optional(),
    layers: whole("blocks", 1, 1024).optional(),
    experts: whole("experts per block; 0: a plain feed-forward block", 0, 4096).optional(),
    activeExperts: whole("experts each token uses", 0, 4096).optional(),
    finalNorm: z.boolean().optional().describe("a norm before the output head"),
    block: z.enum(["mathformer", "llama"]).default("mathformer").describe("the kind of block"),
  })
  .superRefine(checkModel);

/** A recipe's model with its defaults filled in. */
export type ModelSettings = z.output<typeof modelSchema>;

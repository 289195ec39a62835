import { z } from "zod";
import { MAX_THREADS } from "../engine/registry.ts";
import { algorithmFields, checkAlgorithm, withAlgorithmDefaults } from "./recipe-algorithm.ts";
import { checkStages, hasStages } from "./recipe-checks.ts";
import { modelSchema } from "./recipe-model.ts";
import { checkPpo, ppoFields } from "./recipe-ppo.ts";
import { rewardsSchema } from "./recipe-rewards.ts";
import { taskSchema } from "./recipe-task.ts";

const whole = (doc: string, low: number, high = 1e9) => z.number().int().min(low).max(high).describe(doc);
const share = (doc: string) => z.number().min(0).max(1).describe(doc);
const stageName = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9-]*$/)
  .describe("name of the stage: lower-case letters, digits and -");

const optimizerFields = {
  steps: whole("optimizer steps (for rl and ppo: rollouts); give this or epochs", 1).optional(),
  epochs: z
    .number()
    .positive()
    .max(1e6)
    .optional()
    .describe("how often all there is is gone through, instead of steps"),
  learningRate: z.number().positive().max(1).describe("peak learning rate"),
  warmupSteps: whole("steps of linear warm-up", 0).default(10),
  decay: z.enum(["cosine", "linear", "constant"]).default("cosine").describe("learning-rate decay after warm-up"),
  finalShare: share("learning rate at the end, as a share of the peak").default(0.1),
  beta1: share("AdamW: decay of the first moment").default(0.9),
  beta2: share("AdamW: decay of the second moment").default(0.99),
  eps: z.number().positive().max(1e-2).default(1e-8).describe("AdamW: added to the root of the second moment"),
  weightDecay: z.number().min(0).max(1).default(0).describe("AdamW: decoupled weight decay of matrices"),
  maxGradNorm: z.number().min(0).default(1).describe("clip the gradient's norm to this; 0: never"),
  microBatchTokens: z
    .union([z.literal("auto"), whole("", 16)])
    .default("auto")
    .describe(
      "rows of one forward and backward pass, at most; auto: as many as take 1 GiB, up to 8192. A group of more than twice as many is cut into attempts; of such an attempt alone, blocks are computed again on the way back",
    ),
  balanceCoefficient: z
    .number()
    .min(0)
    .max(10)
    .optional()
    .describe(
      "weight of the experts' load-balancing loss; left out: 0.01, and 0 where an adapter leaves the router alone",
    ),
};

const supervisedFields = {
  name: stageName,
  workedSolutions: whole(
    "worked solutions there are, a fixed set; problems in words: all, if left out",
    1,
    1e7,
  ).optional(),
  batchSize: whole("demonstrations per optimizer step", 1, 1e6).default(64),
  ...optimizerFields,
};

const rlStage = z.strictObject({
  kind: z.literal("rl").describe("reinforcement: attempts are sampled, graded and weighed against each other"),
  name: stageName,
  problems: whole("problems of which only the answer is known; problems in words: all, if left out", 1, 1e7).optional(),
  promptsPerStep: whole("problems per rollout", 1, 1e6).default(32),
  group: whole("attempts at each problem", 2, 1024).default(8),
  ...optimizerFields,
  decay: z.enum(["cosine", "linear", "constant"]).default("linear").describe("learning-rate decay after warm-up"),
  ...algorithmFields,
  updatesPerRollout: whole("optimizer updates on each rollout", 1, 64).default(1),
  temperature: z.number().positive().max(10).default(1).describe("sampling temperature"),
  topK: whole("sample from the k most likely tokens; 0: all", 0).default(0),
  topP: z.number().positive().max(1).default(1).describe("sample from the smallest set with this mass; 1: all"),
  minP: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe("leave out tokens less likely than this share of the likeliest; 0: none"),
  resample: whole(
    "rounds of further problems that a step may draw while fewer than promptsPerStep groups have both better and worse attempts",
    0,
    64,
  ).default(0),
  drafts: z
    .boolean()
    .default(true)
    .describe("draft attempts from earlier ones at the same problem: the same attempts, sooner"),
  lengthProbe: whole(
    "problems that are attempted before the first step, to warn of completions that are cut; 0: none; left out: 16 for problems in words, else 0",
    0,
    1024,
  ).optional(),
  rewards: rewardsSchema,
});

const { problems, decay, temperature, topK, topP, minP, drafts, lengthProbe, rewards } = rlStage.shape;

const ppoStage = z
  .strictObject({
    kind: z.literal("ppo").describe("PPO with a critic"),
    name: stageName,
    problems,
    ...optimizerFields,
    decay,
    ...ppoFields,
    temperature,
    topK,
    topP,
    minP,
    drafts,
    lengthProbe,
    rewards,
  })
  .superRefine(checkPpo);

const stage = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("pretrain").describe("supervised, from nothing"), ...supervisedFields }),
  z.strictObject({ kind: z.literal("sft").describe("supervised, from the stage before"), ...supervisedFields }),
  rlStage.superRefine(checkAlgorithm).transform(withAlgorithmDefaults),
  ppoStage,
  z.strictObject({ kind: z.literal("eval").describe("measure only"), name: stageName }),
]);

/** A recipe, the whole configuration of a run. Every field that is left out has its default filled in. */
export const recipeSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)
      .describe("name of the run and its directory"),
    seed: whole("every random number comes from it", 0, 2 ** 31 - 1).default(0),
    device: z
      .strictObject({
        name: z
          .enum(["native", "reference"])
          .default("native")
          .describe("native: C++; reference: plain TypeScript in f64"),
        threads: z
          .union([z.literal("auto"), z.number().int().min(1).max(MAX_THREADS)])
          .default("auto")
          .describe("threads; auto: all processors"),
        precision: z
          .enum(["auto", "f32", "bf16"])
          .default("auto")
          .describe("operands of products; auto: bf16 where the processor multiplies it faster"),
        memoryLimitGb: z
          .number()
          .positive()
          .max(1e6)
          .nullable()
          .default(null)
          .describe("do not begin what is estimated to take more than this, in GB; null: than what is free"),
      })
      .prefault({}),
    task: taskSchema.prefault({}),
    model: modelSchema.prefault({}),
    stages: z.array(stage).min(1).describe("what to do, in order"),
    evaluation: z
      .strictObject({
        problems: whole(
          "held-out problems each stage is measured on, greedily; left out: 1000, or all where a data set has fewer",
          1,
          1e6,
        ).optional(),
        seed: whole(
          "names the held-out problems, examples and random attempts; the same for every seed of training",
          0,
          2 ** 31 - 1,
        ).default(1),
        k: whole(
          "attempts at each problem, drawn at random beside the greedy one, for pass@k and maj@k",
          0,
          1024,
        ).default(0),
        temperature: z.number().positive().max(10).default(1).describe("temperature of the k attempts"),
        topP: z
          .number()
          .positive()
          .max(1)
          .default(1)
          .describe("smallest set of tokens with this mass, for the k attempts"),
        fewShot: whole(
          "worked examples before each question that is measured, from training problems; problems in words only",
          0,
          64,
        ).default(0),
      })
      .prefault({}),
    validation: z
      .strictObject({
        problems: whole("problems that choose the best checkpoint; 0: none", 0, 1e6).default(0),
        every: whole("steps between checkpoints that are validated", 1).default(100),
      })
      .prefault({}),
    checkpoints: z
      .strictObject({
        every: whole("steps between checkpoints", 1).default(100),
        keepLast: whole("checkpoints kept of each stage, besides the best", 1, 1e6).default(2),
      })
      .prefault({}),
  })
  .superRefine(checkStages, { when: ({ value }) => hasStages(value) });

/** A recipe with every default filled in: what `parseRecipe` gives and `runRecipe` takes. */
export type Recipe = z.output<typeof recipeSchema>;
/** One stage of a recipe, told apart by `kind`. */
export type Stage = Recipe["stages"][number];
/** A stage that imitates worked solutions. */
export type SupervisedStage = Extract<Stage, { kind: "pretrain" | "sft" }>;
/** A stage of reinforcement without a critic. */
export type RlStage = Extract<Stage, { kind: "rl" }>;
/** A stage of PPO with a critic. */
export type PpoStage = Extract<Stage, { kind: "ppo" }>;
/** A stage that trains. */
export type TrainingStage = SupervisedStage | RlStage | PpoStage;

/** Whether a stage samples attempts and learns from their rewards. */
export const isReinforcement = <S extends { kind: string }>(stage: S): stage is Extract<S, { kind: "rl" | "ppo" }> =>
  stage.kind === "rl" || stage.kind === "ppo";

import { z } from "zod";

/** Fields of an rl stage that say by which algorithm it learns. */
export const algorithmFields = {
  algorithm: z
    .enum(["grpo", "gspo", "cispo", "rloo", "reinforce"])
    .default("grpo")
    .describe("how rewards become updates; see docs/papers.md"),
  aggregation: z
    .enum(["grpo", "bnpo", "dapo", "dr_grpo"])
    .optional()
    .describe(
      "grpo: mean over attempts of token means; dapo, bnpo: over all tokens; dr_grpo: over attempts times maxNewTokens; left " +
        "out: dapo, with gspo grpo",
    ),
  scale: z
    .enum(["group", "batch", "none"])
    .optional()
    .describe("what advantages are divided by; left out: group, with reinforce batch, with rloo none"),
  advantageClamp: z.number().positive().max(1e6).optional().describe("advantages are cut to ± this; left out: never"),
  clipLow: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("ratios below 1 − clipLow are clipped; left out: 0.2, with gspo 0.0003"),
  clipHigh: z
    .number()
    .min(0)
    .max(10)
    .optional()
    .describe("ratios above 1 + clipHigh are clipped; left out: 0.28, with gspo 0.0004, with cispo 4, with rloo 0.2"),
  delta: z
    .number()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      "dual clip: with a negative advantage, ratios above this are clipped; above 1 + clipHigh; left out: never",
    ),
  beta: z.number().min(0).max(10).default(0.001).describe("weight of KL to the frozen start; 0: none"),
  klEstimator: z
    .enum(["k1", "k2", "k3"])
    .optional()
    .describe("estimate of KL from a token; left out: k3, with rloo and reinforce k1"),
  klIn: z
    .enum(["loss", "reward"])
    .optional()
    .describe("where KL counts; left out: in the loss, with rloo and reinforce in the reward"),
  klTarget: z
    .number()
    .positive()
    .max(1000)
    .optional()
    .describe("KL a token, in nats, that beta is steered to; left out: beta stays"),
  entropyBonus: z.number().min(0).max(1).default(0).describe("weight of the policy's entropy"),
  topEntropyQuantile: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe("share of tokens that are learned from, those of highest entropy; 1: all"),
  maskTruncated: z.boolean().default(false).describe("leave attempts that are cut off out of the update"),
  importanceCap: z
    .number()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      "correct for another engine's sampling, by ratios up to this; our own sampler's are exactly 1; left out: never",
    ),
  curriculum: z
    .enum(["none", "easiest", "solve-rate"])
    .default("none")
    .describe(
      "order of problems: none: shuffled; easiest: by level, then length; solve-rate: those solved 20-80 % of the time",
    ),
};

/** What `algorithmFields` say, beside what they are checked against. */
type AlgorithmChoice = z.output<z.ZodObject<typeof algorithmFields>> & { updatesPerRollout: number; resample: number };

/** What each algorithm takes for fields that are left out; of those that are missing here it takes none. */
export const algorithmDefaults = {
  grpo: { aggregation: "dapo", scale: "group", clipLow: 0.2, clipHigh: 0.28, klEstimator: "k3", klIn: "loss" },
  gspo: { aggregation: "grpo", scale: "group", clipLow: 3e-4, clipHigh: 4e-4, klEstimator: "k3", klIn: "loss" },
  cispo: { aggregation: "dapo", scale: "group", clipHigh: 4, klEstimator: "k3", klIn: "loss" },
  rloo: { scale: "none", clipLow: 0.2, clipHigh: 0.2, klEstimator: "k1", klIn: "reward" },
  reinforce: { aggregation: "dapo", scale: "batch", klEstimator: "k1", klIn: "reward" },
} as const satisfies Record<AlgorithmChoice["algorithm"], Partial<AlgorithmChoice>>;

const action = "rloo takes a completion as one action, with one advantage and the sum over its tokens: remove this";
const noRatio = "reinforce has no ratio to clip: remove this, or take algorithm: grpo";
const cutAbove = "cispo keeps every token and cuts ratios above alone: remove this, and set clipHigh";

/** Fields that mean nothing to an algorithm, with what to do about it. */
const unread: Readonly<Partial<Record<AlgorithmChoice["algorithm"], Partial<Record<keyof AlgorithmChoice, string>>>>> =
  {
    cispo: { clipLow: cutAbove, delta: cutAbove },
    rloo: { aggregation: action },
    reinforce: { clipLow: noRatio, clipHigh: noRatio, delta: noRatio },
  };

/** Refines an rl stage: its algorithm reads what it is told, and the parts of it fit each other. */
export function checkAlgorithm(stage: AlgorithmChoice, context: z.RefinementCtx): void {
  const refuse = (field: keyof AlgorithmChoice, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  const { algorithm, beta, updatesPerRollout, resample } = stage;
  for (const [field, message] of Object.entries(unread[algorithm] ?? {}))
    if (stage[field as keyof AlgorithmChoice] !== undefined) refuse(field as keyof AlgorithmChoice, message);
  const { scale, klIn, clipHigh, delta } = withAlgorithmDefaults(stage);
  if (algorithm === "rloo" && stage.topEntropyQuantile < 1) refuse("topEntropyQuantile", action);
  if (algorithm === "reinforce" && updatesPerRollout > 1)
    refuse(
      "updatesPerRollout",
      `reinforce has no ratio, so it holds for 1 update on a rollout, got ${updatesPerRollout}; take algorithm: grpo`,
    );
  if ((algorithm === "rloo" || algorithm === "reinforce") && scale === "group")
    refuse("scale", `${algorithm} has a baseline other than its group's mean: expected batch or none, got group`);
  if (delta !== undefined && clipHigh !== undefined && !unread[algorithm]?.delta && delta <= 1 + clipHigh)
    refuse("delta", `expected more than 1 + clipHigh, ${1 + clipHigh}, got ${delta}`);
  if (beta === 0) {
    const none = "beta is 0, so KL is not measured: remove this, or set beta";
    if (stage.klTarget !== undefined) refuse("klTarget", none);
    for (const field of ["klEstimator", "klIn"] as const)
      if ((stage[field] ?? algorithmDefaults[algorithm][field]) !== algorithmDefaults[algorithm][field])
        refuse(field, none);
    return;
  }
  if (klIn !== "reward") return;
  if (scale === "group")
    refuse(
      "klIn",
      "with scale: group, KL alone would rule every group whose attempts are equally good; set scale: batch or none, or klIn: loss",
    );
  if (resample > 0) refuse("resample", "with klIn: reward, no group is without spread: set this to 0, or klIn: loss");
}

/** A stage with everything filled in that its algorithm leaves open. */
export function withAlgorithmDefaults<S extends AlgorithmChoice>(stage: S): S {
  const given = Object.entries(stage).filter(([, value]) => value !== undefined);
  return { ...stage, ...algorithmDefaults[stage.algorithm], ...Object.fromEntries(given) };
}

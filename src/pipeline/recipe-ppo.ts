import { z } from "zod";

const whole = (doc: string, low: number, high: number) => z.number().int().min(low).max(high).describe(doc);
const share = (doc: string) => z.number().min(0).max(1).describe(doc);

/** What a stage of PPO is told that one of GRPO is not, or by another default. */
export const ppoFields = {
  promptsPerStep: whole("problems per rollout", 1, 1e6).default(128),
  group: whole("attempts at each problem", 1, 1024).default(1),
  learningRate: z.number().positive().max(1).default(1e-5).describe("peak learning rate of the policy"),
  valueLearningRate: z.number().positive().max(1).default(5e-5).describe("peak learning rate of the value head"),
  minibatch: whole(
    "attempts of one optimizer update, a multiple of group; left out: 128, or the next multiple",
    1,
    1e6,
  ).optional(),
  updateEpochs: whole("passes over the attempts of each rollout", 1, 64).default(4),
  critic: z
    .enum(["token", "sequence"])
    .default("token")
    .describe(
      "token: a value for every token, advantages by GAE; sequence: one value and one advantage for an attempt",
    ),
  gamma: share("GAE: what a reward one token later is worth").default(1),
  lambda: share("GAE: 0 trusts the next value alone, 1 the rewards alone").default(0.95),
  bootstrapCut: z
    .boolean()
    .default(false)
    .describe("GAE: a cut attempt goes on being worth its last value, instead of being over"),
  normalizeAdvantages: z.boolean().default(true).describe("bring advantages to mean 0, deviation 1 over each rollout"),
  clip: z.number().positive().max(10).default(0.2).describe("ratios outside 1 ± clip are clipped"),
  valueClip: z
    .number()
    .positive()
    .max(1e6)
    .nullable()
    .default(0.2)
    .describe("how far a value may move on one rollout; null: as far as it goes"),
  valueCoefficient: z.number().min(0).max(100).default(0.1).describe("weight of the critic's loss"),
  entropyBonus: z.number().min(0).max(1).default(0).describe("weight of the policy's entropy"),
  beta: z.number().min(0).max(10).default(0.01).describe("weight of KL to the frozen start; 0: none"),
  klIn: z
    .enum(["reward", "loss"])
    .default("reward")
    .describe("reward: KL (k1) is taken off each token's reward; loss: KL (k3) is added to the loss"),
  klStop: z
    .number()
    .positive()
    .max(100)
    .nullable()
    .default(null)
    .describe("end a rollout's updates when the policy has moved this far from its sampler, nats a token; null: never"),
};

/** Refines a stage of PPO: its minibatches hold whole groups, and only a critic of tokens has a value where a cut is. */
export function checkPpo(
  { group, minibatch, critic, bootstrapCut }: { [name in "group" | "minibatch" | "critic" | "bootstrapCut"]?: unknown },
  context: z.RefinementCtx,
): void {
  const refuse = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
  if (typeof minibatch === "number" && typeof group === "number" && minibatch % group !== 0)
    refuse(
      "minibatch",
      `expected a multiple of group, ${group}, got ${minibatch}; attempts at a problem stay together`,
    );
  if (bootstrapCut === true && critic === "sequence")
    refuse("bootstrapCut", "a critic of whole attempts has no value of where one is cut: remove this, or critic");
}

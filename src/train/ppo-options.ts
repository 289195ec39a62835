import type { GaeOptions } from "../advantage/gae.ts";
import { centredRewards } from "../advantage/sequence.ts";
import { ConfigError } from "../base/errors.ts";
import { type CriticLoss, type PpoOptions, ppoLoss } from "../loss/ppo.ts";
import { completeSampling, type SamplingOptions } from "../rollout/sampling.ts";
import type { ScheduleOptions } from "../update/schedule.ts";
import type { CompleteGrpoOptions, GrpoTrainingOptions } from "./grpo-options.ts";

/** What PPO shares with GRPO: what is sampled, how it is scored, and how a pass is run. */
type SharedOptions = Pick<
  GrpoTrainingOptions,
  | "schedule"
  | "sampling"
  | "promptsPerStep"
  | "drafts"
  | "microBatchTokens"
  | "gradientCheckpointing"
  | "balanceCoefficient"
  | "rewardWeights"
  | "seed"
  | "peakFlops"
>;

/** Everything PPO training is told, besides the model, the critic, the prompts and how to grade. */
export interface PpoTrainingOptions extends SharedOptions {
  /** Highest learning rate of the value head, on the policy's schedule; default 5e-5. */
  valueLearningRate?: number;
  /** K attempts at each prompt, from 1; default 1. */
  group?: number;
  /** Attempts of one optimizer update, a multiple of `group`; default 128, or the next multiple. A pass of them may end with fewer. */
  minibatch?: number;
  /** Passes over the attempts of a rollout; default 4. */
  updateEpochs?: number;
  /**
   * `token`, the default: every token has a value, and an advantage by GAE; `sequence`: an attempt has one of each, see
   * `sequenceAdvantages`.
   */
  critic?: PpoOptions["critic"];
  /** Of GAE; default gamma 1, lambda 0.95. */
  gae?: GaeOptions;
  /** Whether a cut attempt goes on being worth its last value (GAE only); default false: it is over, having said nothing. */
  bootstrapCut?: boolean;
  /** Whether advantages are whitened over a rollout; default true. */
  normalizeAdvantages?: boolean;
  /** Where KL to the reference counts: taken off each token's reward, the default, or in the loss. */
  klIn?: "reward" | "loss";
  /** Weight of KL to the reference, where the run has one; default 0.05. */
  beta?: number;
  /** KL(sampler ‖ policy) at which a rollout's updates end, as a token mean; default null: never. */
  klStop?: number | null;
  /** Ratios outside 1 ± clip stop counting; default 0.2. */
  clip?: number;
  /** How far a value may move on one rollout; null: as far as it goes; default 0.2. */
  valueClip?: number | null;
  /** Weight of the critic's loss; default 0.1. */
  valueCoefficient?: number;
  /** Weight of the entropy bonus; default 0. */
  entropyBonus?: number;
}

/** PPO options with nothing left open. */
export type CompletePpoOptions = Required<PpoTrainingOptions> & {
  sampling: Required<SamplingOptions>;
  schedule: ScheduleOptions;
} & Pick<CompleteGrpoOptions, "resample" | "advantages">;

/**
 * Fills in what was left out.
 *
 * @throws ConfigError listing everything that is out of range
 */
export function completePpoOptions(options: PpoTrainingOptions): CompletePpoOptions {
  const { group = 1 } = options;
  const complete: CompletePpoOptions = {
    promptsPerStep: 128,
    drafts: true,
    microBatchTokens: 8192,
    gradientCheckpointing: false,
    balanceCoefficient: 0.01,
    rewardWeights: { correct: 1 },
    seed: 0,
    peakFlops: null,
    valueLearningRate: 5e-5,
    group,
    minibatch: group * Math.ceil(128 / group),
    updateEpochs: 4,
    critic: "token",
    gae: { gamma: 1, lambda: 0.95 },
    bootstrapCut: false,
    normalizeAdvantages: true,
    klIn: "reward",
    beta: 0.05,
    klStop: null,
    clip: 0.2,
    valueClip: 0.2,
    valueCoefficient: 0.1,
    entropyBonus: 0,
    ...defined(options),
    schedule: options.schedule,
    sampling: completeSampling(options.sampling),
    resample: 0,
    advantages: centredRewards,
  };
  checkOptions(complete);
  return complete;
}

/** The options without those that are there but undefined, which would hide their defaults. */
const defined = (options: PpoTrainingOptions): PpoTrainingOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;

function checkOptions(options: CompletePpoOptions): void {
  const problems: string[] = [];
  for (const name of ["promptsPerStep", "group", "minibatch", "updateEpochs", "microBatchTokens"] as const)
    if (!Number.isInteger(options[name]) || options[name] < 1)
      problems.push(`${name}: expected a whole number from 1, got ${options[name]}`);
  for (const name of ["gamma", "lambda"] as const)
    if (!(options.gae[name] >= 0 && options.gae[name] <= 1))
      problems.push(`${name}: expected a number from 0 to 1, got ${options.gae[name]}`);
  if (options.minibatch % options.group !== 0)
    problems.push(`minibatch: expected a multiple of group, ${options.group}, got ${options.minibatch}`);
  if (options.bootstrapCut && options.critic === "sequence")
    problems.push("bootstrapCut: a critic of whole attempts has no value of where one is cut; use critic token");
  for (const name of ["klStop", "valueClip"] as const)
    if (!((options[name] ?? 1) > 0)) problems.push(`${name}: expected a number above 0, or null, got ${options[name]}`);
  if (problems.length > 0) throw new ConfigError(`PPO: ${problems.join("; ")}`);
}

/** The loss that the options describe. */
export const lossOf = ({ klIn, beta, ...options }: CompletePpoOptions): CriticLoss => {
  const loss = { ...options, beta: klIn === "loss" ? beta : 0 };
  return (batch, whole) => ppoLoss(batch, loss, whole);
};

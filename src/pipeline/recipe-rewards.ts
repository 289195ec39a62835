import { dirname, isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { nearest } from "../base/nearest.ts";
import { rewardKinds } from "../reward/registry.ts";
import { isRewardFile } from "../reward/reward-file.ts";
import { type SimilarityOptions, similarityOptions } from "../reward/similarity-options.ts";

/** Weights of the parts that a task grades by itself. */
const partWeights = z
  .strictObject({
    correct: z.number().default(0).describe("weight of the answer being right"),
    format: z.number().default(0).describe("weight of the expected form"),
    steps: z
      .number()
      .default(0)
      .describe("weight of the share of worked steps, or of equations written out, that are true"),
    flexible: z
      .number()
      .default(0)
      .describe("problems in words: weight of the answer being right, in the expected form or as the last number"),
    setup: z
      .number()
      .default(0)
      .describe("problems in words: weight of the last equation's left side having the right value"),
  })
  .superRefine((weights, context) => {
    if (Object.values(weights).some((weight) => weight !== 0)) return;
    context.addIssue({
      code: "custom",
      path: [],
      message: "every weight is 0: nothing would be learned; e.g. correct: 1",
    });
  });

/** One reward of a list. */
export const rewardUseSchema = z
  .strictObject({
    use: z
      .string()
      .min(1)
      .describe("a reward by its name, or a .ts or .js file, relative to the recipe's, whose default export is one"),
    weight: z
      .union([z.number(), z.record(z.string(), z.number())])
      .default(1)
      .describe("what its parts are multiplied by; or weights of parts by name, others then counting nothing"),
    options: z.record(z.string(), z.unknown()).prefault({}).describe("what the reward is told, see docs/rewards.md"),
    timeLimit: z
      .number()
      .positive()
      .max(3600)
      .optional()
      .describe("files: seconds that the promises of one step may take; left out: 60"),
  })
  .superRefine(({ use, options, timeLimit }, context) => {
    const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message });
    if (isRewardFile(use)) return;
    if (timeLimit !== undefined) refuse(["timeLimit"], "only a file's promises are waited for: remove this");
    const kind = Object.hasOwn(rewardKinds, use) ? rewardKinds[use] : null;
    if (kind === null) {
      const names = Object.keys(rewardKinds);
      const near = nearest(use, names);
      const hint = near ? `did you mean ${near}?` : `rewards: ${names.join(", ")}`;
      return refuse(["use"], `there is no reward ${use}; ${hint}; a file is written ./${use}.ts`);
    }
    const checked = kind.options.safeParse(options);
    for (const issue of checked.error?.issues ?? []) refuse(["options", ...issue.path], `${use}: ${issue.message}`);
  });

/** An rl stage's `rewards`: weights of the task's own parts, or a list of rewards. */
export const rewardsSchema = z
  .union([partWeights, z.array(rewardUseSchema).min(1)])
  .prefault({ correct: 1 })
  .describe("what attempts are rewarded for: weights of the task's parts, or a list of rewards");

/** `rewards` with its defaults filled in. */
export type RewardSettings = z.output<typeof rewardsSchema>;
/** One reward of a list with its defaults filled in. */
export type RewardUse = z.output<typeof rewardUseSchema>;

/** How the rewards of a stage compare texts, one for each that does. */
export function similaritiesOf(rewards: RewardSettings): SimilarityOptions[] {
  if (!Array.isArray(rewards)) return [];
  return rewards
    .filter(({ use }) => !isRewardFile(use) && rewardKinds[use].options === similarityOptions)
    .map(({ options }) => similarityOptions.parse(options));
}

/**
 * Finds the rewards of a stage that are of the other kind of task.
 *
 * @param rewards anything may stand there
 * @param refuse told where, within `rewards`, and what is wrong
 */
export function findForeignRewards(
  rewards: unknown,
  task: "words" | "arithmetic",
  refuse: (path: PropertyKey[], message: string) => void,
): void {
  const other = task === "words" ? "arithmetic" : "problems in words";
  const foreign = (name: unknown) =>
    typeof name === "string" && Object.hasOwn(rewardKinds, name) && !["any", task].includes(rewardKinds[name].tasks);
  if (Array.isArray(rewards)) {
    for (const [i, one] of rewards.entries())
      if (foreign((one as { use?: unknown } | null)?.use)) refuse([i, "use"], `this reward is of ${other}: remove it`);
    return;
  }
  for (const [part, weight] of Object.entries(rewards ?? {}))
    if (weight && foreign(part)) refuse([part], `this part is of ${other}: remove this weight`);
}

/** Stages whose rewards are files relative to the recipe's, with absolute paths: a run is resumed from anywhere. */
export function locateRewardFiles<S extends { kind: string }>(stages: readonly S[], recipeFile: string): S[] {
  const located = (one: RewardUse): RewardUse =>
    isRewardFile(one.use) && !isAbsolute(one.use) ? { ...one, use: resolve(dirname(recipeFile), one.use) } : one;
  return stages.map((stage) => {
    const { rewards } = stage as { rewards?: RewardSettings };
    return Array.isArray(rewards) ? { ...stage, rewards: rewards.map(located) } : stage;
  });
}

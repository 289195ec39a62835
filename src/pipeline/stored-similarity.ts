import { ConfigError } from "../base/errors.ts";
import { openDevice } from "../engine/registry.ts";
import type { Recipe } from "./recipe.ts";
import { type RewardSettings, similaritiesOf } from "./recipe-rewards.ts";
import { type OpenSimilarity, openSimilarity, referencesOf } from "./similarity.ts";
import type { StoredTask } from "./stored-task.ts";

/**
 * Similarity for attempts that a run has stored, by encoders alone: the run's model is not opened. It has a device of its own
 * like the run's.
 *
 * @param stored task and problems of the run
 * @returns null where no reward compares texts
 * @throws ConfigError when texts are to be embedded by the policy; DeviceError
 */
export function openStoredSimilarity(
  rewards: RewardSettings,
  recipe: Pick<Recipe, "device" | "task">,
  { task, trained }: Pick<StoredTask, "task" | "trained">,
): OpenSimilarity | null {
  const asked = similaritiesOf(rewards);
  if (asked.length === 0) return null;
  if (asked.some(({ encoder }) => encoder === "policy")) throw withoutPolicy();
  const device = openDevice(recipe.device);
  const { similarity, close } = openSimilarity({
    device,
    base: () => Promise.reject(withoutPolicy()),
    tokenizer: task.tokenizer,
    references: () => referencesOf(recipe.task, trained),
  });
  return {
    similarity,
    async close() {
      await close();
      device.close();
    },
  };
}

const withoutPolicy = (): ConfigError =>
  new ConfigError(
    "rewards: encoder: policy embeds texts by the run's model, which is not opened to score stored attempts again; name an " +
      "encoder, e.g. --reward '{use: similarity, options: {encoder: sentence-transformers/all-MiniLM-L6-v2}}', or other rewards",
  );

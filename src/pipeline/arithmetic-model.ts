import { loadModel, readModelManifest, saveModel } from "../model/checkpoint.ts";
import { mathFormer } from "../model/config.ts";
import { createPolicy, freezePolicy } from "../model/policy.ts";
import { MathTokenizer } from "../prompt/math-tokenizer.ts";
import type { ModelStore } from "./model-store.ts";
import type { Recipe } from "./recipe.ts";
import { modelIdentity } from "./start-model.ts";

/** The model of an arithmetic recipe: fresh weights of the shape it describes, or a model reckon wrote; all of it trained. */
export function arithmeticModel({ model, task, seed }: Pick<Recipe, "model" | "task" | "seed">): ModelStore {
  const tokenizer = new MathTokenizer();
  const { from = null } = model;
  return {
    tokenizer,
    identity: () => modelIdentity(from),
    plan() {
      const config = from === null ? mathFormer(model, tokenizer.vocabularySize) : readModelManifest(from).model;
      return { config, frozen: null, lora: null };
    },
    notes: () => [],
    async open(device, checkpoint) {
      const directory = checkpoint ?? from;
      if (directory !== null) return loadModel(device, directory, { trained: true }).policy;
      return createPolicy(device, mathFormer(model, tokenizer.vocabularySize), { seed, trained: true });
    },
    async freeze(policy, moment) {
      if (moment.kind === "now") return freezePolicy(policy);
      const directory = moment.kind === "checkpoint" ? moment.path : from;
      return directory === null
        ? createPolicy(policy.device, policy.config, { seed, trained: false })
        : loadModel(policy.device, directory, { trained: false }).policy;
    },
    save: (dir, policy) => saveModel(dir, policy, { tokenizer: "math", task }),
  };
}

import type { Device } from "../engine/device.ts";
import { loadAdapter, saveAdapter } from "../model/adapter-checkpoint.ts";
import { writeMerged } from "../model/export.ts";
import { attachLora, attachModules } from "../model/lora.ts";
import { freezePolicy, type Policy } from "../model/policy.ts";
import { frozenFormatOf, loadPretrained, pretrainedNotes, withContext } from "../model/pretrained.ts";
import { placeDecoder } from "../model/pretrained-places.ts";
import { openPretrained } from "../model/pretrained-source.ts";
import type { ResolvedModel } from "../model/resolve-model.ts";
import type { TextTokenizer } from "../prompt/text-tokenizer.ts";
import { tokenizerFiles } from "../prompt/tokenizer-files.ts";
import type { ModelPlan } from "../train/counted-policy.ts";
import { identityOf } from "./model-identity.ts";
import type { ModelStore } from "./model-store.ts";
import type { Recipe } from "./recipe.ts";

/**
 * A published model as a recipe trains it: whole, or frozen with an adapter. Checkpoints of an adapter hold the adapter
 * and the name of its base, in PEFT's format; those of a whole model are checkpoints in Hugging Face's layout, in f32.
 */
export function publishedModel(
  { model, task, seed }: Pick<Recipe, "model" | "task" | "seed">,
  resolved: ResolvedModel,
  tokenizer: TextTokenizer,
): ModelStore {
  const { lora, weights: frozen, context, trainRouter } = model;
  const from = model.from as string;
  const identity = identityOf(resolved);
  const load = (device: Device, trained: boolean, at: Pick<ResolvedModel, "kind" | "path"> = resolved) =>
    loadPretrained(device, at, { trained, trainRouter, frozen: lora ? frozen : "f32", context });
  const inCheckpoint = (path: string) => ({ kind: "directory" as const, path });
  let modelType = "";

  /** The adapter of `policy` as it is now, on the same frozen weights, which take no further memory. */
  const copyAdapter = (policy: Policy): Policy => {
    const { options, modules } = policy.adapter!;
    const copy = attachModules(freezePolicy(policy), options, modules, { trained: false, filled: false });
    copy.parameters.copyFrom(policy.parameters);
    return copy;
  };

  let description: Description | null = null;
  /** What the model's files say besides their weights, read once. */
  const described = (): Description => (description ??= describe(resolved, { ...model, seed }));

  return {
    tokenizer,
    identity: async () => identity,
    notes: () => described().notes,
    plan: () => described().plan,
    async open(device, checkpoint) {
      const loaded = load(device, lora === null, lora || checkpoint === null ? resolved : inCheckpoint(checkpoint));
      modelType = loaded.modelType;
      if (lora === null) return loaded.policy;
      if (checkpoint !== null) return loadAdapter(loaded.policy, checkpoint, { identity, trained: true });
      return attachLora(loaded.policy, { ...lora, seed });
    },
    async freeze(policy, moment) {
      if (lora === null) {
        if (moment.kind === "now") return freezePolicy(policy);
        const at = moment.kind === "checkpoint" ? inCheckpoint(moment.path) : resolved;
        return load(policy.device, false, at).policy;
      }
      if (moment.kind === "start") return freezePolicy(policy);
      if (moment.kind === "now") return copyAdapter(policy);
      return loadAdapter(freezePolicy(policy), moment.path, { identity, trained: false });
    },
    async save(dir, policy) {
      if (lora) await saveAdapter(dir, policy, { base: { from, identity, modelType }, task });
      else {
        const files = tokenizerFiles(tokenizer);
        await writeMerged(policy, dir, { modelType, baseDirectory: directoryOf(resolved), files, dtype: "F32" });
      }
    },
  };
}

const directoryOf = ({ kind, path }: ResolvedModel): string | null => (kind === "directory" ? path : null);

/** What is known of a model before its weights are read. */
interface Description {
  plan: ModelPlan;
  notes: readonly string[];
}

function describe(
  resolved: ResolvedModel,
  { lora, weights, context, trainRouter, seed }: Recipe["model"] & { seed: number },
): Description {
  const pretrained = openPretrained(resolved);
  try {
    const arrays = placeDecoder(pretrained);
    const inFormat = (array: (typeof arrays)[number]) => ({ ...array, format: frozenFormatOf(array, weights) });
    return {
      plan: {
        config: withContext(pretrained.config, context),
        frozen: lora ? arrays.map(inFormat) : null,
        lora: lora && { ...lora, seed },
        frozenRouters: lora === null && pretrained.config.experts > 0 && !trainRouter,
      },
      notes: pretrainedNotes(pretrained, context),
    };
  } finally {
    pretrained.source.close();
  }
}

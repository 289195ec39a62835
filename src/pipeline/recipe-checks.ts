import type { z } from "zod";
import { decoderProblems, type MathFormerOptions, mathFormerConfig } from "../model/config.ts";
import { findForeignRewards } from "./recipe-rewards.ts";

/** What no single field of a recipe shows: how fields fit each other. Each check adds its problems under their paths. */

/** What `checkModel` reads. */
type ModelFields = MathFormerOptions & {
  from?: string;
  lora: object | null;
  weights: string;
  trainRouter: boolean;
  gradientCheckpointing: boolean;
  context?: number;
};

/** Refines `model`: its parts fit each other, and beside `from` there are none. */
export function checkModel(model: ModelFields, context: z.RefinementCtx): void {
  const refuse = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
  const { from, lora, weights, trainRouter, gradientCheckpointing: _, context: length, ...shape } = model;
  if (lora && trainRouter) refuse("trainRouter", "an adapter has its own: remove this, and set model.lora.router");
  if (from !== undefined) {
    for (const [field, value] of Object.entries(shape))
      if (value !== undefined && value !== defaults[field])
        refuse(field, "model.from decides the shape: remove this field, or from to begin with fresh weights");
    return;
  }
  if (lora) refuse("lora", "an adapter needs a model to adapt: set model.from");
  if (weights !== "stored") refuse("weights", "fresh weights are trained, in f32: remove this, or set model.from");
  if (trainRouter && !lora) refuse("trainRouter", "fresh weights are trained, routers and all: remove this");
  if (length !== undefined) refuse("context", "fresh weights have no longest sequence to shorten: remove this");
  // Any vocabulary will do: the task's tokenizer decides it, not the recipe.
  for (const { field, text } of decoderProblems(mathFormerConfig(shape, 2))) {
    if (field === "headDim") refuse("heads", `${text} for each head (width / heads)`);
    else refuse(field, text);
  }
  if (!shape.experts && shape.activeExperts)
    refuse("activeExperts", `expected 0 without experts, got ${shape.activeExperts}; set model.experts, or this to 0`);
}

/** Fields of a shape that a resolved recipe always has; beside `from` they mean nothing and do no harm. */
const defaults: Readonly<Record<string, string>> = { size: "tiny", block: "mathformer" };

/** What `checkStages` reads; anything may stand there, since it runs beside other problems, too. */
interface StagedRecipe {
  model?: Partial<Record<"from" | "lora" | "weights" | "trainRouter" | "context", unknown>> | null;
  task?: { kind?: unknown } | null;
  evaluation?: { fewShot?: unknown } | null;
  stages: readonly (StageFields | null)[];
}

type StageFields = Partial<
  Record<"kind" | "name" | "steps" | "epochs" | "workedSolutions" | "problems" | "rewards", unknown>
>;

/** Whether there is a list of stages for `checkStages` to look at. */
export const hasStages = (recipe: unknown): boolean =>
  Array.isArray((recipe as Partial<StagedRecipe> | null | undefined)?.stages);

/**
 * Refines a recipe: names of stages differ, only a first stage starts from nothing, each says how long it is, what has no
 * end says how much of it there is, and nothing is said that this kind of task has no use for.
 */
export function checkStages({ model, task, evaluation, stages }: StagedRecipe, context: z.RefinementCtx): void {
  const names = new Set<unknown>();
  const words = task?.kind === "words";
  if (words && model?.from === undefined)
    context.addIssue({
      code: "custom",
      path: ["model", "from"],
      message: "problems in words need a model that has language: a directory, a .gguf file or a hub id",
    });
  if (!words && Number(evaluation?.fewShot ?? 0) > 0)
    context.addIssue({
      code: "custom",
      path: ["evaluation", "fewShot"],
      message: "a model of arithmetic has seen no examples in a prompt: remove this",
    });
  if (!words && model?.from !== undefined) refuseLanguageFields(model, context);
  stages.forEach((stage, i) => {
    const { name, kind, steps, epochs, workedSolutions, problems, rewards } = stage ?? {};
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: "custom", path: ["stages", i, ...field.split(".")], message });
    if (name !== undefined && names.has(name)) refuse("name", `two stages are named ${name}`);
    names.add(name);
    if (kind === "pretrain" && (i > 0 || model?.from !== undefined))
      refuse("kind", "pretrain starts from nothing: only as the first stage, without model.from; use sft");
    const reinforces = kind === "rl" || kind === "ppo";
    if (kind !== "pretrain" && kind !== "sft" && !reinforces) return;
    if (steps === undefined && epochs === undefined) refuse("steps", "missing; say steps, or epochs");
    if (steps !== undefined && epochs !== undefined) refuse("epochs", "steps are given, too: remove one of them");
    findForeignRewards(rewards, words ? "words" : "arithmetic", (path, message) =>
      context.addIssue({ code: "custom", path: ["stages", i, "rewards", ...path], message }),
    );
    if (words) return;
    if (reinforces && problems === undefined) refuse("problems", "missing; say how many expressions there are");
    if (!reinforces && workedSolutions === undefined)
      refuse("workedSolutions", "missing; say how many worked solutions there are");
  });
}

/** A model of arithmetic is trained whole, as reckon wrote it. */
function refuseLanguageFields(
  { lora, weights, trainRouter, context: length }: NonNullable<StagedRecipe["model"]>,
  context: z.RefinementCtx,
): void {
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: ["model", field], message: `${message}: remove this` });
  if (lora !== undefined && lora !== null) refuse("lora", "a model of arithmetic is trained whole");
  if (weights !== undefined && weights !== "stored")
    refuse("weights", "a model of arithmetic is trained whole, in f32");
  if (trainRouter === true) refuse("trainRouter", "a model of arithmetic is trained whole, routers and all");
  if (length !== undefined) refuse("context", "a model of arithmetic keeps its own longest sequence");
}

import type { z } from "zod";
import { decoderProblems, type MathFormerOptions, mathFormerConfig } from "../model/config.ts";

/** What no single field of a recipe shows: how fields fit each other. Each check adds its problems under their paths. */

/** Refines `model`: its parts fit each other, and beside `from` there are none. */
export function checkModel(model: MathFormerOptions & { from?: string }, context: z.RefinementCtx): void {
  const refuse = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
  const { from, ...shape } = model;
  if (from !== undefined) {
    for (const [field, value] of Object.entries(shape))
      if (value !== undefined && value !== defaults[field])
        refuse(field, "model.from decides the shape: remove this field, or from to begin with fresh weights");
    return;
  }
  // Any vocabulary will do: the task's tokenizer decides it, not the recipe.
  for (const { field, text } of decoderProblems(mathFormerConfig(shape, 2))) {
    if (field === "headDim") refuse("heads", `${text} for each head (width / heads)`);
    else refuse(field, text);
  }
  if (!shape.experts && shape.activeExperts)
    refuse("activeExperts", `expected 0 without experts, got ${shape.activeExperts}; set model.experts, or this to 0`);
}

/** Fields of `model` that a resolved recipe always has; beside `from` they mean nothing and do no harm. */
const defaults: Readonly<Record<string, string>> = { size: "tiny", block: "mathformer" };

/** Refines an rl stage's `rewards`: something is rewarded. */
export function checkRewards(weights: Readonly<Record<string, number>>, context: z.RefinementCtx): void {
  if (Object.values(weights).some((weight) => weight !== 0)) return;
  context.addIssue({
    code: "custom",
    path: [],
    message: "every weight is 0: nothing would be learned; e.g. correct: 1",
  });
}

/** What `checkStages` reads; anything may stand there, since it runs beside other problems, too. */
interface StagedRecipe {
  model?: { from?: unknown };
  stages: readonly ({ kind?: unknown; name?: unknown } | null)[];
}

/** Whether there is a list of stages for `checkStages` to look at. */
export const hasStages = (recipe: unknown): boolean =>
  Array.isArray((recipe as Partial<StagedRecipe> | null | undefined)?.stages);

/** Refines a recipe: names of stages differ, and only a first stage starts from nothing. */
export function checkStages({ model, stages }: StagedRecipe, context: z.RefinementCtx): void {
  const names = new Set<unknown>();
  stages.forEach((stage, i) => {
    const { name, kind } = stage ?? {};
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: "custom", path: ["stages", i, field], message });
    if (name !== undefined && names.has(name)) refuse("name", `two stages are named ${name}`);
    names.add(name);
    if (kind === "pretrain" && (i > 0 || model?.from !== undefined))
      refuse("kind", "pretrain starts from nothing: only as the first stage, without model.from; use sft");
  });
}

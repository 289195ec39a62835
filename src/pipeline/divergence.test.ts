import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TrainingError } from "../base/errors.ts";
import type { StepReport } from "../train/hooks.ts";
import { explainDivergence, SavedCheckpoints } from "./divergence.ts";
import { parseRecipe } from "./parse-recipe.ts";

const text = "name: a\nstages: [{ kind: sft, name: sft, workedSolutions: 9, steps: 1, learningRate: 0.5 }]";
const [stage] = parseRecipe(text).stages;
const step = (loss: number, entropy = 1): StepReport => ({
  step: 0,
  tokens: 0,
  metrics: { loss, entropy },
  experts: [],
  groups: [],
});
const message = (saved: SavedCheckpoints) =>
  explainDivergence(new TrainingError("the loss is NaN"), stage as never, 8, saved).message;

it("calls a checkpoint good once a finite loss followed it, and warns of one that none followed", () => {
  const dir = mkdtempSync(join(tmpdir(), "reckon-divergence-"));
  const [first, second] = ["sft-2", "sft-4"].map((name) => join(dir, name));
  for (const path of [first, second]) mkdirSync(path);
  const saved = new SavedCheckpoints(null);
  expect(message(saved)).toMatch(/^stage sft, step 8: the loss is NaN; no checkpoint is known to be good\. Try/);
  saved.followedBy(step(1));
  saved.add(first);
  expect(message(saved)).toContain(`no finite loss followed ${first}: delete it`);
  saved.followedBy(step(0, Number.NaN));
  expect(message(saved)).toContain("no checkpoint is known to be good");
  saved.followedBy(step(1));
  expect(message(saved)).toContain(`the last good checkpoint is ${first}.`);
  saved.add(second);
  expect(message(saved)).toContain(`no finite loss followed ${second}: delete it before resuming; `);
  expect(message(saved)).toContain(`the last good checkpoint is ${first}.`);
  // Retention may have deleted it since.
  rmSync(first, { recursive: true });
  expect(message(saved)).toContain("no checkpoint is known to be good");
  rmSync(dir, { recursive: true });
});

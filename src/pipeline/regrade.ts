import { join } from "node:path";
import { replaceFile } from "../base/atomic-file.ts";
import { parseConfig } from "../base/config.ts";
import { DataError } from "../base/errors.ts";
import type { PromptedAttempt, RewardParts } from "../records/attempt.ts";
import type { AttemptRecord } from "../records/events.ts";
import type { Problem } from "../records/problem.ts";
import { weighReward } from "../reward/reward.ts";
import { readAttempts, readRecipe, readRun, readSamples } from "../runs/run-reader.ts";
import { type Recipe, recipeSchema } from "./recipe.ts";
import type { RewardSettings, RewardUse } from "./recipe-rewards.ts";
import { openGrading, type StageGrading } from "./stage-rewards.ts";
import { openStoredSimilarity } from "./stored-similarity.ts";
import { storedTask } from "./stored-task.ts";

/** What one part, or the reward that is their sum, came to over some attempts. */
export interface PartTotals {
  /** Over the attempts that have it; null where none has. */
  mean: number | null;
  /** Attempts that have it. */
  scored: number;
}

/** A part before and after. */
export interface PartChange {
  /** `reward` is the weighted sum. */
  part: string;
  /** Null: the run did not have it. */
  before: PartTotals | null;
  after: PartTotals | null;
  /** Attempts of which it is another now. */
  changed: number;
}

/** What scoring a run's attempts again came to. */
export interface Regraded {
  run: string;
  /** Where every attempt is, scored again. */
  out: string;
  /** What each part counts for. */
  weights: Record<string, number>;
  /** Attempts of training and of evaluations, apart. */
  sources: { source: "attempts" | "samples"; attempts: number; parts: PartChange[] }[];
  /** What could not be done as in training. */
  remarks: string[];
}

/** Attempts that are scored together. */
const BATCH = 256;

/**
 * Scores the attempts that a run has stored again, without its model, and writes them to a file of their own; the run's
 * files stay as they are. Token ids and log-probabilities are not stored: a reward sees how many tokens there were, −1 each,
 * and NaN for log-probabilities, so that one that uses them fails rather than scores wrongly.
 *
 * @param options rewards: as in a recipe; null: those of the run's own first stage that reinforces, else `correct`;
 * out: default `regraded.jsonl` in the run
 * @throws DataError when there is no run, or it has no attempts; ConfigError, RewardError as `openGrading` and
 * `openStoredSimilarity`
 */
export async function regradeRun(
  dir: string,
  { rewards, out = join(dir, "regraded.jsonl") }: { rewards: readonly RewardUse[] | null; out?: string },
): Promise<Regraded> {
  readRun(dir);
  const recipe = parseConfig(readRecipe(dir), recipeSchema, join(dir, "recipe.yaml"));
  const stored = await storedTask(recipe);
  const { task, problems, remarks } = stored;
  const prompted = (record: AttemptRecord) => promptedOf(record, problems.get(record.problem));
  const [first] = [...firstOf(readAttempts(dir)), ...firstOf(readSamples(dir))];
  if (first === undefined)
    throw new DataError(`${dir}: expected attempts, found none; the run was never sampled or measured`);
  const asked = rewards === null ? ownRewards(recipe) : [...rewards];
  const comparing = openStoredSimilarity(asked, recipe, stored);
  try {
    const setting = { task, settings: recipe.task, similarity: comparing?.similarity };
    const stage = await openGrading(asked, [prompted(first)], setting);
    const sources = await writeRegraded(dir, out, prompted, stage);
    return { run: dir, out, weights: stage.weights, sources, remarks };
  } finally {
    await comparing?.close();
  }
}

/** Writes every attempt of a run, scored again, all of them or none. */
async function writeRegraded(
  dir: string,
  out: string,
  prompted: (record: AttemptRecord) => PromptedAttempt,
  stage: StageGrading,
): Promise<Regraded["sources"]> {
  return replaceFile(out, async (write) => {
    const sources: Regraded["sources"] = [];
    for (const [source, records] of [
      ["attempts", readAttempts(dir)],
      ["samples", readSamples(dir)],
    ] as const) {
      const found = await regradeAll(records, prompted, stage, (lines) => write(Buffer.from(lines)));
      if (found.attempts > 0) sources.push({ source, ...found });
    }
    return sources;
  });
}

function ownRewards({ stages }: Recipe): RewardSettings {
  for (const stage of stages) if ("rewards" in stage) return stage.rewards;
  return { correct: 1, format: 0, steps: 0, flexible: 0, setup: 0 };
}

function* firstOf<T>(all: Iterable<T>): Generator<T> {
  for (const one of all) return yield one;
}

/** A stored attempt as graders see it. */
function promptedOf(record: AttemptRecord, known: Problem | undefined): PromptedAttempt {
  const { problem: id, question, gold, completion, stop, tokens } = record;
  const problem = known?.question === question ? known : { id, question, answer: gold };
  const attempt = {
    tokens: Array<number>(tokens).fill(-1),
    logps: new Float32Array(tokens).fill(Number.NaN),
    stop,
    text: completion,
  };
  return { attempt, prompt: { problem, tokens: [] } };
}

async function regradeAll(
  records: Iterable<AttemptRecord>,
  prompted: (record: AttemptRecord) => PromptedAttempt,
  { grading, weights }: StageGrading,
  write: (lines: string) => void,
): Promise<{ attempts: number; parts: PartChange[] }> {
  const tally = new Tally();
  let attempts = 0;
  const regrade = async (batch: readonly AttemptRecord[]) => {
    const graded = await grading.grade(batch.map(prompted));
    const lines = batch.map((record, i) => {
      const { parts, reward } = record;
      const again = { parts: graded[i], reward: weighReward(graded[i], weights) };
      tally.add({ ...parts, reward }, { ...again.parts, reward: again.reward });
      return `${JSON.stringify({ ...record, ...again, before: { parts, reward } })}\n`;
    });
    write(lines.join(""));
    attempts += batch.length;
  };
  let batch: AttemptRecord[] = [];
  for (const record of records) {
    batch.push(record);
    if (batch.length < BATCH) continue;
    await regrade(batch);
    batch = [];
  }
  if (batch.length > 0) await regrade(batch);
  return { attempts, parts: tally.changes() };
}

/** Sums of every part, before and after. */
class Tally {
  readonly #parts = new Map<string, { before: Sum; after: Sum; changed: number }>();

  add(before: RewardParts, after: RewardParts): void {
    for (const part of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const sums = this.#parts.get(part) ?? { before: new Sum(), after: new Sum(), changed: 0 };
      this.#parts.set(part, sums);
      sums.before.add(before[part]);
      sums.after.add(after[part]);
      if (before[part] !== after[part]) sums.changed++;
    }
  }

  /** The reward last, as it is the sum of the others. */
  changes(): PartChange[] {
    const all = [...this.#parts].map(([part, { before, after, changed }]) => ({
      part,
      before: before.totals(),
      after: after.totals(),
      changed,
    }));
    return [...all.filter(({ part }) => part !== "reward"), ...all.filter(({ part }) => part === "reward")];
  }
}

class Sum {
  #asked = 0;
  #scored = 0;
  #sum = 0;

  /** @param value undefined: the attempt has no such part; null: it could not be scored */
  add(value: number | null | undefined): void {
    if (value === undefined) return;
    this.#asked++;
    if (value === null) return;
    this.#scored++;
    this.#sum += value;
  }

  totals(): PartTotals | null {
    if (this.#asked === 0) return null;
    return { mean: this.#scored === 0 ? null : this.#sum / this.#scored, scored: this.#scored };
  }
}

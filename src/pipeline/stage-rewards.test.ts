import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RewardError } from "../base/errors.ts";
import type { AttemptRecord, RunEvent } from "../records/events.ts";
import { defineRecipe, type RecipeInput } from "./parse-recipe.ts";
import { regradeRun } from "./regrade.ts";
import { type RunOptions, runRecipe } from "./run-recipe.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-rewards-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, code: string): string {
  const path = join(root, name);
  writeFileSync(path, code);
  return path;
}

type Rewards = Extract<RecipeInput["stages"][number], { kind: "rl" }>["rewards"];

const recipeOf = (name: string, rewards: Rewards, steps = 2) =>
  defineRecipe({
    name,
    device: { threads: 1 },
    task: { maxDigits: 1, maxDepth: 1, operators: ["+"], maxNewTokens: 8 },
    model: { width: 8, heads: 2, feedForward: 12, layers: 1 },
    stages: [
      { kind: "rl", name: "grpo", problems: 4, steps, promptsPerStep: 2, group: 2, learningRate: 0.01, rewards },
    ],
    evaluation: { problems: 2 },
  });

async function run(recipe: ReturnType<typeof recipeOf>, options: Partial<RunOptions> = {}) {
  const events: RunEvent[] = [];
  const result = await runRecipe(recipe, { root, onEvent: (event) => void events.push(event), ...options });
  const metrics = events.flatMap((event) => (event.type === "metrics" ? [event.values] : []));
  return { result, events, metrics };
}

const storedAttempts = (name: string): AttemptRecord[] =>
  readFileSync(join(root, name, "attempts.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter((entry) => !("type" in entry));

describe("rewards of a recipe", () => {
  const halves = file(
    "halves.js",
    "export default (attempt, problem, { by }) => ({ half: attempt.tokens.length / by, never: null });",
  );

  it("are weighed together, those of a file and of the caller included, and measured by part", async () => {
    const listed = [
      { use: "outcome", options: { limit: 3 } },
      { use: halves, weight: 0.25, options: { by: 2 } },
    ];
    const { metrics } = await run(recipeOf("listed", listed), {
      rewards: [{ reward: () => ({ three: 3 }), weight: -1 }],
    });
    expect(metrics).toHaveLength(2);
    for (const values of metrics) {
      expect(values).toMatchObject({ "rewards/three/mean": 3, "rewards/never/ungraded": 4 });
      expect(values).not.toHaveProperty("rewards/never/mean");
    }
    const attempts = storedAttempts("listed");
    expect(attempts).toHaveLength(8);
    for (const { parts, reward, tokens } of attempts) {
      expect(parts).toMatchObject({ half: tokens / 2, never: null, three: 3, excess: tokens > 3 ? 1 : 0 });
      const { correct, marker, excess, half } = parts as Record<string, number>;
      expect(reward).toBeCloseTo(correct + 0.05 * marker - 0.05 * excess + 0.25 * half - 3, 12);
    }
  });

  it.each([
    ["not-there", undefined, /not-there\.js: there is no such file/],
    ["broken", "export default (", /broken\.js: it cannot be loaded: /],
    ["no-function", "export const reward = 1;", /a function as its default export.*it exports reward/],
    ["not-a-number", "export default () => ({ tone: 0 / 0 });", /part tone: expected a finite number.*got NaN/],
    [
      "duplicate",
      "export default () => ({ correct: 1 });",
      /part correct comes from the task and from .*duplicate\.js/,
    ],
  ])("%s: refused before there is a run", async (name, code, message) => {
    const use = code === undefined ? join(root, `${name}.js`) : file(`${name}.js`, code);
    await expect(run(recipeOf(name, [{ use }]))).rejects.toThrow(message);
    expect(existsSync(join(root, name))).toBe(false);
  });

  it("that never answer are given up", async () => {
    const use = file("silent.js", "export default () => new Promise(() => {});");
    await expect(run(recipeOf("silent", [{ use, timeLimit: 0.05 }]))).rejects.toThrow(
      /2 of 2 attempts are not scored after 0\.05 s/,
    );
  });

  it("that fail later leave a checkpoint of all steps before, to go on from", async () => {
    // Two made-up attempts, then four a step: it fails in the third.
    const use = file(
      "tired.js",
      "globalThis.asked = 0; export default () => { if (globalThis.asked++ >= 12) throw new Error('tired'); return { one: 1 }; };",
    );
    const recipe = recipeOf("tired", [{ use: "correct" }, { use }], 4);
    const error: Error = await run(recipe).then(
      () => expect.fail("it did not fail"),
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(RewardError);
    expect(error.message).toMatch(
      /tired\.js: it threw Error: tired at .*\ngrpo is kept as it was after step 2: mend the reward/,
    );
    Object.assign(globalThis, { asked: -1000 });
    const { result, metrics } = await run(recipe, { resume: true });
    expect([result.status, metrics.length]).toEqual(["finished", 2]);
    expect(storedAttempts("tired")).toHaveLength(16);
  });
});

describe("regrading", () => {
  it("finds in a run's attempts what training found, and scores them by other rewards", async () => {
    await run(recipeOf("again", { correct: 1, format: 0.5 }));
    const dir = join(root, "again");
    const before = readFileSync(join(dir, "attempts.jsonl"), "utf8");
    const own = await regradeRun(dir, { rewards: null });
    expect(own).toMatchObject({ weights: { correct: 1, format: 0.5 }, out: join(dir, "regraded.jsonl"), remarks: [] });
    const [training, evaluation] = own.sources;
    expect([training.source, training.attempts, evaluation.source, evaluation.attempts]).toEqual([
      "attempts",
      8,
      "samples",
      2,
    ]);
    expect(training.parts.map(({ part, changed }) => [part, changed])).toEqual([
      ["correct", 0],
      ["format", 0],
      ["steps", 0],
      ["reward", 0],
    ]);

    const out = join(root, "lengths.jsonl");
    const rewards = [{ use: "length", weight: 2, options: { max: 8, cache: 8 } }];
    const { sources } = await regradeRun(dir, { rewards, out });
    const lines = readFileSync(out, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(10);
    for (const { tokens, parts, reward, before: old } of lines) {
      expect(parts.length).toBe(-tokens / 8 || 0);
      expect(reward).toBe(2 * parts.length);
      expect(old.parts).not.toHaveProperty("length");
    }
    const mean = lines.slice(0, 8).reduce((sum, { parts }) => sum + parts.length / 8, 0);
    expect(sources[0].parts.find(({ part }) => part === "length")).toEqual({
      part: "length",
      before: null,
      after: { mean, scored: 8 },
      changed: 8,
    });
    expect(readFileSync(join(dir, "attempts.jsonl"), "utf8")).toBe(before);
  });

  it("fails for a reward that needs what is not stored, and writes nothing then", async () => {
    const use = file("logps.js", "export default ({ logps }) => ({ sure: logps[0] });");
    const out = join(root, "none.jsonl");
    await expect(regradeRun(join(root, "again"), { rewards: [{ use, weight: 1, options: {} }], out })).rejects.toThrow(
      /part sure: .*got NaN/,
    );
    expect(existsSync(out)).toBe(false);
    await expect(regradeRun(root, { rewards: null })).rejects.toThrow(/expected a run directory/);
  });
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openReferenceDevice } from "../../src/engine/devices/reference/device.ts";
import { planRecipe } from "../../src/pipeline/dry-run.ts";
import { parseRecipe } from "../../src/pipeline/parse-recipe.ts";
import { runRecipe } from "../../src/pipeline/run-recipe.ts";
import type { RunEvent } from "../../src/records/events.ts";
import { readAttempts } from "../../src/runs/run-reader.ts";
import { writeOwnProblems } from "./own-problems.ts";
import { type PublishedModel, writeHollow, writeTiny } from "./published-shapes.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-recipes-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const data = join(root, "data");

beforeAll(() => writeOwnProblems(data, "gsm8k"));

/** What of a recipe is more than the data set of this test has. */
const fewer: Record<string, string[]> = { "granite-moe-gsm8k.yaml": ["stages.sft.workedSolutions=4"] };
/** What of it is more than a model of two layers has. */
const lower: Record<string, string[]> = {
  "granite-moe-gsm8k.yaml": ["stages.grpo.rewards=[{use: weighted, options: {layer: 1}}]"],
};

const recipes = [
  {
    file: "smollm2-gsm8k.yaml",
    model: "HuggingFaceTB/SmolLM2-135M-Instruct",
    trained: "4,884,480",
    sum: "1 · correct + 0.1 · format",
  },
  // Queries and outputs 16 · (1024 + 1024), keys and values 16 · (1024 + 512), in 24 layers.
  {
    file: "granite-moe-gsm8k.yaml",
    model: "ibm-granite/granite-3.0-1b-a400m-instruct",
    trained: "2,752,512",
    sum: "0.7 · correct + 0.15 · format + 0.15 · similarity",
  },
] satisfies { file: string; model: PublishedModel; trained: string; sum: string }[];

function open(file: string, from: string, settings: readonly string[] = []) {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "recipes", file), "utf8");
  return parseRecipe(text, file, [
    `model.from=${from}`,
    `task.data=${data}`,
    "evaluation.problems=2",
    ...(fewer[file] ?? []),
    ...settings,
  ]);
}

describe.each(recipes)("$file", ({ file, model, trained, sum }) => {
  it("names the model and the data set on the hub", () => {
    const text = readFileSync(join(import.meta.dirname, "..", "..", "recipes", file), "utf8");
    const recipe = parseRecipe(text, file);
    expect(recipe.model.from).toBe(model);
    expect(recipe.task).toMatchObject({ data: "openai/gsm8k", layout: "gsm8k" });
  });

  it("can be planned for the published shape, whose weights are not read", async () => {
    const dir = mkdtempSync(join(root, "hollow-"));
    writeHollow(dir, model);
    const said: string[] = [];
    await planRecipe(open(file, dir, ["device.memoryLimitGb=16"]), (one) => said.push(one));
    const [base, sft, grpo, reward, lora] = said;
    expect(base).toBe("base: measured on 2 problems");
    expect(sft).toMatch(/^sft: 1 steps of \d+ worked solutions of 4; micro-batches of up to [\d,]+ rows/);
    expect(grpo).toMatch(/^grpo \(rl\): \d+ steps of \d problems × 8 attempts of up to \d+ tokens, from 4 problems/);
    expect(reward).toBe(`grpo: reward = ${sum}`);
    expect(lora).toContain(`trains ${trained} numbers`);
    expect(lora).not.toContain("router");
    expect(said.at(-1)).toMatch(/^memory, estimated: base .* [GM]B, sft .* GB, grpo .* GB; there are 16\.0 GB/);
  });

  const settings = [
    "task.maxNewTokens=8",
    "stages.sft.batchSize=2",
    "stages.grpo.steps=2",
    "stages.grpo.promptsPerStep=2",
    "stages.grpo.group=3",
    "stages.grpo.lengthProbe=2",
    "device.threads=1",
  ];
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(root, "tiny-"));
    await writeTiny(dir, model, openReferenceDevice());
  });

  it("runs from end to end on a small model of the same kind, and shows how experts are used", async () => {
    const events: RunEvent[] = [];
    const recipe = open(file, dir, [...settings, ...(lower[file] ?? [])]);
    const { run, stages, status } = await runRecipe(recipe, { root, onEvent: (event) => void events.push(event) });
    expect(status).toBe("finished");
    expect(stages.map(({ name, n }) => [name, n])).toEqual([
      ["base", 2],
      ["sft", 2],
      ["grpo", 2],
    ]);
    const steps = events.flatMap((event) => (event.type === "metrics" ? [event] : []));
    expect(steps.filter(({ stage }) => stage === "sft").map(({ values }) => values.loss > 0)).toEqual([true, true]);
    expect(steps.filter(({ stage }) => stage === "grpo")).toHaveLength(2);
    const attempts = [...readAttempts(run)];
    expect(attempts).toHaveLength(2 * 2 * 3);
    const similar = attempts.map(({ parts }) => parts.similarity);
    if (file.startsWith("granite")) expect(similar.every((value) => Number.isFinite(value))).toBe(true);
    else expect(similar.every((value) => value === undefined)).toBe(true);
    expect(events.some(({ type }) => type === "experts")).toBe(file.startsWith("granite"));
    // A model of random weights ends nothing: the probe says so before the first step.
    const warning = events.find((event) => event.type === "warning" && event.stage === "grpo" && event.step === 0);
    expect(warning).toBeDefined();
    expect(readFileSync(join(run, "report.html"), "utf8").includes("Experts")).toBe(file.startsWith("granite"));
    expect(JSON.parse(readFileSync(join(run, "final", "adapter_config.json"), "utf8")).r).toBe(16);
  });

  it("comes to the same adapter, to the byte, when it dies in either stage and is resumed", async () => {
    const dieAt = (stage: string, step: number) => (event: RunEvent) => {
      if (event.type === "metrics" && event.stage === stage && event.step === step) throw new Error("died");
    };
    const recipe = open(file, dir, [
      ...settings,
      ...(lower[file] ?? []),
      "name=dying",
      "stages.sft.epochs=2",
      "checkpoints.every=1",
    ]);
    await expect(runRecipe(recipe, { root, onEvent: dieAt("sft", 3) })).rejects.toThrow("died");
    await expect(runRecipe(recipe, { root, resume: true, onEvent: dieAt("grpo", 2) })).rejects.toThrow("died");
    const { run } = await runRecipe(recipe, { root, resume: true });
    const whole = await runRecipe({ ...recipe, name: "whole" }, { root });
    const adapter = (of: string) => readFileSync(join(of, "final", "adapter_model.safetensors"));
    expect(adapter(run).equals(adapter(whole.run))).toBe(true);
    for (const one of [run, whole.run]) rmSync(one, { recursive: true });
  });
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openReferenceDevice } from "../../src/engine/devices/reference/device.ts";
import { planRecipe } from "../../src/pipeline/dry-run.ts";
import { parseRecipe } from "../../src/pipeline/parse-recipe.ts";
import type { Recipe } from "../../src/pipeline/recipe.ts";
import { runRecipe } from "../../src/pipeline/run-recipe.ts";
import type { RunEvent } from "../../src/records/events.ts";
import { readAttempts } from "../../src/runs/run-reader.ts";
import { writeOwnProblems } from "./own-problems.ts";
import { type PublishedModel, writeHollow, writeTiny } from "./published-shapes.ts";

/** What takes a second or two on an idle core may take long on a busy one. */
const patientMs = 300_000;

const root = mkdtempSync(join(tmpdir(), "reckon-systems-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const data = { gsm8k: join(root, "gsm8k"), math: join(root, "math") };
beforeAll(() => {
  for (const layout of ["gsm8k", "math"] as const) writeOwnProblems(data[layout], layout);
});

const read = (file: string, settings: readonly string[] = []) =>
  parseRecipe(readFileSync(join(import.meta.dirname, "..", "..", "recipes", file), "utf8"), file, settings);

/** Runs a recipe to its end; each stage's metrics, and the last one's attempts. */
async function run(recipe: Recipe) {
  const events: RunEvent[] = [];
  const result = await runRecipe(recipe, { root, onEvent: (event) => void events.push(event) });
  expect(result.status).toBe("finished");
  const metrics = events.flatMap((event) => (event.type === "metrics" ? [event] : []));
  const of = (stage: string) => metrics.filter((one) => one.stage === stage).map(({ values }) => values);
  const attempts = [...readAttempts(result.run)];
  return { events, of, attempts, stages: result.stages.map(({ name, n }) => `${name} ${n}`), dir: result.run };
}

interface System {
  file: string;
  model: PublishedModel;
  /** Weights of the published model: as its name and its file's size have it. */
  weights: number;
  /** Numbers its adapter has, by hand. */
  trained: string;
  /** What the recipe follows from its system: of the model, of the stage that reinforces, and of the task. */
  follows: { model: object; stage: object; task: object };
  /** Lines of the dry run that tell the stages and the reward. */
  plan: RegExp[];
  /** Makes its plan quick to count: fewer and shorter attempts. */
  lighter: string[];
  /** Makes the recipe small. */
  small: string[];
  /** Stages as they are measured, on two problems each. */
  stages: string[];
  /** The stage that reinforces, how many attempts it makes in all, and the parts each is scored in. */
  reinforced: { stage: string; attempts: number; parts: string[] };
}

const systems: (System & { data: keyof typeof data })[] = [
  {
    file: "moe-ppo-gsm8k.yaml",
    data: "gsm8k",
    model: "huihui-ai/Huihui-MoE-1B-A0.6B",
    weights: 1_280_200_704,
    // Queries and outputs 16 · (1024 + 2048), keys and values 16 · (1024 + 1024), in 28 layers.
    trained: "4,587,520",
    follows: {
      model: { weights: "nf4" },
      stage: { kind: "ppo", critic: "sequence", learningRate: 1e-5, valueLearningRate: 5e-5, minibatch: 4 * 32 },
      task: { data: "openai/gsm8k" },
    },
    plan: [
      // A head of 1024² + 1024 and of 1024 + 1 weights.
      /^ppo: 100 steps of 8 problems × 4 attempts of up to 64 tokens, from 4 problems, and a critic of 1,050,625 weights/m,
      /^ppo: reward = 1(\.0*)? · correct \+ 0\.050* · marker − 0\.050* · excess$/m,
    ],
    lighter: ["task.maxNewTokens=64", "stages.ppo.promptsPerStep=8", "stages.ppo.minibatch=32"],
    small: ["stages.ppo.steps=2", "stages.ppo.promptsPerStep=2", "stages.ppo.group=2", "stages.ppo.minibatch=2"],
    stages: ["base 2", "ppo 2"],
    reinforced: { stage: "ppo", attempts: 2 * 2 * 2, parts: ["correct", "marker", "excess"] },
  },
  {
    file: "qwen2.5-3b-cookbook.yaml",
    data: "gsm8k",
    model: "Qwen/Qwen2.5-3B-Instruct",
    weights: 3_085_938_688,
    // Queries 16 · (2048 + 2048), values 16 · (2048 + 256), in 36 layers.
    trained: "3,686,400",
    follows: {
      model: { weights: "nf4", lora: { rank: 16, alpha: 32, dropout: 0.1, targetModules: ["q_proj", "v_proj"] } },
      stage: { group: 4 },
      task: { data: "openai/gsm8k", format: "working-out" },
    },
    plan: [
      /^grpo \(rl\): 250 steps of 4 problems × 4 attempts of up to 128 tokens/m,
      /^grpo: reward = .*exactFormat.*elements.*closeness.*extraction$/m,
    ],
    lighter: ["task.maxNewTokens=128"],
    small: ["stages.grpo.steps=2", "stages.grpo.promptsPerStep=2"],
    stages: ["base 2", "grpo 2"],
    reinforced: {
      stage: "grpo",
      attempts: 2 * 2 * 4,
      parts: ["exactFormat", "elements", "closeness", "extraction"],
    },
  },
  {
    file: "qwen2.5-math-r1-zero.yaml",
    data: "math",
    model: "Qwen/Qwen2.5-Math-1.5B",
    weights: 1_543_714_304,
    // Queries and outputs 64 · 2 · 1536, keys and values 64 · (1536 + 256), gate, up and down 64 · (1536 + 8960), in 28 layers.
    trained: "73,859,072",
    follows: {
      model: {},
      stage: { group: 8 },
      task: { layout: "math", format: "r1-zero", grading: "r1-zero", stop: ["</answer>"] },
    },
    plan: [
      /^base: measured on 2 problems$/m,
      /^sft: 1 steps of 32 worked solutions of 4/m,
      /^grpo \(rl\): 200 steps of 4 problems × 8 attempts of up to 128 tokens/m,
      /^grpo: reward = 1(\.0*)? · r1-zero/m,
    ],
    lighter: ["task.maxNewTokens=128", "stages.grpo.promptsPerStep=4"],
    small: ["stages.sft.batchSize=2", "stages.grpo.steps=2", "stages.grpo.promptsPerStep=2"],
    stages: ["base 2", "sft 2", "grpo 2"],
    reinforced: { stage: "grpo", attempts: 2 * 2 * 8, parts: ["r1-zero", "r1-zero-format"] },
  },
];

describe.each(systems)(
  "$file",
  ({ file, model, weights, trained, follows, plan, lighter, small, stages, reinforced, ...system }) => {
    /** What of a recipe is more than the data set of this test has. */
    const fewer = [
      `task.data=${data[system.data]}`,
      "evaluation.problems=2",
      ...(stages.includes("sft 2") ? ["stages.sft.workedSolutions=4"] : []),
    ];

    it(
      "can be planned for the published shape, whose weights are not read",
      async () => {
        const recipe = read(file);
        expect(recipe.model).toMatchObject({ ...follows.model, from: model });
        expect(recipe.stages.find(({ name }) => name === reinforced.stage)).toMatchObject(follows.stage);
        expect(recipe.task).toMatchObject(follows.task);
        const dir = mkdtempSync(join(root, "hollow-"));
        expect(writeHollow(dir, model)).toBe(weights);
        const said: string[] = [];
        await planRecipe(read(file, [...fewer, ...lighter, `model.from=${dir}`, "device.memoryLimitGb=64"]), (one) =>
          said.push(one),
        );
        const text = said.join("\n");
        for (const line of plan) expect(text).toMatch(line);
        expect(text).toContain(`trains ${trained} numbers`);
        expect(said.at(-1)).toMatch(/^memory, estimated: base .* [GM]B, .* GB; there are 64\.0 GB/);
      },
      patientMs,
    );

    it(
      "runs from end to end on a small model of the same architecture",
      async () => {
        const dir = mkdtempSync(join(root, "tiny-"));
        await writeTiny(dir, model, openReferenceDevice());
        const few = ["task.maxNewTokens=8", `stages.${reinforced.stage}.lengthProbe=2`, "device.threads=1"];
        const settings = [...fewer, `model.from=${dir}`, "model.lora.rank=2", ...few, ...small];
        const ran = await run(read(file, settings));
        expect(ran.stages).toEqual(stages);
        const steps = ran.of(reinforced.stage);
        expect(steps).toHaveLength(2);
        // One engine samples and trains; where it took the sampler's activations over, nothing is left to compare.
        for (const values of steps) expect(values["sampling/sampling_logp_difference/max"] ?? 0).toBe(0);
        expect(ran.attempts).toHaveLength(reinforced.attempts);
        for (const { parts } of ran.attempts)
          expect(Object.keys(parts)).toEqual(expect.arrayContaining(reinforced.parts));
        expect(ran.events.some(({ type }) => type === "experts")).toBe(model.includes("MoE"));
        expect(JSON.parse(readFileSync(join(ran.dir, "final", "adapter_config.json"), "utf8")).r).toBe(2);
      },
      patientMs,
    );
  },
);

describe("moe-ppo-gsm8k.yaml", () => {
  it(
    "takes the other mixture it names in the place of its own",
    async () => {
      const settings = [`task.data=${data.gsm8k}`, "evaluation.problems=2", "device.threads=1"];
      const hollow = mkdtempSync(join(root, "hollow-"));
      expect(writeHollow(hollow, "microsoft/Phi-tiny-MoE-instruct")).toBe(3_755_220_288);
      const said: string[] = [];
      const lighter = ["task.maxNewTokens=64", "stages.ppo.promptsPerStep=4", "stages.ppo.minibatch=16"];
      const planned = read("moe-ppo-gsm8k.yaml", [
        ...settings,
        ...lighter,
        `model.from=${hollow}`,
        "device.memoryLimitGb=64",
      ]);
      await planRecipe(planned, (one) => said.push(one));
      expect(said.at(-1)).toMatch(/^memory, estimated: base .* ppo .* GB/);

      const dir = mkdtempSync(join(root, "tiny-"));
      await writeTiny(dir, "microsoft/Phi-tiny-MoE-instruct", openReferenceDevice());
      const few = ["promptsPerStep=2", "group=2", "minibatch=4", "steps=1", "lengthProbe=0"].map(
        (one) => `stages.ppo.${one}`,
      );
      const { stages } = await run(
        read("moe-ppo-gsm8k.yaml", [...settings, ...few, `model.from=${dir}`, "name=phi", "task.maxNewTokens=8"]),
      );
      expect(stages).toEqual(["base 2", "ppo 2"]);
    },
    patientMs,
  );
});

describe("arithmetic-full.yaml", () => {
  const file = "arithmetic-full.yaml";

  it(
    "can be planned",
    async () => {
      const said: string[] = [];
      await planRecipe(read(file), (one) => said.push(one));
      expect(said.map((line) => line.split(":")[0]).slice(0, 4)).toEqual(["pretrain", "sft", "grpo (rl)", "ppo"]);
      expect(said.at(-1)).toMatch(/^memory, estimated: pretrain \d+ MB, sft \d+ MB, grpo \d+ MB, ppo \d+ MB/);
    },
    patientMs,
  );

  it(
    "runs through all its stages, each from where the one before ended",
    async () => {
      const { stages, of, attempts } = await run(
        read(file, [
          "stages.pretrain.workedSolutions=40",
          "stages.pretrain.steps=20",
          "stages.pretrain.batchSize=16",
          "stages.sft.workedSolutions=20",
          "stages.sft.steps=4",
          "stages.grpo.problems=20",
          "stages.grpo.steps=2",
          "stages.grpo.promptsPerStep=4",
          "stages.ppo.problems=20",
          "stages.ppo.steps=2",
          "stages.ppo.promptsPerStep=4",
          "stages.ppo.minibatch=4",
          "evaluation.problems=4",
          "task.maxNewTokens=24",
          "device.threads=1",
        ]),
      );
      expect(stages).toEqual(["pretrain 4", "sft 4", "grpo 4", "ppo 4"]);
      const losses = [...of("pretrain"), ...of("sft")].map(({ loss }) => loss);
      expect(losses).toHaveLength(24);
      expect(losses[20]).toBeLessThan(0.8 * losses[0]);
      expect(of("grpo").every((values) => "rewards/partial/mean" in values)).toBe(true);
      expect(of("ppo")).toHaveLength(2);
      expect(attempts).toHaveLength(2 * 4 * 4 + 2 * 4);
    },
    patientMs,
  );
});

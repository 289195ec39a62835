import { describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { arithmeticModel } from "./arithmetic-model.ts";
import { arithmeticTask } from "./arithmetic-task.ts";
import { planRecipe } from "./dry-run.ts";
import { checkMemory, memoryRoom, type PlannedRun } from "./memory-check.ts";
import { defineRecipe, parseRecipe } from "./parse-recipe.ts";
import type { ArithmeticSettings } from "./recipe-task.ts";
import { planStages } from "./stage-plan.ts";

const text = `
name: wide
task: { maxDigits: 2, maxDepth: 1, operators: ["+"], maxNewTokens: 32 }
model: { size: small, width: 256, feedForward: 1024, block: llama }
stages:
  - { name: sft, kind: pretrain, workedSolutions: 40, epochs: 2, batchSize: 16, learningRate: 0.001 }
  - { name: grpo, kind: rl, problems: 40, steps: 3, promptsPerStep: 16, group: 8, learningRate: 0.001 }
evaluation: { problems: 10 }
`;

function planned(settings: readonly string[] = []): PlannedRun {
  const recipe = parseRecipe(text, "wide.yaml", settings);
  const model = arithmeticModel(recipe).plan();
  const { task, stages } = planStages(recipe, arithmeticTask(recipe.task as ArithmeticSettings), model);
  return { recipe, task, stages, model };
}

const free = { processBytes: 100e6, availableBytes: 1e12 };

/** The refusal of a run that may hold so many bytes. */
async function refusal(run: PlannedRun, availableBytes: number): Promise<string> {
  const error = await checkMemory(run, { ...free, availableBytes }).then(
    () => expect.fail("this was accepted"),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error.message;
}

describe("checkMemory", () => {
  it("says what each stage takes, and what the largest is made of", async () => {
    const note = await checkMemory(planned(), free);
    expect(note).toMatch(
      /^memory, estimated: sft \d+ MB, grpo \d+ MB; there are 1000\.0 GB\n {2}grpo: activations \d+ MB/,
    );
    expect(note).toMatch(/trained weights with gradients and moments \d+ MB.*the process itself 100 MB$/);
  });

  it("refuses what does not fit, and what it says is enough is enough", async () => {
    const [, grpo] = /grpo (\d+) MB/.exec(await checkMemory(planned(), free))!;
    const available = 0.8 * Number(grpo) * 1e6;
    const message = await refusal(planned(), available);
    expect(message).toMatch(/^grpo would take about \d+ MB of memory, and there are \d+ MB\n/);
    const enough = [...message.matchAll(/--set (\S+) {2}saves (\d+) MB, which is enough/g)].map(
      ([, setting]) => setting,
    );
    expect(enough.length).toBeGreaterThanOrEqual(2);
    for (const setting of enough)
      await expect(checkMemory(planned([setting]), { ...free, availableBytes: available })).resolves.toBeTruthy();
    // Largest saving first.
    const savings = [...message.matchAll(/saves (\d+) MB/g)].map(([, megabytes]) => Number(megabytes));
    expect(savings).toEqual([...savings].sort((a, b) => b - a));
    const [, limit] = /--set device\.memoryLimitGb=([\d.]+)$/.exec(message)!;
    const anyway = planned([`device.memoryLimitGb=${limit}`]);
    expect(memoryRoom(anyway.recipe.device).availableBytes).toBe(Number(limit) * 1e9);
  });
});

describe("planRecipe", () => {
  it("tells the stages, what is trained, and the memory, and refuses as a run would", async () => {
    const said: string[] = [];
    await planRecipe(planned().recipe, (one) => said.push(one));
    expect(said.slice(0, 2)).toEqual([
      "sft (pretrain): 5 steps of 16 worked solutions of 40; micro-batches of up to 8,192 rows; measured on 10 problems",
      "grpo (rl): 3 steps of 16 problems × 8 attempts of up to 32 tokens, from 40 problems; micro-batches of up to 8,192 rows; measured on 10 problems",
    ]);
    expect(said[2]).toBe("grpo: reward = 1 · correct");
    expect(said[3]).toMatch(/^all [\d,]+ weights are trained$/);
    expect(said.at(-1)).toMatch(/^memory, estimated: /);
    const tight = defineRecipe({ ...planned().recipe, device: { memoryLimitGb: 0.1 } });
    await expect(planRecipe(tight, () => {})).rejects.toThrow(/grpo would take about .* there are 100 MB/);
  });
});

import { expect, it } from "vitest";
import { arithmeticTask } from "./arithmetic-task.ts";
import { parseRecipe } from "./parse-recipe.ts";

const { task: settings } = parseRecipe("name: a\nstages: [{ kind: eval, name: none }]");

it("grades further parts beside its own, of other names", async () => {
  const { grading, tokenizer, prompts } = arithmeticTask(settings, {
    rewards: [
      ({ tokens }) => ({ length: tokens.length, half: 0.5 }),
      (_, problem) => ({ asked: problem.question.length }),
    ],
  });
  const [prompt] = prompts("test", 1, 0);
  const text = `<answer>${prompt.problem.answer}<eos>`;
  const attempt = { tokens: tokenizer.encode(text), logps: new Float32Array(), stop: "eos" as const, text };
  const [parts] = await grading.grade([{ attempt, prompt }]);
  expect(parts).toEqual({
    correct: 1,
    format: 1,
    half: 0.5,
    steps: null,
    length: attempt.tokens.length,
    asked: prompt.problem.question.length,
  });
  const twice = arithmeticTask(settings, { rewards: [() => ({ format: 0.5 })] });
  await expect(twice.grading.grade([{ attempt, prompt }])).rejects.toThrow(
    "rewards: part format comes from the task and from rewards[0]",
  );
  const own = await arithmeticTask(settings).grading.grade([{ attempt, prompt }]);
  expect(own).toEqual([{ correct: 1, format: 1, steps: null }]);
});

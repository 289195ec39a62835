import { expect, test } from "vitest";
import { differences } from "./resume.ts";
import { resumeCommand } from "./train.ts";

test("every field that differs is named with both values", () => {
  const stored = { seed: 0, stages: [{ steps: 3, beta: 0.1 }], task: { operators: ["+"] }, gone: 1 };
  const given = { seed: 1, stages: [{ steps: 4, beta: 0.1 }], task: { operators: ["+", "-"] }, added: "x" };
  expect(differences(stored, given, [])).toEqual([
    "seed: 0 in the run, 1 here",
    "stages[0].steps: 3 in the run, 4 here",
    'task.operators: ["+"] in the run, ["+","-"] here',
    "gone: 1 in the run, nothing here",
    'added: nothing in the run, "x" here',
  ]);
  expect(differences(stored, structuredClone(stored), [])).toEqual([]);
});

test("the command that resumes is the one that was given, quoted for a shell", () => {
  expect(resumeCommand(["run", "my recipe.yaml", "--overwrite", "--set", "task.operators=['+']"])).toBe(
    "npx reckon run 'my recipe.yaml' --set 'task.operators=['\\''+'\\'']' --resume",
  );
  expect(resumeCommand(["rl", "--resume", "--steps", "3"])).toBe("npx reckon rl --steps 3 --resume");
});

import { expect, test } from "vitest";
import { type Recipe, recipeSchema } from "../pipeline/recipe.ts";
import { commandToTry, resumeCommand } from "./train.ts";

const words = (fields: object): Recipe["task"] =>
  recipeSchema.shape.task.parse({ kind: "words", data: "data/svamp", layout: "svamp", format: "hash", ...fields });

test("a run's model is tried as it was trained", () => {
  const arithmetic = recipeSchema.shape.task.parse({});
  expect(commandToTry(arithmetic, "runs/q", "3+4")).toEqual(["sample", "--model", "runs/q", "3+4"]);
  expect(commandToTry(arithmetic, "runs/q", "-3+4")).toEqual(["sample", "--model", "runs/q", "--", "-3+4"]);
  const chat = ["chat", "--model", "runs/s", "--temperature", "0"];
  const hash = commandToTry(words({}), "runs/s", "How many?");
  expect(hash.slice(0, 5)).toEqual(chat);
  expect(hash.slice(5)).toEqual(["--system", expect.stringContaining("####"), "--message", "How many?"]);
  expect(commandToTry(words({ instruction: "" }), "runs/s", "How many?")).toEqual([...chat, "--message", "How many?"]);
  // A chat cannot begin an answer, as r1-zero does, nor do without the template.
  for (const fields of [{ format: "r1-zero" }, { template: "plain" }])
    expect(commandToTry(words(fields), "runs/s", "How many?").slice(0, 3)).toEqual(["eval", "--model", "runs/s"]);
});

test("a run goes on with the command that began it, as a shell reads it", () => {
  expect(resumeCommand(["run", "a b.yaml", "--overwrite", "--set", "name=it's"])).toBe(
    "npx reckon run 'a b.yaml' --set 'name=it'\\''s' --resume",
  );
});

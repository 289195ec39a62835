import { getPriority } from "node:os";
import { Command } from "commander";
import { expect, it } from "vitest";
import { addThreads } from "./options.ts";

const parse = (...words: string[]) =>
  addThreads(new Command("work").exitOverride().configureOutput({ writeErr: () => {} }))
    .action(() => {})
    .parseAsync(words, { from: "user" });

it("--nice lowers the process's own priority before the command begins, and by nothing when it is not given", async () => {
  const before = getPriority();
  await parse();
  expect(getPriority()).toBe(before);
  const lower = Math.min(before + 1, 19);
  await parse("--nice", String(lower));
  expect(getPriority()).toBe(lower);
});

it("--nice takes whole numbers from 0 to 19", async () => {
  await expect(parse("--nice", "20")).rejects.toThrow("from 0 to 19");
  await expect(parse("--nice", "-1")).rejects.toThrow("from 0 to 19");
});

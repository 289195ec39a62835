import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InstalledReckon, lastLine } from "./reckon.ts";

const recipes = join(import.meta.dirname, "../../recipes");
const example = readFileSync(join(recipes, "brevity.ts"), "utf8");

describe("a reward of one's own", () => {
  let reckon: InstalledReckon;
  const quick = ["--set", "stages.sft.steps=2", "--set", "stages.grpo.steps=2", "--threads", "1"];

  beforeAll(() => {
    reckon = new InstalledReckon();
    copyFileSync(join(recipes, "own-reward.yaml"), join(reckon.cwd, "own-reward.yaml"));
    reckon.write("brevity.ts", example);
  });

  afterAll(() => reckon.remove());

  it("is a TypeScript file beside the recipe, on every Node, and can score the run again", async () => {
    const ran = await reckon.run(["run", "own-reward.yaml", ...quick]);
    expect(ran.stderr).not.toMatch(/error/);
    expect(ran.code).toBe(0);
    const attempts = join(reckon.cwd, "runs/own-reward/attempts.jsonl");
    const [first] = readFileSync(attempts, "utf8").split("\n");
    const { parts, reward, tokens } = JSON.parse(first);
    expect(parts.brevity).toBeCloseTo(Math.max(0, 1 - tokens / 40), 12);
    expect(reward).toBeCloseTo(parts.correct + 0.1 * parts.brevity, 12);

    const again = await reckon.run([
      "regrade",
      "runs/own-reward",
      "--reward",
      "./brevity.ts",
      "--reward",
      "{use: correct}",
      "--json",
    ]);
    expect(again.code).toBe(0);
    expect(again.stderr).toMatch(/64 attempts of training +before +after +changed +not scored/);
    const { weights, sources, out } = lastLine(again);
    expect(weights).toEqual({ brevity: 1, correct: 1 });
    expect(sources[0].parts.find(({ part }: { part: string }) => part === "correct")).toMatchObject({ changed: 0 });
    expect(readFileSync(join(reckon.cwd, out), "utf8").trimEnd().split("\n")).toHaveLength(64 + 32);
    const refused = await reckon.run(["regrade", "runs/own-reward", "--reward", "brevty"]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/there is no reward brevty/)]);
  });

  it("that is no TypeScript, or no number, is refused before there is a run", async () => {
    const recipe = readFileSync(join(recipes, "own-reward.yaml"), "utf8");
    reckon.write("broken.yaml", recipe.replaceAll("brevity.ts", "broken.ts").replace("name: own", "name: broken"));
    writeFileSync(join(reckon.cwd, "broken.ts"), example.replace("(attempt,", "(attempt:,"));
    const broken = await reckon.run(["run", "broken.yaml", ...quick]);
    expect([broken.code, broken.stderr]).toEqual([
      1,
      expect.stringMatching(/broken\.ts: it cannot be loaded: SyntaxError: .*broken\.ts:4:/),
    ]);
    writeFileSync(join(reckon.cwd, "broken.ts"), example.replace("/ most", "/ (most as never as { of: number }).of"));
    const nan = await reckon.run(["run", "broken.yaml", "--dry-run", "--json"]);
    expect(lastLine(nan).error).toMatchObject({
      name: "RewardError",
      message: expect.stringMatching(/part brevity: .*got NaN/),
    });
    expect(existsSync(join(reckon.cwd, "runs/broken-reward"))).toBe(false);
  });

  it("is as docs/rewards.md shows it", () => {
    const docs = readFileSync(join(import.meta.dirname, "../../docs/rewards.md"), "utf8");
    expect(docs).toContain(`\`\`\`ts\n${example}\`\`\``);
  });
});

import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import packageJson from "../package.json" with { type: "json" };

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const node = (...args: string[]) => promisify(execFile)(process.execPath, args, { cwd: root });

describe("README", () => {
  let project: string;

  // A project with reckon installed, made of this checkout's sources as they are now.
  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), "reckon-readme-"));
    const installed = join(project, "node_modules", "reckon");
    mkdirSync(installed, { recursive: true });
    copyFileSync(join(root, "package.json"), join(installed, "package.json"));
    for (const name of ["build", "recipes"]) symlinkSync(join(root, name), join(installed, name));
    for (const name of Object.keys(packageJson.dependencies)) {
      const link = join(project, "node_modules", name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(root, "node_modules", name), link);
    }
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    await node(tsc, "-p", "tsconfig.build.json", "--outDir", join(installed, "dist"));
  });

  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it("has a library program that compiles and runs", async () => {
    const { stdout } = await node(join("scripts", "run-readme.mjs"), project);
    const blocks = readme.match(/^```ts$/gm)?.length;
    expect(stdout).toContain(`README program: ${blocks} blocks compiled and ran`);
  });

  it("shows every function of the library that the command line is made of", () => {
    const calls = [
      ["runRecipe", "trainGrpo", "trainSupervised", "evaluate", "sampleAttempts", "openDevice", "createPolicy"],
      ["loadModel", "saveModel", "mathFormer", "generateProblems", "arithmeticTask", "grpoLoss", "groupAdvantages"],
      ["openModel", "sampleModel", "startTraining", "measurePeakFlops", "testKernels"],
      ["reportRun", "describeDevices", "benchMatmul", "benchGrpo", "parseRecipe", "readRun", "listRuns"],
    ].flat();
    const program = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code).join("\n");
    expect(calls.filter((name) => !program.includes(`${name}(`))).toEqual([]);
  });

  it("gives the two commands, with scripts behind them", () => {
    for (const command of ["npm ci && npm run quickstart", "npm ci && npm test"])
      expect(readme).toContain(`\`\`\`sh\n${command}\n\`\`\``);
    expect(packageJson.scripts).toMatchObject({ quickstart: expect.any(String), test: expect.any(String) });
  });

  it("links to files that are there", () => {
    const targets = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, target]) => target);
    const local = targets.filter((target) => !target.includes("://"));
    expect(local.length).toBeGreaterThan(5);
    expect(local.filter((target) => !existsSync(join(root, target)))).toEqual([]);
  });
});

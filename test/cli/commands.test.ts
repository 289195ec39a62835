import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSamples } from "../../src/runs/run-reader.ts";
import { InstalledReckon, lastLine } from "./reckon.ts";

let reckon: InstalledReckon;

const recipe = `
name: small
task: { maxDigits: 2, maxDepth: 1, operators: ["+"], maxNewTokens: 24 }
device: { threads: 1 }
model: { size: tiny, experts: 2, activeExperts: 1 }
stages:
  - { name: sft, kind: pretrain, workedSolutions: 60, steps: 12, batchSize: 8, learningRate: 0.01 }
  - { name: grpo, kind: rl, problems: 20, steps: 3, promptsPerStep: 4, group: 4, learningRate: 0.001 }
evaluation: { problems: 40 }
`;

beforeAll(async () => {
  reckon = new InstalledReckon();
  reckon.write("small.yaml", recipe);
  const ran = await reckon.run(["run", "small.yaml"]);
  expect(ran.stderr).toContain("✓ grpo");
  expect(ran.code).toBe(0);
});
afterAll(() => reckon.remove());

const stageShape = {
  name: expect.any(String),
  accuracy: expect.any(Number),
  ci95: [expect.any(Number), expect.any(Number)],
  formatAccuracy: expect.any(Number),
  n: 40,
  meanLength: expect.any(Number),
  truncatedShare: expect.any(Number),
  outcomes: expect.any(Object),
  parts: expect.any(Object),
  seconds: expect.any(Number),
};

test("every command explains itself, with an example", async () => {
  const commands = [
    "",
    "run",
    "pretrain",
    "rl",
    "eval",
    "sample",
    "report",
    "doctor",
    "bench",
    "bench matmul",
    "bench tiny",
  ];
  const explain = async (command: string) => {
    const { code, stdout, stderr } = await reckon.run([...command.split(" ").filter(Boolean), "--help"]);
    expect(stdout).toContain(`Usage: reckon${command && ` ${command}`}`);
    expect(stdout).toMatch(/Examples?:\n {2}\$ npx reckon/);
    const options = ["", "bench"].includes(command) ? [] : ["--json", "--seed <n>", "--out <"];
    for (const option of options) expect(stdout, command).toContain(option);
    expect(stdout, command).not.toContain(reckon.root);
    expect([code, stderr]).toEqual([0, ""]);
  };
  await Promise.all(commands.map(explain));
});

describe("run", () => {
  test("--json puts one object on standard output, all else on standard error", async () => {
    const ended = await reckon.run(["run", "small.yaml", "--out", "json", "--seed", "3", "--json"]);
    expect(ended.code).toBe(0);
    expect(ended.stdout.trimEnd().split("\n")).toHaveLength(1);
    const result = lastLine(ended);
    expect(Object.keys(result)).toEqual(["run", "stages"]);
    expect(result.run).toBe("json/small");
    expect(result.stages).toEqual([
      { ...stageShape, name: "sft" },
      { ...stageShape, name: "grpo", paired: expect.objectContaining({ against: "sft", p: expect.any(Number) }) },
    ]);
    expect(Object.keys(result.stages[0])).toEqual(expect.arrayContaining(Object.keys(stageShape)));
    expect(ended.stderr).toMatch(/seed 3/);
    expect(ended.stderr).toMatch(/stage +accuracy +95 % interval +against the stage before +format +n +time/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes are what must not be there
    expect(ended.stderr).not.toMatch(/\u001b/);
  });

  test("ends with a problem of its own test split to try, as a command that works", async () => {
    const ended = await reckon.run(["run", "small.yaml", "--out", "tried", "--set", "stages.sft.steps=2"]);
    const command = /^try it {3}npx (reckon sample --model .*)$/m.exec(ended.stdout)?.[1] ?? "";
    const { stdout, code } = await reckon.shell(command.replace("reckon", "$RECKON"));
    expect(code).toBe(0);
    const questions = [...readSamples(join(reckon.cwd, "tried/small"))].map(({ question }) => question);
    expect(questions).toContain(stdout.split("\n")[0]);
  });

  test("says so when reinforcement begins with random weights and learns nothing", async () => {
    reckon.write("blind.yaml", recipe.replace(/ {2}- \{ name: sft.*\n/, "").replace("name: small", "name: blind"));
    const set = ["stages.grpo.steps=11", "evaluation.problems=10", "task.maxNewTokens=4"].flatMap((one) => [
      "--set",
      one,
    ]);
    const { stderr, code } = await reckon.run(["run", "blind.yaml", ...set]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning grpo: begins with random weights/m);
    expect(stderr).toMatch(/^warning grpo, step 3: most attempts are cut off/m);
    expect(stderr).toMatch(/^warning grpo, step 10: in 10 steps no group had/m);
    const page = readFileSync(join(reckon.cwd, "runs/blind/report.html"), "utf8");
    expect(page).toMatch(/id="warnings"[\s\S]*begins with random weights/);
  });

  test("a finished run is not run again: --resume shows what it came to", async () => {
    const before = readFileSync(join(reckon.cwd, "runs/small/final/model.safetensors"));
    const ended = await reckon.run(["run", "small.yaml", "--resume", "--json"]);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain("runs/small is finished: nothing to resume");
    expect(lastLine(ended).stages).toHaveLength(2);
    expect(readFileSync(join(reckon.cwd, "runs/small/final/model.safetensors")).equals(before)).toBe(true);
  });
});

test("pretrain and rl take one stage each, rl the task and the weights of pretrain", async () => {
  const few = [
    "--set",
    "evaluation.problems=40",
    "--set",
    "validation.problems=0",
    "--out",
    "single",
    "--threads",
    "1",
    "--json",
  ];
  const supervised = await reckon.run([
    ...["pretrain", "--recipe", "small.yaml", "--size", "tiny", "--experts", "0"],
    ...["--solutions", "30", "--steps", "4", "--learning-rate", "0.02", ...few],
  ]);
  expect(supervised.stderr).toContain("✓ sft");
  expect(lastLine(supervised)).toEqual({ run: "single/pretrain", stages: [{ ...stageShape, name: "sft" }] });
  const stored = readFileSync(join(reckon.cwd, "single/pretrain/recipe.yaml"), "utf8");
  expect(stored).toMatch(/workedSolutions: 30\n/);
  expect(stored).toMatch(/steps: 4\n/);
  expect(stored).toMatch(/learningRate: 0.02\n/);
  expect(stored).toMatch(/experts: 0\n/);

  const set = ["--set", "stages[0].promptsPerStep=4", "--set", "stages[0].group=2"];
  const reinforced = await reckon.run(["rl", "--steps", "2", "--problems", "20", "--beta", "0.5", ...set, ...few]);
  expect(reinforced.stderr).toContain("single/rl");
  expect(lastLine(reinforced)).toEqual({ run: "single/rl", stages: [stageShape] });
  const rl = readFileSync(join(reckon.cwd, "single/rl/recipe.yaml"), "utf8");
  expect(rl).toMatch(/from: single\/pretrain\/final\n/);
  expect(rl).toMatch(/maxNewTokens: 24\n/);
  expect(rl).toMatch(/beta: 0.5\n/);
});

test("eval measures the same problems the run did, and keeps the attempts", async () => {
  const ended = await reckon.run([
    ...["eval", "--model", "runs/small", "--n", "40", "--threads", "2", "--out", "attempts.jsonl", "--json"],
  ]);
  expect(ended.code).toBe(0);
  const result = lastLine(ended);
  const {
    name: _,
    seconds: __,
    paired: ___,
    ...measured
  } = lastLine(await reckon.run(["report", "runs/small", "--json"])).stages[1];
  expect(result).toMatchObject({ model: "runs/small/final", split: "test", seed: 1, decoding: "greedy", ...measured });
  const attempts = readFileSync(join(reckon.cwd, "attempts.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(attempts).toHaveLength(40);
  const right = attempts.filter(({ parts }) => parts.correct === 1).length;
  expect(result.accuracy).toBeCloseTo(right / 40, 12);
  const other = lastLine(
    await reckon.run(["eval", "--model", "runs/small/final", "--n", "7", "--split", "validation", "--json"]),
  );
  expect(other).toMatchObject({ split: "validation", n: 7 });
});

test("sample shows steps and answers; a seed repeats them", async () => {
  const args = ["sample", "--model", "runs/small", "13+4", "--samples", "3", "--temperature", "1.5", "--json"];
  const first = lastLine(await reckon.run(args));
  expect(first.samples).toHaveLength(3);
  for (const one of first.samples) {
    expect(one).toMatchObject({ question: "13+4", gold: "17", right: one.answer === "17" });
    expect(one.steps.length).toBeGreaterThanOrEqual(0);
  }
  expect(lastLine(await reckon.run(args))).toEqual(first);
  expect(lastLine(await reckon.run([...args, "--seed", "1"]))).not.toEqual(first);
  const shown = await reckon.run(["sample", "--model", "runs/small", "13+4", "5+5"]);
  expect(shown.stdout).toMatch(/^13\+4\n/);
  expect(shown.stdout).toMatch(/\n5\+5\n/);
});

test("report writes the page where it is told to", async () => {
  const ended = await reckon.run(["report", "runs/small", "--out", "page.html", "--json"]);
  expect(lastLine(ended)).toMatchObject({
    run: "runs/small",
    report: "page.html",
    stages: [{ name: "sft" }, { name: "grpo" }],
  });
  const page = () => readFileSync(join(reckon.cwd, "page.html"), "utf8");
  const latest = page();
  expect(latest).toMatch(/^<!doctype html>/i);
  const drawn = ["report", "runs/small", "--out", "page.html", "--seed", "5"];
  await reckon.run(drawn);
  const one = page();
  expect(one).not.toBe(latest);
  await reckon.run(drawn);
  expect(page()).toBe(one);
});

test("doctor names the kernels and why, and tries them", async () => {
  const ended = await reckon.run(["doctor", "--json", "--seed", "3", "--out", "doctor.json"]);
  expect(lastLine(ended).selfTest).toMatchObject({ agree: true });
  expect(ended.stderr).toContain("kernels agree with the reference: yes");
  expect(JSON.parse(readFileSync(join(reckon.cwd, "doctor.json"), "utf8"))).toEqual(lastLine(ended));
  expect(ended.code).toBe(0);
  const found = lastLine(ended);
  expect(found).toMatchObject({ ok: true, native: { state: "ready", chosen: { forced: false } } });
  expect(ended.stderr).toContain(`${found.native.chosen.isa}, the strongest available`);
  for (const field of ["oneThread", "allThreads"]) expect(found.readBandwidth[field]).toBeGreaterThan(0);
  expect(found.readBandwidth.threads).toBe(found.native.chosen.threads);
  expect(ended.stderr).toMatch(/reads +[\d.]+ GB\/s from memory with one thread/);
  const forced = await reckon.run(["doctor", "--json"], { env: { RECKON_ISA: "portable" } });
  expect(lastLine(forced)).toMatchObject({ ok: true, native: { chosen: { isa: "portable", forced: true } } });
});

test("bench prints what other programs are held against", async () => {
  const tiny = lastLine(await reckon.run(["bench", "tiny", "--steps", "1", "--threads", "1", "--seed", "2", "--json"]));
  for (const field of ["secondsPerStep", "generateSeconds", "updateSeconds", "peakRssMb"])
    expect(tiny[field]).toBeGreaterThan(0);
  expect(tiny).toMatchObject({ threads: 1, steps: 1 });
  const sizes = ["--prompts", "2", "--group", "3", "--prompt-tokens", "5", "--completion-tokens", "4", "--layers", "1"];
  const timed = ["--steps", "1", "--threads", "1", "--json"];
  const small = lastLine(await reckon.run(["bench", "grpo", "tiny-dense", ...sizes, "--checkpointing", ...timed]));
  expect(small.sizes).toMatchObject({ prompts: 2, group: 3, promptTokens: 5, completionTokens: 4, layers: 1 });
  expect(small.sizes).toMatchObject({ microBatchTokens: 8192, gradientCheckpointing: true });
  expect(small.completionTokensPerSecond * small.secondsPerStep).toBeCloseTo(2 * 3 * 4, 6);
  // One block of two, and of 64 embeddings.
  expect(small.params).toBe((tiny.params - 64 * 128 - 128) / 2 + 64 * 128 + 128);
  const adapted = ["--batch", "2", "--length", "9", "--rank", "2", "--weights", "nf4"];
  const sft = lastLine(await reckon.run(["bench", "sft", "tiny-dense", ...adapted, ...timed]));
  expect(sft.sizes).toMatchObject({ batch: 2, length: 9, rank: 2, weights: "nf4", layers: null });
  expect(sft.tokensPerSecond * sft.secondsPerStep).toBeCloseTo(2 * 9, 6);
  // Two blocks, queries and values, both halves of rank 2 and width 128.
  expect(sft.trainedParams).toBe(2 * 2 * 2 * 2 * 128);
  const shape = ["--m", "8", "--k", "32", "--n", "16", "--dtype", "f32", "--threads", "1"];
  const [product, ...more] = lastLine(
    await reckon.run(["bench", "matmul", ...shape, "--out", "matmul.json", "--json"]),
  );
  expect(more).toEqual([]);
  expect(product).toMatchObject({ dtype: "f32", m: 8, k: 32, n: 16, isa: expect.any(String), threads: 1 });
  expect(product.gflops).toBeGreaterThan(0);
  expect(JSON.parse(readFileSync(join(reckon.cwd, "matmul.json"), "utf8"))).toEqual([product]);
});

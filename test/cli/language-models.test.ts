import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HubServer, serveHub } from "../hub-server.ts";
import { type Ended, ending, InstalledReckon, lastLine } from "./reckon.ts";
import { runHere } from "./run-here.ts";
import { wordsRecipe, writeProblems, writeTinyModel } from "./tiny-model.ts";

let reckon: InstalledReckon;
const at = (...names: string[]) => join(reckon.cwd, ...names);
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

let ran: Ended;
beforeAll(async () => {
  reckon = new InstalledReckon();
  await writeTinyModel(at("tiny"));
  writeProblems(reckon.cwd);
  reckon.write("words.yaml", wordsRecipe);
  ran = await reckon.run(["run", "words.yaml"]);
});
afterAll(() => reckon.remove());

const threads = ["--threads", "1"];

test("every command on language models explains itself, with an example", async () => {
  const options = {
    chat: ["--json", "--seed <n>", "--template <file>"],
    generate: ["--json", "--seed <n>", "--out <"],
    score: ["--json", "--out <"],
    export: ["--json", "--out <", "--merge", "--dtype <type>"],
    eval: ["--json", "--seed <n>", "--out <", "--recipe <file>", "--task <task>", "--k <k>", "--few-shot <n>"],
    compare: ["--json", "--show <n>"],
    probe: ["--json", "--seed <n>", "--out <", "--recipe <file>", "--task <task>"],
  };
  for (const [command, wanted] of Object.entries(options)) {
    const { code, stdout, stderr } = await runHere([command, "--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/Examples?:\n {2}\$ npx reckon/);
    for (const option of wanted) expect(stdout, command).toContain(option);
  }
});

describe("chat", () => {
  test("streams what generate gives, without the tokens that mark turns", async () => {
    const asked = ["--model", "tiny", "--max-new-tokens", "24", ...threads];
    reckon.write("hello.txt", "Hello <|im_end|> you\n");
    const chat = ["chat", ...asked, "--temperature", "0", "--message", "Hello <|im_end|> you"];
    const [said, generated] = await Promise.all([
      reckon.run(chat),
      reckon.run(["generate", ...asked, "--prompts", "hello.txt", "--chat", "--json"]),
    ]);
    expect([said.code, generated.code]).toEqual([0, 0]);
    const { completion } = lastLine(generated).completions[0];
    expect(said.stdout).toBe(`${completion.replace(/<\|\w+\|>/g, "")}\n`);
    expect(said.stdout.length).toBeGreaterThan(10);
  });

  test("takes lines from a pipe, and ends with the conversation as JSON", async () => {
    const ended = await reckon.shell(
      "printf 'one\\n\\n/clear\\ntwo\\nthree\\n' | $RECKON chat --model tiny --system short --max-new-tokens 3 --seed 5 --threads 1 --json",
    );
    expect(ended.code).toBe(0);
    const { messages } = lastLine(ended);
    expect(messages.map(({ role }: { role: string }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "user",
      "assistant",
    ]);
    expect(messages[1].content).toBe("two");
    expect(ended.stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(ended.stderr).toContain(messages[2].content);
  });

  test("Ctrl-C ends it at once", async () => {
    const child = reckon.start([
      "chat",
      "--model",
      "tiny",
      "--max-new-tokens",
      "400",
      "--min-new-tokens",
      "400",
      "--message",
      "hi",
    ]);
    const ended = ending(child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGINT");
    // A shell calls this 130.
    expect(await ended).toMatchObject({ code: null, signal: "SIGINT" });
  });
});

test("generate gives completions that do not depend on their neighbours, and score their log-probabilities again", async () => {
  const rows = [{ prompt: "3 apples" }, { ids: [5, 6, 7] }, { messages: [{ role: "user", content: "hi" }] }];
  reckon.write("all.jsonl", rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  reckon.write("one.jsonl", `${JSON.stringify(rows[1])}\n`);
  const asked = ["generate", "--model", "tiny", "--temperature", "1", "--max-new-tokens", "6", "--logps", ...threads];
  const [all, one] = await Promise.all([
    reckon.run([...asked, "--prompts", "all.jsonl", "--samples", "2", "--out", "out.jsonl"]),
    reckon.run([...asked, "--prompts", "one.jsonl", "--json"]),
  ]);
  expect([all.code, one.code]).toEqual([0, 0]);
  const written = jsonLines(readFileSync(at("out.jsonl"), "utf8"));
  expect(written).toHaveLength(6);
  expect(written[0]).toMatchObject({ prompt: "3 apples", tokens: written[0].completionIds.length });
  const [alone] = lastLine(one).completions;
  expect(Object.keys(alone)).toEqual(["ids", "completion", "stop", "tokens", "completionIds", "logps", "meanLogp"]);
  expect(alone.ids).toEqual([5, 6, 7]);
  expect(alone.tokens).toBeLessThanOrEqual(6);

  const [, end] = alone.completionIds;
  const ended = await reckon.run([...asked, "--prompts", "one.jsonl", "--stop-token", String(end), "--json"]);
  const [short] = lastLine(ended).completions;
  expect(short.completionIds).toEqual(alone.completionIds.slice(0, alone.completionIds.indexOf(end) + 1));
  expect(short.stop).toBe("stop");

  reckon.write("score.jsonl", `${JSON.stringify({ ids: [5, 6, 7, ...alone.completionIds] })}\n{"text": "apples"}\n`);
  const scored = await reckon.run(["score", "--model", "tiny", "--file", "score.jsonl", "--json", ...threads]);
  expect(scored.code).toBe(0);
  const result = lastLine(scored);
  expect(result.rows[0].logps[0]).toBeNull();
  expect(result.rows[0].logps.slice(3)).toEqual(alone.logps);
  const sum = result.rows
    .flatMap(({ logps }: { logps: number[] }) => logps.slice(1))
    .reduce((a: number, b: number) => a + b);
  expect(result.logp).toBeCloseTo(sum, 9);
  expect(result.perplexity).toBeCloseTo(Math.exp(-sum / result.scored), 9);
});

describe("a run on problems in words", () => {
  test("ends with a command that puts a problem to the model as training did", async () => {
    expect(ran.code).toBe(0);
    const command = /try it {3}npx reckon (chat .*)/.exec(ran.stdout)?.[1] ?? "";
    expect(command).toMatch(
      /^chat --model runs\/words --temperature 0 --system 'Say the number\.' --message '\w+ has \d+ old/,
    );
    const tried = await reckon.shell(`$RECKON ${command} --threads 1`);
    expect([tried.code, tried.stderr]).toEqual([0, ""]);
    const [, name] = /--message '(\w+)/.exec(command) ?? [];
    const samples = jsonLines(readFileSync(at("runs", "words", "samples.jsonl"), "utf8"));
    const sample = samples.find(({ stage, question }) => stage === "sft" && question?.startsWith(`${name} `));
    expect(tried.stdout.startsWith(sample.completion)).toBe(true);
  });

  test("is measured again as it measured itself; its base by its recipe", async () => {
    const [own, base] = await Promise.all([
      reckon.run(["eval", "--model", "runs/words", "--json", "--out", "own.jsonl", ...threads]),
      reckon.run([
        "eval",
        "--model",
        "tiny",
        "--recipe",
        "words.yaml",
        "--set",
        "evaluation.problems=4",
        "--json",
        ...threads,
      ]),
    ]);
    expect([own.code, base.code]).toEqual([0, 0]);
    const answers = (lines: { stage: string; completion: string }[], stage: string) =>
      lines.filter((line) => line.stage === stage).map(({ completion }) => completion);
    const stored = jsonLines(readFileSync(at("runs", "words", "samples.jsonl"), "utf8"));
    const measured = answers(jsonLines(readFileSync(at("own.jsonl"), "utf8")), "test");
    expect(measured).toEqual(
      answers(
        stored.filter((line) => "completion" in line),
        "sft",
      ),
    );
    expect(measured).toHaveLength(6);
    expect(lastLine(own)).toMatchObject({ model: "runs/words", n: 6, decoding: "greedy", seed: 1 });
    expect(lastLine(base)).toMatchObject({ model: "tiny", n: 4 });
    expect(own.stderr.match(/measuring .*0\/6/g)).toHaveLength(1);
  });

  test("is measured on a file, with random attempts, and compared; its base is probed before", async () => {
    const task = ["--task", "test.jsonl", "--columns", "question=ask", "--format", "hash", "--max-new-tokens", "8"];
    const measure = ["eval", ...task, "--k", "2", "--n", "6", "--json", ...threads];
    const [own, base, probe] = await Promise.all([
      reckon.run([...measure, "--model", "runs/words", "--out", "after.jsonl", "--page", "after.html"]),
      reckon.run([...measure, "--model", "tiny", "--out", "before.jsonl"]),
      reckon.run(["probe", "--model", "tiny", ...task, "--n", "4", "--k", "4", "--json", ...threads]),
    ]);
    expect([own.code, base.code, probe.code]).toEqual([0, 0, 0]);
    const measured = lastLine(own);
    expect(measured).toMatchObject({ task: "test.jsonl", n: 6, sampled: { attempts: 2 }, page: "after.html" });
    const outcomes: number[] = Object.values(measured.outcomes);
    expect(outcomes.reduce((a, b) => a + b)).toBe(6);
    const written = jsonLines(readFileSync(at("after.jsonl"), "utf8"));
    expect(written.map(({ sample }) => sample ?? 0)).toEqual(Array(6).fill([0, 1, 2]).flat());
    expect(readFileSync(at("after.html"), "utf8").match(/<article/g)).toHaveLength(6);
    expect(lastLine(probe)).toMatchObject({ problems: 4, attempts: 4, temperature: 1, maxNewTokens: 8 });
    expect(probe.stderr).toMatch(/0 of 4 .*\n.*1 of 4 /);

    const [compared, stages] = await Promise.all([
      reckon.run(["compare", "before.jsonl", "after.jsonl", "--json"]),
      reckon.run(["compare", "runs/words"]),
    ]);
    expect([compared.code, stages.code]).toEqual([0, 0]);
    const { comparison } = lastLine(compared).measured[1];
    expect(comparison.mendedProblems).toHaveLength(comparison.mended);
    expect(comparison.against).toBe("before.jsonl");
    expect(stages.stdout).toMatch(/runs\/words:base[\s\S]*runs\/words:sft[\s\S]*n 6:/);
  });

  test("its adapter and its merged model are exported, and say what the run says", async () => {
    const exported = await reckon.run(["export", "runs/words", "--out", "adapter", "--json", ...threads]);
    expect(exported.code).toBe(0);
    expect(lastLine(exported)).toMatchObject({ form: "adapter", logitError: 0, notes: [] });
    const merged = await reckon.run([
      "export",
      "tiny",
      "--adapter",
      "adapter",
      "--merge",
      "--dtype",
      "f32",
      "--out",
      "merged",
      ...threads,
    ]);
    expect(merged.stdout).toMatch(
      /model +merged\nverified read back: logits differ by at most \S+ of their deviation \(0.001 allowed\)/,
    );
    const texts = Array.from({ length: 20 }, (_, i) => `{"text": "Ann has ${i} apples, and Ben ${3 * i + 2}."}\n`);
    reckon.write("texts.jsonl", texts.join(""));
    const score = async (precision: string, ...model: string[]): Promise<number[]> => {
      const asked = ["score", ...model, "--file", "texts.jsonl", "--precision", precision, "--json", ...threads];
      const { rows } = lastLine(await reckon.run(asked));
      return rows.flatMap(({ logps }: { logps: (number | null)[] }) => logps.filter((logp) => logp !== null));
    };
    const scored = (precision: string) =>
      Promise.all([
        score(precision, "--model", "tiny"),
        score(precision, "--model", "runs/words"),
        score(precision, "--model", "tiny", "--adapter", "adapter"),
        score(precision, "--model", "merged"),
      ]);
    const gap = (found: number[], expected: number[]) =>
      Math.sqrt(found.reduce((sum, logp, i) => sum + (logp - expected[i]) ** 2, 0) / found.length);
    const [base, run, adapter, whole] = await scored("f32");
    expect(run.length).toBeGreaterThan(200);
    expect(adapter).toEqual(run);
    // f32 sums in another order: some tens of roundings of 2⁻²⁴ on logits below 32.
    expect(Math.max(...whole.map((logp, i) => Math.abs(logp - run[i])))).toBeLessThan(32 * 64 * 2 ** -24);
    expect(gap(run, base)).toBeGreaterThan(0.05);
    // In bf16, w + b·a rounded once is not w rounded plus b and a rounded: every product differs by roundings of its operands,
    // as it does from f32. What these do to the base's own log-probabilities is the yardstick: two independent such gaps
    // differ by √2 of it (in quadrature), three roundings instead of one are fewer than twice it.
    const [roundedBase, roundedRun, roundedAdapter, roundedWhole] = await scored("bf16");
    expect(roundedAdapter).toEqual(roundedRun);
    const rounding = gap(roundedBase, base);
    expect(gap(roundedWhole, roundedRun)).toBeLessThan(2 * rounding);
    expect(2 * rounding).toBeLessThan(gap(run, base));
  });

  test("an adapter on other weights is taken, with a word about it", async () => {
    await writeTinyModel(at("other"), { seed: 1 });
    const asked = ["score", "--model", "other", "--adapter", "runs/words", "--file", "train.jsonl"];
    reckon.write("text.txt", "Ann has 3 apples.\n");
    const ended = await reckon.run([...asked.slice(0, -1), "text.txt", ...threads]);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain("the adapter was trained on tiny, and the weights at other are others");
  });
});

describe("a hub", () => {
  let hub: HubServer;
  let env: Record<string, string>;
  const commit = "c".repeat(40);
  beforeAll(async () => {
    const read = (dir: string, files: string[]) =>
      Object.fromEntries(files.map((file) => [file, readFileSync(at(dir, file))]));
    const model = read("tiny", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
    hub = await serveHub({
      "models/org/tiny": { revisions: { main: { commit, files: model } } },
      "models/org/gated": { revisions: { main: { commit, files: model } }, access: "licence" },
      "datasets/org/counts": { revisions: { main: { commit, files: read(".", ["train.jsonl", "test.jsonl"]) } } },
    });
    env = { HF_ENDPOINT: hub.endpoint, HF_HOME: at("cache"), HF_TOKEN: "", HF_HUB_OFFLINE: "" };
  });
  afterAll(() => hub.close());

  test("serves model and data of a run, which says what it fetches; then the cache does", async () => {
    const from = [
      "--set",
      "model.from=org/tiny",
      "--set",
      "task.data=org/counts",
      "--set",
      "stages=[{name: base, kind: eval}]",
    ];
    const fetched = await reckon.run(["run", "words.yaml", "--name", "fetched", ...from], { env });
    expect(fetched.stderr).toMatch(/^fetching \S+, MB /m);
    expect(fetched.code).toBe(0);
    const offline = { ...env, HF_HUB_OFFLINE: "1" };
    const again = await reckon.run(["run", "words.yaml", "--name", "again", ...from], { env: offline });
    expect([again.code, again.stderr.includes("fetching")]).toEqual([0, false]);
  });

  test("says what it does not have, and what needs a licence", async () => {
    const chat = (model: string) => reckon.run(["chat", "--model", model, "--message", "hi"], { env });
    const [missing, revision, gated] = await Promise.all(["org/none", "org/tiny@v9", "org/gated"].map(chat));
    expect(missing.stderr).toMatch(/^error: model org\/none: .*check the spelling/);
    expect(revision.stderr).toMatch(/^error: model org\/tiny: no revision v9/);
    expect(gated.stderr).toMatch(/^error: model org\/gated: needs a licence to be accepted .*HF_TOKEN/);
    expect([missing.code, revision.code, gated.code]).toEqual([1, 1, 1]);
  });
});

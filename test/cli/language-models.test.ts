import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { runCommandLine } from "../../src/cli/command-line.ts";
import { type HubServer, serveHub } from "../hub-server.ts";
import { compileTimeoutMs, type Ended, ending, InstalledReckon, lastLine } from "./reckon.ts";
import { writeTinyModel } from "./tiny-model.ts";

const home = process.cwd();
let reckon: InstalledReckon;
const at = (...names: string[]) => join(reckon.cwd, ...names);
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

const recipe = `
name: words
task:
  kind: words
  data: .
  layout: columns
  columns: { question: ask, answer: answer }
  train: { file: train.jsonl }
  test: { file: test.jsonl }
  format: hash
  instruction: Say the number.
  maxNewTokens: 8
device: { threads: 1 }
model: { from: tiny, lora: { rank: 2 } }
stages:
  - { name: base, kind: eval }
  - { name: sft, kind: sft, steps: 6, batchSize: 4, learningRate: 0.05 }
evaluation: { problems: 6 }
`;
const names = ["Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ivy", "Jo"];
const rows = (from: number, things: string) =>
  names
    .map(
      (name, i) =>
        `${JSON.stringify({ ask: `${name} has ${from + i} ${things}. How many?`, answer: `${from + i}` })}\n`,
    )
    .join("");

let ran: Ended;
beforeAll(async () => {
  reckon = new InstalledReckon();
  await writeTinyModel(at("tiny"));
  reckon.write("train.jsonl", rows(20, "green apples"));
  reckon.write("test.jsonl", rows(50, "old wooden boats out on the lake"));
  reckon.write("words.yaml", recipe);
  ran = await reckon.run(["run", "words.yaml"]);
}, compileTimeoutMs);
afterAll(() => reckon.remove());

const threads = ["--threads", "1"];

/** Runs a command line in this process, for what needs none of its own. */
async function runHere(args: readonly string[]): Promise<Omit<Ended, "signal">> {
  const said = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((chunk) => {
      said[name] += chunk;
      return true;
    }),
  );
  await runCommandLine(args);
  for (const spy of spies) spy.mockRestore();
  const code = Number(process.exitCode ?? 0);
  process.exitCode = 0;
  return { ...said, code };
}

test("every command on language models explains itself, with an example", async () => {
  const options = {
    chat: ["--json", "--seed <n>", "--template <file>"],
    generate: ["--json", "--seed <n>", "--out <"],
    score: ["--json", "--out <"],
    export: ["--json", "--out <", "--merge", "--dtype <type>"],
    eval: ["--json", "--seed <n>", "--out <", "--recipe <file>"],
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
    reckon.write("text.txt", "Ann has 3 apples.\n");
    const score = async (...model: string[]) =>
      lastLine(await reckon.run(["score", ...model, "--file", "text.txt", "--json", ...threads])).logp;
    const [base, run, adapter, whole] = await Promise.all([
      score("--model", "tiny"),
      score("--model", "runs/words"),
      score("--model", "tiny", "--adapter", "adapter"),
      score("--model", "merged"),
    ]);
    expect(adapter).toBe(run);
    expect(whole).toBeCloseTo(run, 3);
    expect(Math.abs(run - base)).toBeGreaterThan(0.01);
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

describe("bad input is named in one line", () => {
  beforeAll(() => {
    process.chdir(reckon.cwd);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    vi.stubEnv("HF_HOME", at("hub"));
  });
  afterAll(() => {
    process.chdir(home);
    vi.unstubAllEnvs();
  });

  const refuses = async (args: string[], code: number, text: RegExp) => {
    const said = await runHere([...args, "--json"]);
    expect(said.stderr, args.join(" ")).toMatch(text);
    expect(said.stderr).not.toMatch(/^ {4}at /m);
    expect(said.stderr).toMatch(/^error: [^\n]*\n$/m);
    expect(said.code, args.join(" ")).toBe(code);
    expect(said.stderr).toContain(JSON.parse(said.stdout).error.message);
  };
  const chat = (...rest: string[]) => ["chat", ...rest, "--message", "hi", ...threads];

  test("models", async () => {
    const change = (name: string, file: string, edit: (text: string) => string) => {
      cpSync(at("tiny"), at(name), { recursive: true });
      writeFileSync(at(name, file), edit(readFileSync(at(name, file), "utf8")));
    };
    change("unknown", "config.json", (text) => text.replace(/"model_type": "llama"/, '"model_type": "gpt_neox"'));
    change("misfit", "config.json", (text) => text.replace(/"intermediate_size": 48/, '"intermediate_size": 40'));
    change("broken", "config.json", (text) => text.slice(0, 40));
    change("wordless", "config.json", (text) => text);
    rmSync(at("wordless", "tokenizer.json"));
    cpSync(at("tiny"), at("short"), { recursive: true });
    truncateSync(at("short", "model.safetensors"), 5000);
    mkdirSync(at("pickled"));
    for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json"])
      cpSync(at("tiny", file), at("pickled", file));
    reckon.write("pickled/pytorch_model.bin", "x");
    reckon.write("torn.gguf", "GGUF");
    await writeTinyModel(at("mute"), { chat: false });
    await refuses(chat("--model", "nowhere"), 1, /nowhere: no such directory or file/);
    await refuses(chat("--model", "org/name"), 1, /model org\/name: .*HF_HUB_OFFLINE/);
    await refuses(chat("--model", "unknown"), 1, /unknown\/config\.json: .*gpt_neox/);
    await refuses(chat("--model", "misfit"), 1, /misfit.*\[48,32\]|misfit.*\[40,32\]/);
    await refuses(chat("--model", "broken"), 1, /broken\/config\.json/);
    await refuses(chat("--model", "wordless"), 1, /wordless\/tokenizer\.json/);
    await refuses(chat("--model", "short"), 1, /short\/model\.safetensors.*(truncated|expected)/);
    await refuses(chat("--model", "pickled"), 1, /pickle/);
    await refuses(chat("--model", "torn.gguf"), 1, /torn\.gguf: .*truncated/);
    await refuses(chat("--model", "mute"), 1, /no chat template.*--template FILE/);
    const long = ["chat", "--model", "tiny", "--context", "16", "--message", "a message of many words", ...threads];
    await refuses(long, 1, /takes \d+ tokens, this model reads at most 16/);
    expect(
      (
        await reckon.run([
          "chat",
          "--model",
          "mute",
          "--template",
          "hello.txt",
          "--message",
          "hi",
          "--max-new-tokens",
          "2",
        ])
      ).code,
    ).toBe(0);
  });

  test("adapters", async () => {
    cpSync(at("runs", "words", "final"), at("rankless"), { recursive: true });
    const config = readFileSync(at("rankless", "adapter_config.json"), "utf8");
    reckon.write("rankless/adapter_config.json", config.replace(/"r": 2/, '"r": 3'));
    mkdirSync(at("pure"));
    for (const file of ["adapter_config.json", "adapter_model.safetensors"])
      cpSync(at("rankless", file), at("pure", file));
    await refuses(chat("--model", "tiny", "--adapter", "nowhere"), 1, /nowhere\/adapter_config\.json/);
    await refuses(chat("--model", "tiny", "--adapter", "rankless"), 1, /does not fit this model: .*expected \[3,/);
    await refuses(chat("--model", "pure"), 1, /pure: .*give the base as --model and this as --adapter/);
    await refuses(chat("--model", "runs/words", "--adapter", "runs/words"), 1, /is an adapter itself/);
    await refuses(["export", "runs/words", "--out", "x", "--dtype", "f16"], 2, /--dtype: .*--merge/);
    await refuses(["export", "tiny", "--out", "tiny"], 1, /tiny: expected a path where nothing is yet/);
    expect(existsSync(at("x"))).toBe(false);
  });

  test("prompts, texts and tasks", async () => {
    reckon.write("foo.jsonl", '{"foo": 1}\n');
    reckon.write("torn.jsonl", '{"prompt": "a"}\n{"prompt\n');
    reckon.write("none.txt", "\n\n");
    reckon.write("ids.jsonl", '{"ids": [99999]}\n');
    const generate = (...rest: string[]) => ["generate", "--model", "tiny", ...threads, ...rest];
    await refuses(generate("--prompts", "foo.jsonl"), 1, /foo\.jsonl, line 1: expected \{"prompt"/);
    await refuses(generate("--prompts", "torn.jsonl"), 1, /torn\.jsonl, line 2: not JSON/);
    await refuses(generate("--prompts", "none.txt"), 1, /none\.txt: expected at least one row/);
    await refuses(generate("--prompts", "ids.jsonl"), 1, /0 to 419, got 99999/);
    await refuses(generate("--prompts", "hello.txt", "--samples", "2"), 2, /--samples: at temperature 0/);
    await refuses(
      ["score", "--model", "tiny", "--file", "nowhere.jsonl"],
      1,
      /nowhere\.jsonl: cannot be read \(ENOENT\)/,
    );
    await refuses(["eval", "--model", "tiny"], 2, /no problems of its own: give --recipe FILE/);
    await refuses(["eval", "--model", "tiny", "--recipe", "recipes/quickstart.yaml"], 1, /recipes\/quickstart\.yaml/);
    await refuses(["eval", "--model", "org/name"], 2, /org\/name: no such directory here/);
    await refuses(["eval", "--model", "runs/words", "--set", "seed=1"], 2, /--set changes a recipe/);
    await refuses(
      generate("--prompts", "hello.txt", "--out", "no/where.jsonl"),
      2,
      /--out .*there is no directory no;/,
    );
    await refuses(
      ["score", "--model", "tiny", "--file", "hello.txt", "--out", "tiny"],
      2,
      /--out tiny: expected a file/,
    );
    await refuses(["pretrain", "--recipe", "words.yaml"], 1, /run it with reckon run words\.yaml/);
    await refuses(["rl", "--model", "runs/words"], 2, /write a recipe with model\.from and an rl stage/);
    await refuses(["sample", "--model", "runs/words", "1+1"], 2, /use reckon chat or reckon generate/);
  });
});

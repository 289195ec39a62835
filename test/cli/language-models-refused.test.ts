import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseRecipe } from "../../src/pipeline/parse-recipe.ts";
import { runRecipe } from "../../src/pipeline/run-recipe.ts";
import { runHere } from "./run-here.ts";
import { wordsRecipe, writeProblems, writeTinyModel } from "./tiny-model.ts";

const home = process.cwd();
const cwd = mkdtempSync(join(tmpdir(), "reckon-refused-"));
const at = (...names: string[]) => join(cwd, ...names);
const write = (name: string, content: string) => writeFileSync(at(name), content);
const threads = ["--threads", "1"];

beforeAll(async () => {
  process.chdir(cwd);
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  vi.stubEnv("HF_HOME", at("hub"));
  await writeTinyModel(at("tiny"));
  writeProblems(cwd);
  write("words.yaml", wordsRecipe);
  write("hello.txt", "Hello\n");
  await runRecipe(parseRecipe(wordsRecipe, "words.yaml", []));
});
afterAll(() => {
  process.chdir(home);
  vi.unstubAllEnvs();
  rmSync(cwd, { recursive: true, force: true });
});

describe("bad input is named in one line", () => {
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
    write("pickled/pytorch_model.bin", "x");
    write("torn.gguf", "GGUF");
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
    const given = chat("--model", "mute", "--template", "hello.txt", "--max-new-tokens", "2");
    expect((await runHere(given)).code).toBe(0);
  });

  test("adapters", async () => {
    cpSync(at("runs", "words", "final"), at("rankless"), { recursive: true });
    const config = readFileSync(at("rankless", "adapter_config.json"), "utf8");
    write("rankless/adapter_config.json", config.replace(/"r": 2/, '"r": 3'));
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
    write("foo.jsonl", '{"foo": 1}\n');
    write("torn.jsonl", '{"prompt": "a"}\n{"prompt\n');
    write("none.txt", "\n\n");
    write("ids.jsonl", '{"ids": [99999]}\n');
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
    await refuses(["eval", "--model", "tiny"], 2, /no problems of its own: give --task, or --recipe FILE/);
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

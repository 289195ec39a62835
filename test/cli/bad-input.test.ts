import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readEvents, secondsSpent } from "../../src/runs/run-reader.ts";
import { type Ended, InstalledReckon, lastLine } from "./reckon.ts";

let reckon: InstalledReckon;

/** A recipe in YAML's flow style; settings replace fields. */
const recipe = (name: string, more = "") => `
name: ${name}
task: { maxDigits: 2, maxDepth: 1, operators: ["+"], maxNewTokens: 24 }
device: { threads: 1 }
model: { size: tiny, experts: 2, activeExperts: 1 }
stages:
  - { name: sft, kind: pretrain, workedSolutions: 60, steps: 4, batchSize: 8, learningRate: 0.01 ${more} }
evaluation: { problems: 10 }
checkpoints: { every: 1 }
`;

const at = (...names: string[]) => join(reckon.cwd, ...names);

/** Ended with a message, not a stack, and the same message as JSON. */
function expectError(ended: Ended, code: number, ...texts: (string | RegExp)[]) {
  expect(ended.stderr).toMatch(/^error: /m);
  expect(ended.stderr).not.toMatch(/^ {4}at /m);
  for (const text of texts) expect(ended.stderr).toMatch(text);
  expect(ended.code).toBe(code);
  if (ended.stdout !== "") {
    const { error } = lastLine(ended);
    expect(ended.stderr).toContain(error.message);
    return error;
  }
}

beforeAll(async () => {
  reckon = new InstalledReckon();
  reckon.write("good.yaml", recipe("good"));
  expect((await reckon.run(["run", "good.yaml"])).code).toBe(0);
});
afterAll(() => reckon.remove());

describe("recipes", () => {
  test("every problem is listed with its path, and nothing is started", async () => {
    reckon.write("bad.yaml", recipe("bad", ", stepz: 3, beta2: 7, decay: sometimes"));
    const ended = await reckon.run(["run", "bad.yaml", "--set", "seed=-1", "--set", "taks.maxDigits=1", "--json"]);
    const error = expectError(ended, 1, "5 problems; nothing was started", /stages\[0\]\.stepz.*did you mean steps\?/);
    expect(error.name).toBe("ConfigError");
    expect(error.message).toMatch(/stages\[0\]\.beta2.*\(line \d+, column \d+\).*got 7/);
    expect(error.message).toMatch(/stages\[0\]\.decay.*one of cosine, linear, constant/);
    expect(error.message).toMatch(/seed \(--set seed=-1\)/);
    expect(error.message).toMatch(/--set taks\.maxDigits=1: .*did you mean task\?/);
    expect(existsSync(at("runs", "bad"))).toBe(false);
  });

  test("what only shows when it is tried leaves no run behind either", async () => {
    const shape = await reckon.run(["run", "good.yaml", "--name", "shape", "--set", "model.heads=5"]);
    expectError(shape, 1, /model\.heads \(--set model\.heads=5\): 5 must divide width 32/);
    const many = await reckon.run(["run", "good.yaml", "--name", "many", "--set", "evaluation.problems=9000"]);
    expectError(many, 1, /expected 9000 different problems of the test split/);
    const from = ["--set", "stages.sft.kind=sft", "--set", "model={from: nowhere}"];
    expectError(
      await reckon.run(["run", "good.yaml", "--name", "from", ...from]),
      1,
      /nowhere: expected a model directory/,
    );
    const weights = "rewards: { corect: 1 }";
    reckon.write(
      "misspelt.yaml",
      recipe("misspelt", `}\n  - { name: grpo, kind: rl, problems: 9, steps: 1, learningRate: 0.1, ${weights}`),
    );
    const misspelt = await reckon.run(["run", "misspelt.yaml"]);
    expectError(misspelt, 1, /stages\[1\]\.rewards\.corect.*did you mean correct\?/);
    for (const name of ["shape", "many", "from", "misspelt"]) expect(existsSync(at("runs", name))).toBe(false);
  });

  test("files that are no recipes", async () => {
    expectError(await reckon.run(["run", "none.yaml"]), 1, /none.yaml: .*no such file.*quickstart.yaml/);
    expectError(await reckon.run(["run", "."]), 1, /it is a directory/);
    reckon.write("torn.yaml", "name: [x");
    expectError(await reckon.run(["run", "torn.yaml"]), 1, /torn.yaml: .*\n {2}not YAML \(line 1/);
  });

  test("a run that is there is not touched unless asked", async () => {
    expectError(await reckon.run(["run", "good.yaml"]), 1, "found a finished run; use --resume");
    const other = await reckon.run(["run", "good.yaml", "--resume", "--set", "stages.sft.steps=9", "--seed", "2"]);
    expectError(other, 1, /seed: 0 in the run, 2 here/, /stages\[0\]\.steps: 4 in the run, 9 here/);
    mkdirSync(at("mine/good"), { recursive: true });
    writeFileSync(at("mine/good/thesis.txt"), "irreplaceable");
    expectError(await reckon.run(["run", "good.yaml", "--out", "mine", "--overwrite"]), 1, "found other files");
    expect(readFileSync(at("mine/good/thesis.txt"), "utf8")).toBe("irreplaceable");
  });
});

test("a wrong command line is a usage error, exit code 2", async () => {
  const wrong: [string[], RegExp][] = [
    [["run", "good.yaml", "--threads", "0"], /--threads.*Expected auto or a whole number from 1 to 256/],
    [["eval", "--model", "runs/good", "--n", "many"], /--n.*Expected a whole number from 1/],
    [["eval"], /required option '--model <model>'/],
    [["run", "good.yaml", "--resum"], /unknown option '--resum'\n\(Did you mean --resume\?\)/],
    [["evla"], /unknown command 'evla'\n\(Did you mean eval\?\)/],
    [["run", "good.yaml", "--resume", "--overwrite"], /give one of them/],
    [["sample", "--model", "runs/good", "--samples", "2", "1+1"], /--temperature/],
    [["bench", "matmul", "--m", "2"], /give all three/],
    [["rl", "--out", "empty"], /rl starts from a model/],
  ];
  const check = async ([args, text]: [string[], RegExp]) => {
    const ended = await reckon.run([...args, "--json"]);
    expectError(ended, 2, text);
    expect(lastLine(ended).error.name).toBe("UsageError");
  };
  await Promise.all(wrong.map(check));
  expectError(
    await reckon.run(["run", "good.yaml", "--name", "zero", "--set", "device.threads=0"]),
    1,
    /device\.threads.*got 0/,
  );
});

test("models that are missing, truncated, of other programs, or altered", async () => {
  const model = at("runs/good/final");
  const broken = (name: string) => {
    cpSync(model, at(name), { recursive: true });
    return at(name);
  };
  truncateSync(join(broken("truncated"), "model.safetensors"), 50_000);
  rmSync(join(broken("weightless"), "model.safetensors"));
  writeFileSync(join(broken("foreign"), "config.json"), '{"architectures":["LlamaForCausalLM"]}');
  writeFileSync(join(broken("torn"), "config.json"), '{"format":"reck');
  const config = readFileSync(join(model, "config.json"), "utf8");
  writeFileSync(join(broken("altered"), "config.json"), config.replace('"layers": 2', '"layers": 3'));
  writeFileSync(join(broken("noise"), "model.safetensors"), Buffer.alloc(64, 0xab));
  const wrong: [string, RegExp][] = [
    ["nowhere", /nowhere: expected a model directory/],
    ["truncated", /truncated\/model\.safetensors.*(truncated|bytes|end)/],
    ["weightless", /weightless\/model\.safetensors/],
    ["foreign", /foreign\/config\.json: expected a model written by reckon/],
    ["torn", /torn\/config\.json: expected JSON/],
    ["altered", /altered\/model\.safetensors does not fit its config\.json: layers\.2/],
    ["noise", /noise\/model\.safetensors/],
  ];
  const check = async ([name, text]: [string, RegExp]) =>
    expectError(await reckon.run(["eval", "--model", name, "--n", "1", "--json"]), 1, text);
  await Promise.all(wrong.map(check));
  expectError(await reckon.run(["sample", "--model", "runs/good", "3/0"]), 1, /denominator other than 0, got 3\/0/);
  expectError(await reckon.run(["sample", "--model", "runs/good", "3 plus"]), 1, /expression `3 plus`/);
  expectError(await reckon.run(["report", "runs"]), 1, /expected a run directory/);
});

test("a truncated checkpoint stops a resume; deleting it goes back to the one before", async () => {
  const diverging = ["run", "good.yaml", "--name", "torn", "--set", "stages.sft.steps=3"];
  await reckon.run(diverging);
  rmSync(at("runs/torn/final"), { recursive: true });
  const events = at("runs/torn/events.jsonl");
  writeFileSync(events, readFileSync(events, "utf8").replace(/.*"run-end".*\n/, ""));
  truncateSync(at("runs/torn/checkpoints/sft-3/model.safetensors"), 1000);
  expectError(await reckon.run([...diverging, "--resume"]), 1, /sft-3\/model\.safetensors/);
  rmSync(at("runs/torn/checkpoints/sft-3"), { recursive: true });
  const mended = await reckon.run([...diverging, "--resume"]);
  expect(mended.stderr).toContain("going on after step 2 of sft");
  expect(mended.code).toBe(0);
});

test("a run does not go on from another model than the one it started from", async () => {
  cpSync(at("runs/good/final"), at("start"), { recursive: true });
  const text = recipe("further")
    .replace("kind: pretrain", "kind: sft")
    .replace(/model: .*/, "model: { from: start }");
  reckon.write("further.yaml", text);
  expect((await reckon.run(["run", "further.yaml"])).code).toBe(0);
  rmSync(at("runs/further/final"), { recursive: true });
  const events = at("runs/further/events.jsonl");
  writeFileSync(events, readFileSync(events, "utf8").replace(/.*"run-end".*\n/, ""));
  copyFileSync(at("runs/good/checkpoints/sft-3/model.safetensors"), at("start/model.safetensors"));
  const resume = ["run", "further.yaml", "--resume", "--json"];
  expectError(
    await reckon.run(resume),
    1,
    /expected the model it started from, sha256 \w{64}, at start; found another/,
  );
  copyFileSync(at("runs/good/final/model.safetensors"), at("start/model.safetensors"));
  const before = secondsSpent(at("runs/further"));
  expect((await reckon.run(resume)).code).toBe(0);
  const end = readEvents(at("runs/further")).at(-1);
  expect(end?.type === "run-end" && end.seconds > before && before > 0).toBe(true);
});

test("a loss that is not finite stops the run and keeps its checkpoints", async () => {
  // Without a memory of squares, Adam divides by gradients that have become almost nothing.
  const wild = ", learningRate: 1, warmupSteps: 0, decay: constant, maxGradNorm: 0, beta2: 0, eps: 1.0e-30";
  reckon.write("wild.yaml", recipe("wild", wild).replace("learningRate: 0.01 ,", ""));
  const ended = await reckon.run(["run", "wild.yaml", "--set", "stages.sft.steps=200", "--json"]);
  const error = expectError(
    ended,
    1,
    /stage sft, step \d+: .*(NaN|Infinity)/,
    "the last good checkpoint is",
    /lower learningRate/,
  );
  expect(error.name).toBe("TrainingError");
  const kept = /checkpoint is ([^;]*)\./.exec(error.message)?.[1] ?? "";
  expect(kept).toMatch(/^runs\/wild\/checkpoints\/sft-\d+$/);
  expect((await reckon.run(["eval", "--model", kept, "--n", "1"])).code).toBe(0);
  expect((await reckon.run(["report", "runs/wild"])).code).toBe(0);
});

describe("a full disk", () => {
  test("ends the run with the last checkpoint intact; with room again it goes on", async () => {
    const run = "run good.yaml --name full --set stages.sft.steps=60 --set checkpoints.every=20";
    // A limit on the size of files: checkpoints fit, the log grows until it does not.
    const ended = await reckon.shell(`ulimit -f 400; exec $RECKON ${run} --set model.experts=4 --json`);
    const error = expectError(
      ended,
      1,
      /file size limit reached while writing runs\/full/,
      /free space or choose another --out/,
    );
    expect(error.name).toBe("CheckpointError");
    expect(existsSync(at("runs/full/checkpoints")) && !existsSync(at("runs/full/final"))).toBe(true);
    const resumed = await reckon.run([...run.split(" "), "--set", "model.experts=4", "--resume"]);
    expect(resumed.code).toBe(0);
  });

  test("is said of other files, too", async () => {
    expectError(await reckon.shell("$RECKON eval --model runs/good --n 1 --out /dev/full"), 1, /disk full/);
    expectError(await reckon.shell("$RECKON doctor --json > /dev/full"), 1, /disk full/);
    expectError(
      await reckon.run(["report", "runs/good", "--out", "none/page.html"]),
      1,
      /none\/page\.html: .*make it first/,
    );
    expectError(await reckon.run(["report", "runs/good", "--out", "/dev/null"]), 1, /found a device/);
    expectError(await reckon.run(["run", "good.yaml", "--out", "/proc/none/runs"]), 1, /choose another --out/);
  });
});

/** An addon of another program: it loads, and knows none of our kernels. */
function otherAddon(): string {
  const dir = join(reckon.root, "node_modules", "@rollup");
  const found = readdirSync(dir, { recursive: true, encoding: "utf8" }).find((name) => name.endsWith(".node"));
  if (!found) throw new Error(`no addon in ${dir} to test with`);
  return join(dir, found);
}

test("an addon that is missing, of other sources, or no addon at all", async () => {
  const bare = new InstalledReckon({ addon: false });
  try {
    cpSync(at("runs"), join(bare.cwd, "runs"), { recursive: true });
    const addon = join(bare.root, "build", "reckon.node");
    const ask = ["sample", "--model", "runs/good", "1+1"];
    mkdirSync(join(bare.root, "build"));
    for (const [state, place, text] of [
      ["missing", () => {}, /has not been built.*npm run build/],
      ["unusable", () => writeFileSync(addon, "not a library"), /cannot load it.*npm run build/],
      ["stale", () => copyFileSync(otherAddon(), addon), /built from other sources.*npm run build/],
    ] as const) {
      place();
      const doctor = await bare.run(["doctor", "--json"]);
      expect(doctor.code).toBe(1);
      expect(lastLine(doctor)).toMatchObject({
        ok: false,
        native: { state, mend: expect.stringContaining("npm run build") },
      });
      expectError(await bare.run([...ask, "--json"]), 1, text, "--device reference");
      rmSync(addon, { force: true });
    }
    expect((await bare.run([...ask, "--device", "reference"])).stdout).toContain("1+1");
  } finally {
    bare.remove();
  }
});

test("an instruction set this processor lacks", async () => {
  const ended = await reckon.run(["doctor", "--json"], { env: { RECKON_ISA: "abacus" } });
  expect(ended.code).toBe(1);
  expect(lastLine(ended)).toMatchObject({
    ok: false,
    native: { problem: expect.stringMatching(/abacus.*RECKON_ISA/) },
  });
  expectError(await reckon.run(["bench", "tiny"], { env: { RECKON_ISA: "abacus" } }), 1, /instruction set abacus/);
});

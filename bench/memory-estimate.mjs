// Holds the estimate of a run's memory (what `reckon run --dry-run` prints) against what training really takes, workload by
// workload, each in a process of its own. Build first (npm run build).
//
//   node bench/memory-estimate.mjs [--only NAME,NAME] [--threads 2] [--json] [--within 0.1]
//
// Measured is the most that is resident from when the model lies in memory to when its first checkpoint is written (VmHWM, Linux);
// estimated, the parts of the estimate and the process as the check before a run counts it. Exit status 1 when one of them is
// off by more than --within.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    one: { type: "string" },
    threads: { type: "string", default: "2" },
    within: { type: "string", default: "0.1" },
    json: { type: "boolean", default: false },
  },
});
const threads = Number(options.threads);

/**
 * model: a shape of src/train/bench-workloads.ts; rank 0: all of it is trained; kind and sizes of a step. Micro-batches are
 * as a recipe has them.
 */
const workloads = {
  "tiny whole GRPO": {
    model: "tiny-dense",
    rank: 0,
    kind: "grpo",
    prompts: 32,
    group: 4,
    prompt: 16,
    completion: 32,
  },
  "smol LoRA GRPO short": { model: "smol-135m", kind: "grpo", prompts: 2, group: 8, prompt: 96, completion: 64 },
  "smol LoRA GRPO long": { model: "smol-135m", kind: "grpo", prompts: 1, group: 4, prompt: 128, completion: 768 },
  "smol LoRA supervised": { model: "smol-135m", kind: "supervised", batch: 8, length: 256 },
  "smol whole supervised": { model: "smol-135m", rank: 0, kind: "supervised", batch: 4, length: 128 },
  "granite LoRA GRPO": { model: "granite-moe-1b", kind: "grpo", prompts: 1, group: 8, prompt: 96, completion: 24 },
  "smol LoRA on 4 bits GRPO": {
    model: "smol-135m",
    weights: "nf4",
    kind: "grpo",
    prompts: 2,
    group: 8,
    prompt: 96,
    completion: 32,
  },
  "smol LoRA PPO with critic": { model: "smol-135m", kind: "ppo", prompts: 8, group: 1, prompt: 64, completion: 48 },
  "smol LoRA checkpointing": { model: "smol-135m", checkpointing: true, kind: "supervised", batch: 4, length: 512 },
  "tiny mixture whole GRPO": {
    model: "mixture",
    rank: 0,
    kind: "grpo",
    prompts: 32,
    group: 8,
    prompt: 16,
    completion: 48,
  },
  "smol of 6 blocks LoRA one long text": {
    model: "smol-135m",
    layers: 6,
    kind: "supervised",
    batch: 1,
    length: 8192,
  },
};

if (options.one === undefined) await compare();
else await measure(options.one);

async function compare() {
  const names = options.only ? options.only.split(",") : Object.keys(workloads);
  const rows = names.map((name) => {
    const child = [
      process.execPath,
      "--expose-gc",
      fileURLToPath(import.meta.url),
      "--one",
      name,
      "--threads",
      threads,
    ];
    const [command, ...args] = child.map(String);
    const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${name}: ${stderr || error}`);
    const row = { name, ...JSON.parse(stdout) };
    if (!options.json)
      console.error(`${name}: ${Math.round(row.estimated / 1e6)} of ${Math.round(row.measured / 1e6)} MB`);
    return row;
  });
  if (options.json) console.log(JSON.stringify(rows));
  else {
    console.log("workload | estimated, MB | measured, MB | estimated is | parts, MB");
    console.log("---|---|---|---|---");
    for (const { name, estimated, measured, parts } of rows) {
      const shown = parts.map(({ purpose, bytes }) => `${purpose} ${Math.round(bytes / 1e6)}`).join(", ");
      const ratio = (estimated / measured).toFixed(3);
      console.log(`${name} | ${Math.round(estimated / 1e6)} | ${Math.round(measured / 1e6)} | ${ratio} | ${shown}`);
    }
  }
  const off = rows.filter(({ estimated, measured }) => Math.abs(estimated / measured - 1) > Number(options.within));
  if (off.length > 0) process.exitCode = 1;
}

/** Estimates and runs one workload; prints one line of JSON. */
async function measure(name) {
  const load = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
  const { benchLora, benchConfig, benchPolicy } = await load("train/bench-workloads.js");
  const { decoderArrays } = await load("model/definitions.js");
  const { mathFormer } = await load("model/config.js");
  const { automaticMicroBatch } = await load("train/micro-batches.js");
  const { estimateStage } = await load("train/memory-estimate.js");
  const { memoryRoom } = await load("pipeline/memory-check.js");
  const { openDevice } = await load("engine/registry.js");
  const { freezePolicy } = await load("model/policy.js");
  const { AdamW } = await load("update/adamw.js");
  const { trainGrpo } = await load("train/grpo.js");
  const { trainPpo } = await load("train/ppo.js");
  const { createCritic } = await load("train/ppo-critic.js");
  const { trainSupervised } = await load("train/supervised.js");
  const { saveTrainingState } = await load("train/training-state.js");

  const { model, rank = 16, weights = "bf16", layers = null, checkpointing = false, kind, ...size } = workloads[name];
  const positions = size.length ?? size.prompt + size.completion;
  const mixture = { size: "tiny", width: 128, heads: 4, feedForward: 128, layers: 4, experts: 8, activeExperts: 2 };
  const config = model === "mixture" ? mathFormer(mixture, 64) : benchConfig(model, { layers, positions });
  const lora = rank > 0 ? benchLora(rank) : null;

  // Everything random is drawn from one stream.
  let state = 1;
  const draw = (below) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state % below;
  };
  const tokens = (count) => Array.from({ length: count }, () => 3 + draw(40));
  const prompt = (id, length) => ({ problem: { id: String(id), question: "", answer: "" }, tokens: tokens(length) });
  const steps = 2;
  const shared = {
    schedule: { learningRate: 1e-5, warmupSteps: 0, totalSteps: steps },
    microBatchTokens: automaticMicroBatch({ config, lora }, { gradientCheckpointing: checkpointing }),
    gradientCheckpointing: checkpointing,
    balanceCoefficient: 0,
    seed: 1,
  };
  const { prompts: promptsPerStep, group, batch, length } = size;
  const sampling = { maxNewTokens: size.completion, ignoreEos: true };
  const prompts = Array.from({ length: (promptsPerStep ?? 0) * steps }, (_, i) => prompt(i, size.prompt));
  const demonstrations = Array.from({ length: (batch ?? 0) * steps }, (_, i) => ({
    prompt: prompt(i, 1),
    completion: tokens(length - 1),
  }));
  const training = {
    grpo: { kind, prompts, reference: true, options: { ...shared, sampling, promptsPerStep, group } },
    ppo: {
      kind,
      prompts,
      reference: true,
      options: { ...shared, sampling, promptsPerStep, group, minibatch: promptsPerStep * group, updateEpochs: 2 },
    },
    supervised: { kind, demonstrations, options: { ...shared, batchSize: batch } },
  }[kind];

  const device = openDevice({ name: "native", threads });
  const held = ({ name: array, shape }) =>
    shape.length === 1 || array.endsWith("router.weight")
      ? "f32"
      : /^(embedding|output)\./.test(array) && weights !== "f32"
        ? "bf16"
        : weights;
  const frozen = lora ? decoderArrays(config).map((array) => ({ ...array, format: held(array) })) : null;
  const room = memoryRoom({ memoryLimitGb: 1000 });
  const { parts } = await estimateStage(
    { config, frozen, lora },
    { training, measured: [], sampling: { maxNewTokens: 1 } },
    device.info,
  );
  const all = [...parts, { purpose: "the process itself", bytes: room.processBytes }];

  const policy = benchPolicy(device, config, { rank, seed: 1, weights });
  const optimizer = new AdamW(policy.parameters);
  // What drawing the weights took is no part of training.
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  writeFileSync("/proc/self/clear_refs", "5");
  const atRest = { rss: process.memoryUsage.rss(), tensors: device.memory().bytes };
  const run = { policy, optimizer, firstStep: 0 };
  const grading = {
    eosId: 1,
    decode: () => "",
    extract: () => null,
    grade: async (scored) =>
      scored.map(({ attempt }) => ({ correct: (attempt.tokens.reduce((sum, id) => sum + id, 0) % 7) / 7 })),
  };
  const goOn = async () => "go on";
  if (kind === "supervised") await trainSupervised(run, demonstrations, training.options, goOn);
  else {
    const reference = freezePolicy(policy);
    if (kind === "grpo") await trainGrpo({ ...run, reference }, prompts, grading, training.options, goOn);
    else
      await trainPpo(
        { ...run, reference, critic: createCritic(policy, { seed: 1 }) },
        prompts,
        grading,
        training.options,
        goOn,
      );
  }
  const directory = mkdtempSync(join(tmpdir(), "reckon-memory-"));
  const progress = { stage: "one", step: steps, updates: steps, tokens: 0, seconds: 0 };
  await saveTrainingState(directory, { policy, optimizer, progress });
  rmSync(directory, { recursive: true });
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"));
  const tensors = device.memory().peakBytes;
  const overhead = device.overheadBytes();
  const estimated = all.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(
    JSON.stringify({
      estimated,
      measured: Number(kilobytes) * 1024,
      tensors,
      overhead,
      atRest,
      heap: process.memoryUsage(),
      parts: all,
    }),
  );
}

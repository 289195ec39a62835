// Times decoding, and what share of the machine's read bandwidth it reaches; beside llama.cpp on the same file when asked.
// Build first (npm run build).
//
//   node bench/decoding.mjs [GGUF] [--llama DIR] [--shapes smol-135m:bf16,...] [--attempts 1,8,32] [--tokens 64] [--rounds 3]
//     [--threads 2]
//
// Shapes have random weights. Every attempt has a prompt of its own of 16 random ids and is forced to full length; the clock runs
// from the first token drawn to the last. A piece reads every weight once, of a mixture those experts that its rows chose, which
// are counted. DIR holds node_modules/node-llama-cpp (npm install node-llama-cpp@3 there), whose processor backend samples the
// same number of sequences in one context; both sides draw greedily, each round in turn.
import { existsSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { median } from "./measure.mjs";

const defaultShapes =
  "smol-135m:bf16,smol-135m:int8,smol-135m:nf4,smol-135m:q4_1,granite-moe-1b:bf16,granite-moe-1b:nf4";
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    llama: { type: "string" },
    shapes: { type: "string", default: defaultShapes },
    attempts: { type: "string", default: "1,8,32" },
    tokens: { type: "string", default: "64" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: "2" },
  },
});
const ours = (path) => import(new URL(`../dist/${path}`, import.meta.url));
const { Rng } = await ours("base/rng.js");
const { measureReadBandwidth } = await ours("engine/bench-bandwidth.js");
const { openDevice } = await ours("engine/registry.js");
const { bytesOf, encodeWeight } = await ours("engine/weight-formats.js");
const { decoderParameters } = await ours("model/definitions.js");
const { FrozenWeights } = await ours("model/frozen-weights.js");
const { closePolicy, frozenPolicy } = await ours("model/policy.js");
const { loadPretrained } = await ours("model/pretrained.js");
const { sampleAttempts } = await ours("rollout/rollout.js");
const { benchModels } = await ours("train/bench-workloads.js");

const threads = Number(values.threads);
const tokens = Number(values.tokens);
const rounds = Number(values.rounds);
const promptTokens = 16;

const sizeOf = (shape) => shape.reduce((product, axis) => product * axis, 1);

/** Blocks of random half-bytes with small scales: a format of files has no encoder here. */
function randomQ41(shape, rng) {
  const bytes = Uint8Array.from({ length: bytesOf("q4_1", shape) }, () => rng.integer(0, 255));
  // f16 0.0025 and −0.02 in each block of 20 bytes.
  for (let at = 0; at < bytes.length; at += 20) bytes.set([0x1f, 0x19, 0x1f, 0xa5], at);
  return bytes;
}

/** A published shape with random weights; the embedding, which is the output head too, in bf16, as where a model is opened. */
function randomPolicy(device, name, format) {
  const config = benchModels[name];
  const weights = new FrozenWeights(device);
  const rng = new Rng(1);
  const drawn = Float32Array.from({ length: 1_048_583 }, () => 0.02 * rng.normal());
  for (const { name: array, shape, initialize } of decoderParameters(config, rng)) {
    const values = new Float32Array(sizeOf(shape));
    if (shape.length === 1 || array.endsWith("router.weight")) {
      initialize(values);
      weights.add(array, shape, "f32", values);
      continue;
    }
    const held = /^(embedding|output)\./.test(array) ? "bf16" : format;
    for (let at = 0; at < values.length; at += drawn.length) values.set(drawn.subarray(0, values.length - at), at);
    weights.add(array, shape, held, held === "q4_1" ? randomQ41(shape, rng) : encodeWeight(held, values, shape));
  }
  return frozenPolicy(device, config, weights);
}

const bytesOfBuffer = ({ dtype, length }) => (dtype === "u8" ? length : 4 * length);

/** Bytes that all rows read, and those of one expert, in all layers. */
function weightBytes({ weights, config }) {
  let shared = 0;
  let experts = 0;
  for (const { shape, buffer } of weights.entries)
    if (config.experts > 0 && shape.length === 3) experts += bytesOfBuffer(buffer);
    else shared += bytesOfBuffer(buffer);
  return { shared, oneExpert: experts / Math.max(1, config.experts) };
}

/** Experts that a piece reads, on the average over pieces and layers: those that any of its rows chose. */
function expertsRead(attempts, { experts, activeExperts, layers }) {
  if (!(experts > 0)) return 0;
  let count = 0;
  for (let token = 1; token < tokens; token++)
    for (let layer = 0; layer < layers; layer++) {
      const chosen = new Set();
      for (const { expertIds } of attempts) {
        const from = (layer * tokens + token) * activeExperts;
        for (const id of expertIds.subarray(from, from + activeExperts)) chosen.add(id);
      }
      count += chosen.size;
    }
  return count / ((tokens - 1) * layers);
}

function randomPrompts(count, vocabulary) {
  const rng = new Rng(2, count);
  // No two begin alike: what prompts share would be computed once.
  return Array.from({ length: count }, (_, p) => [
    100 + p,
    ...Array.from({ length: promptTokens - 1 }, () => rng.integer(200, Math.min(vocabulary, 40_000) - 1)),
  ]);
}

/** Samples `count` attempts. @returns tokens a second after the first, and bytes of weights that a piece read */
async function decode(policy, count) {
  let began = 0;
  const rollout = await sampleAttempts(policy, randomPrompts(count, policy.config.vocabularySize), {
    eosId: 0,
    maxNewTokens: tokens,
    ignoreEos: true,
    temperature: 0,
    seed: 1,
    onProgress: () => {
      began ||= performance.now();
    },
  });
  const seconds = (performance.now() - began) / 1000;
  const attempts = rollout.attempts.flat();
  const { shared, oneExpert } = weightBytes(policy);
  const bytes = shared + oneExpert * expertsRead(attempts, policy.config);
  if (rollout.passes !== tokens)
    throw new Error(`${rollout.passes} pieces for ${tokens} tokens: not all decoded together`);
  policy.stepScope.end();
  return { rate: (count * (tokens - 1)) / seconds, gigabytes: (bytes * (tokens - 1)) / seconds / 1e9, bytes };
}

/** The same on llama.cpp: `count` sequences of one context, evaluated in one batch. */
async function openLlama(file) {
  const entry = join(resolve(values.llama), "node_modules/node-llama-cpp/dist/index.js");
  if (!existsSync(entry)) throw new Error(`${entry} is missing: npm install node-llama-cpp@3 in ${values.llama}`);
  const { getLlama } = await import(pathToFileURL(entry).href);
  const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: threads });
  const model = await llama.loadModel({ modelPath: resolve(file) });
  return async (count) => {
    const contextSize = 256 * Math.ceil((promptTokens + tokens + 1) / 256);
    const context = await model.createContext({
      sequences: count,
      contextSize,
      threads: { ideal: threads, min: threads },
    });
    const options = { temperature: 0, yieldEogToken: true };
    const streams = randomPrompts(count, 40_000).map((ids) => context.getSequence().evaluate(ids, options));
    const next = () => Promise.all(streams.map((stream) => stream.next()));
    await next();
    const began = performance.now();
    for (let token = 1; token < tokens; token++) await next();
    const seconds = (performance.now() - began) / 1000;
    await context.dispose();
    return { rate: (count * (tokens - 1)) / seconds };
  };
}

const counts = values.attempts.split(",").map(Number);
const bandwidth = () => measureReadBandwidth({ threads });
console.log(`${cpus()[0].model}, ${threads} threads, medians of ${rounds} rounds, ${tokens} tokens an attempt`);
console.log(
  "weights | attempts | tokens/s | GB/s | MB a piece | machine reads GB/s | share | llama.cpp | ratio | load",
);

async function report(label, policy, { attempts, peer }) {
  for (const count of attempts) {
    await decode(policy, count);
    if (peer) await peer(count);
    const taken = [];
    for (let round = 0; round < rounds; round++) {
      const { oneThread, allThreads } = bandwidth();
      const own = await decode(policy, count);
      const theirs = peer && (await peer(count)).rate;
      taken.push({ ...own, reads: Math.max(oneThread, allThreads), theirs, ratio: peer && own.rate / theirs });
    }
    const of = (field) => median(taken.map((one) => one[field]));
    const columns = [of("rate").toFixed(1), of("gigabytes").toFixed(1), (of("bytes") / 1e6).toFixed(0)];
    const share = median(taken.map(({ gigabytes, reads }) => gigabytes / reads));
    const beside = peer ? [of("theirs").toFixed(1), of("ratio").toFixed(2)] : ["-", "-"];
    const row = [
      label,
      count,
      ...columns,
      of("reads").toFixed(1),
      share.toFixed(2),
      ...beside,
      loadavg()[0].toFixed(1),
    ];
    console.log(row.join(" | "));
  }
}

for (const shape of values.shapes.split(",").filter(Boolean)) {
  const [name, format] = shape.split(":");
  const device = openDevice({ name: "native", threads });
  const policy = randomPolicy(device, name, format);
  await report(`${name} ${format}`, policy, { attempts: name.startsWith("granite") ? [8] : counts, peer: null });
  closePolicy(policy);
  device.close();
}
const [file] = positionals;
if (file) {
  const device = openDevice({ name: "native", threads });
  const { policy } = loadPretrained(device, { kind: "gguf", path: file }, { context: promptTokens + tokens });
  await report("file as stored", policy, { attempts: counts, peer: values.llama ? await openLlama(file) : null });
}
process.exit(0);

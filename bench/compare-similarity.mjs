// Times BERTScore of pairs of texts with reckon and with Python's bert-score in turn. Build first (npm run build).
//
//   node bench/compare-similarity.mjs ENCODER-DIRECTORY --layer 6 [--python python3] [--threads 2] [--rounds 5] [--pairs 256]
//
// Each side runs in a process of its own and alternates with the other; opening the model is not counted, a first call on
// other pairs warms up. Every text is another, of 30-90 tokens or so. Seconds of processor time are printed beside those of the clock:
// on a machine that others use, too, the first are the ones to compare.
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ask, median } from "./measure.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layer: { type: "string" },
    python: { type: "string", default: "python3" },
    threads: { type: "string", default: "2" },
    rounds: { type: "string", default: "5" },
    pairs: { type: "string", default: "256" },
    run: { type: "boolean", default: false },
  },
});
const [encoder] = positionals;
const [layer, threads, count] = [values.layer, values.threads, values.pairs].map(Number);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Worked solutions, and the same in other words. */
function makePairs(from) {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [from + 7 * i, from + i];
    const step = `First ${a} and ${b} make ${a} + ${b} = ${a + b}. `;
    const more = `Then twice that is 2 * ${a + b} = ${2 * (a + b)}, so ${2 * (a + b)} are left. `.repeat(1 + (i % 3));
    return { candidate: `We add: ${a} + ${b} = ${a + b}. ${more}`, reference: step + more };
  });
}

async function runOurs() {
  const { openDevice } = await import("../dist/engine/registry.js");
  const { encoderEmbedder } = await import("../dist/pipeline/text-embedder.js");
  const { TextSimilarity } = await import("../dist/pipeline/text-similarity.js");
  const device = openDevice({ name: "native", threads, precision: "f32" });
  const embedder = encoderEmbedder(device, { kind: "directory", path: encoder }, { layer });
  const similarity = new TextSimilarity(embedder);
  await similarity.score(makePairs(100_000).slice(0, 32));
  const [began, used] = [performance.now(), process.cpuUsage()];
  const scores = await similarity.score(makePairs(10));
  const { user, system } = process.cpuUsage(used);
  const seconds = (performance.now() - began) / 1000;
  const f1 = scores.reduce((sum, score) => sum + score.f1, 0) / scores.length;
  console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, f1 }));
  device.close();
}

const row = (name, results) => {
  const of = (key) => results.map((result) => count / result[key]);
  const shown = (key) =>
    `${median(of(key)).toFixed(1)} (${Math.min(...of(key)).toFixed(1)}-${Math.max(...of(key)).toFixed(1)})`;
  return `${name} | ${shown("cpuSeconds")} | ${shown("seconds")} | ${results[0].f1.toFixed(6)}`;
};

if (values.run) await runOurs();
else {
  const [ours, theirs] = [[], []];
  const pairs = JSON.stringify({ warmUp: makePairs(100_000).slice(0, 32), pairs: makePairs(10) });
  for (let round = 0; round < Number(values.rounds); round++) {
    theirs.push(ask(values.python, [here("peer_similarity.py"), encoder, values.layer, values.threads], pairs));
    ours.push(ask(process.execPath, [here("compare-similarity.mjs"), "--run", ...process.argv.slice(2)]));
  }
  console.log(`${cpus()[0].model}, ${threads} threads, ${count} pairs, medians of ${values.rounds} rounds (ranges)`);
  console.log("side | pairs a second of processor time | pairs a second | mean F1");
  console.log(row("bert-score", theirs));
  console.log(row("reckon", ours));
}

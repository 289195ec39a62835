// Times a training step in reckon and in a peer in turn and prints the ratios. Build first (npm run build).
//
//   node bench/compare-training.mjs grpo tiny-dense|smol-135m-lora|granite-moe-1b-lora [--rounds 5] [--steps 20] [--threads 2]
//     -- PEER COMMAND ...
//   node bench/compare-training.mjs sft smol-135m|granite-moe-1b [...] -- PEER COMMAND ...
//
// The peer ends its output with a line of JSON that has `seconds_per_step`, `peak_rss_mb` and, of GRPO, `generate_seconds`,
// for the same workload (`reckon bench grpo --help` says which). Each side runs in a process of its own and the two
// alternate, so that both see the same machine.
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ask, median, range } from "./measure.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    steps: { type: "string", default: "20" },
    threads: { type: "string", default: "2" },
  },
});
const [kind, workload, ...peer] = positionals;
if (peer.length === 0) {
  console.error("give the kind of training, the workload, and the peer's command after --");
  process.exit(2);
}
const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

const ours = [];
const theirs = [];
const { rounds, steps, threads } = values;
for (let round = 0; round < Number(rounds); round++) {
  theirs.push(ask(peer));
  ours.push(ask([process.execPath, cli, "bench", kind, workload, "--json", "--steps", steps, "--threads", threads]));
}
const rows = [
  ["reckon", ours.map((r) => [r.secondsPerStep, r.generateSeconds ?? Number.NaN, r.peakRssMb])],
  ["peer", theirs.map((r) => [r.seconds_per_step, r.generate_seconds ?? Number.NaN, r.peak_rss_mb])],
];
console.log(
  `${kind} ${workload}: ${cpus()[0].model}, ${threads} threads, ${rounds} rounds; seconds are medians (range) of the rounds' medians`,
);
console.log("side | s/step | s generating | peak RSS, MB");
for (const [side, results] of rows) {
  const [step, generate, memory] = [0, 1, 2].map((i) => results.map((result) => result[i]));
  console.log(
    `${side} | ${median(step).toFixed(4)} (${range(step, 4)}) | ${median(generate).toFixed(4)} | ${median(memory)}`,
  );
}
const ratios = ours.map((result, i) => theirs[i].seconds_per_step / result.secondsPerStep);
const shares = ours.map((result, i) => result.peakRssMb / theirs[i].peak_rss_mb);
console.log(
  `reckon is ${median(ratios).toFixed(2)} × as fast (${range(ratios, 2)}) in ${median(shares).toFixed(2)} × the memory`,
);

// Times a training step beside busy neighbours, in reckon and in a peer in turn. Build first (npm run build).
//
//   node bench/company.mjs [WORKLOAD …] [--neighbours 0,1,2,4] [--rounds 3] [--steps N] [--threads 2]
//     [--peer "PEER COMMAND"] [--peer-steps N]
//
// A workload is one of `reckon bench grpo`; by default all three. A neighbour is a process that counts for ever, in the same
// session, so that the scheduler weighs it like one of our threads. A fair share of C processors among T threads and N
// neighbours is T · C / (T + N) of them, so a step should take (T + N) / C times as long as alone where T + N > C; the last
// column is how much longer than that it takes. The peer's command gets the workload and `--steps N` behind it and ends its
// output with a line of JSON that has `seconds_per_step`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ask, median, range } from "./measure.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    neighbours: { type: "string", default: "0,1,2,4" },
    rounds: { type: "string", default: "3" },
    steps: { type: "string" },
    threads: { type: "string", default: "2" },
    peer: { type: "string" },
    "peer-steps": { type: "string", default: "1" },
  },
});
/** Steps that make a measurement of some seconds. */
const usualSteps = { "tiny-dense": 40, "smol-135m-lora": 2, "granite-moe-1b-lora": 1 };
const workloads = positionals.length > 0 ? positionals : Object.keys(usualSteps);
const counts = values.neighbours.split(",").map(Number);
const threads = Number(values.threads);
const processors = availableParallelism();
const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** Neighbours never end by themselves. */
const running = new Set();
process.on("exit", () => {
  for (const neighbour of running) neighbour.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** `body()` beside `count` busy processes. */
async function inCompany(count, body) {
  const busy = "process.stdout.write('.'); for (let i = 0; ; i++) globalThis.sink = i;";
  const neighbours = Array.from({ length: count }, () => spawn(process.execPath, ["-e", busy]));
  for (const neighbour of neighbours) running.add(neighbour);
  try {
    await Promise.all(neighbours.map(({ stdout }) => once(stdout, "data")));
    return body();
  } finally {
    for (const neighbour of neighbours) {
      neighbour.kill("SIGKILL");
      running.delete(neighbour);
    }
  }
}

console.log(`${cpus()[0].model}, ${processors} processors, ${threads} threads, ${values.rounds} rounds in turn`);
for (const workload of workloads) {
  const steps = values.steps ?? String(usualSteps[workload] ?? 1);
  const ours = [
    process.execPath,
    cli,
    "bench",
    "grpo",
    workload,
    "--json",
    "--steps",
    steps,
    "--threads",
    values.threads,
  ];
  const sides = [["reckon", () => ask(ours).secondsPerStep]];
  if (values.peer) {
    const theirs = [...values.peer.split(" "), workload, "--steps", values["peer-steps"]];
    sides.push(["peer", () => ask(theirs).seconds_per_step]);
  }
  const seconds = new Map(sides.map(([side]) => [side, counts.map(() => [])]));
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [i, count] of counts.entries())
      for (const [side, measure] of sides) seconds.get(side)[i].push(await inCompany(count, measure));
  console.log(`\n${workload}: neighbours | side | s a step (range) | × alone | a fair share | × a fair share`);
  for (const [side] of sides)
    for (const [i, count] of counts.entries()) {
      const all = seconds.get(side)[i];
      const slower = median(all) / median(seconds.get(side)[0]);
      const fair = Math.max(1, (threads + count) / processors);
      const columns = [median(all).toFixed(3), slower.toFixed(2), fair.toFixed(2), (slower / fair).toFixed(2)];
      console.log(`${count} | ${side} | ${columns[0]} (${range(all, 3)}) | ${columns.slice(1).join(" | ")}`);
    }
}

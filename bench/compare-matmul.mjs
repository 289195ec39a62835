// Times reckon's matrix products and torch's in turn and prints the ratios. Build first (npm run build).
//
//   node bench/compare-matmul.mjs [--python python3] [--threads 2] [--rounds 5] [--seconds 0.5] [--isa avx512]
//
// Each side runs in a process of its own; within a shape the two alternate, so that both see the same machine. A line
// gives the medians over the rounds, and the median and the spread of the rounds' ratios reckon / torch.
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ask, median, range } from "./measure.mjs";

const { values } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    threads: { type: "string", default: "2" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "0.5" },
    isa: { type: "string" },
  },
});
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const engine = here("../dist/engine/bench-matmul.js");
if (!existsSync(engine)) {
  console.error(`${engine} is missing: run npm run build first`);
  process.exit(1);
}
const { matmulShapes } = await import(engine);

const [threads, seconds] = [Number(values.threads), Number(values.seconds)];
const ours = (shape) => {
  const call = `benchMatmul(${JSON.stringify({ ...shape, threads, seconds, isa: values.isa })})`;
  const script = `import(${JSON.stringify(engine)}).then(async (m) => console.log(JSON.stringify(await m.${call})))`;
  return ask([process.execPath, "-e", script])[0];
};
const theirs = ({ dtype, m, k, n }) =>
  ask([
    values.python,
    ...[here("peer_matmul.py"), "--threads", values.threads, "--seconds", values.seconds],
    ...["--only", `${dtype},${m},${k},${n}`],
  ]);

console.log(`${cpus()[0].model}, ${threads} threads, medians of ${values.rounds} rounds, GFLOP/s`);
console.log("shape | torch | reckon, w packed once | ratio (range) | reckon, both packed each call | ratio (range)");
for (const shape of matmulShapes) {
  const torch = [];
  const packed = [];
  const packing = [];
  let isa = "";
  for (let round = 0; round < Number(values.rounds); round++) {
    torch.push(theirs(shape).gflops);
    const result = ours(shape);
    packed.push(result.gflops);
    packing.push(result.gflopsWithPacking);
    isa = result.isa;
  }
  const ratios = (numbers) => numbers.map((value, i) => value / torch[i]);
  const columns = [
    `${shape.dtype} ${shape.m}×${shape.k}×${shape.n} (${isa})`,
    median(torch).toFixed(0),
    ...[packed, packing].flatMap((numbers) => [
      median(numbers).toFixed(0),
      `${median(ratios(numbers)).toFixed(2)} (${range(ratios(numbers), 2)})`,
    ]),
  ];
  console.log(columns.join(" | "));
}

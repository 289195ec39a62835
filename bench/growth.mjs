// How seconds a GRPO step and peak memory grow with each size of it, beside a peer's where one is given. Build first.
//
//   node bench/growth.mjs --out DIR [--curves group,completion,prompt,model,threads] [--most N] [--steps 1] [--limit 600] [--threads 2]
//     [--peer "PYTHON bench/peer_growth.py --dtype float32"]
//
// Every point is a process of its own. One that does not finish within --limit seconds, or ends otherwise, says so, and larger ones of its curve are
// left out on that side. --most leaves out the points above. DIR gets growth.md (a table), growth.json (all figures), and an SVG of
// every curve. The peer's command is called with --model, --prompts, --group, --prompt-tokens, --completion-tokens, --steps and --threads, and ends its
// output with a line of JSON that has `seconds_per_step` and `peak_rss_mb`.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { lineChart } from "../dist/report/line-chart.js";

const { values: options } = parseArgs({
  options: {
    out: { type: "string" },
    curves: { type: "string" },
    most: { type: "string", default: "Infinity" },
    steps: { type: "string", default: "1" },
    limit: { type: "string", default: "600" },
    threads: { type: "string", default: "2" },
    peer: { type: "string" },
  },
});
const { out, peer } = options;
if (out === undefined) {
  console.error("give --out, the directory that figures and plots are written to");
  process.exit(2);
}

/** One prompt of 96 tokens, 8 completions of 64: what is not on a curve's axis. */
const base = {
  model: "smol-135m-lora",
  prompts: 1,
  group: 8,
  prompt: 96,
  completion: 64,
  threads: Number(options.threads),
};
const doubling = (from, to) => Array.from({ length: Math.log2(to / from) + 1 }, (_, i) => from * 2 ** i);

/** Points of a curve: where each lies on the axis, its name, and how it differs from the base. */
const curves = {
  group: { axis: "attempts", points: doubling(2, 64).map((group) => ({ at: group, sizes: { group } })) },
  completion: {
    axis: "tokens",
    points: doubling(64, 4096).map((completion) => ({ at: completion, sizes: { completion, group: 4 } })),
  },
  prompt: { axis: "tokens", points: doubling(64, 4096).map((prompt) => ({ at: prompt, sizes: { prompt } })) },
  model: {
    axis: "M",
    points: [
      ["tiny-dense", 0.5],
      ["smol-135m-lora", 135],
      ["smol-360m-lora", 362],
      ["granite-moe-1b-lora", 1334],
    ].map(([model, at]) => ({ at, name: model, sizes: { model } })),
  },
  threads: {
    axis: "threads",
    points: doubling(1, 2 ** Math.floor(Math.log2(cpus().length))).map((threads) => ({
      at: threads,
      sizes: { threads },
    })),
  },
};

const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const flags = ({ prompts, group, prompt, completion, threads }) =>
  [
    "--prompts",
    prompts,
    "--group",
    group,
    "--prompt-tokens",
    prompt,
    "--completion-tokens",
    completion,
    "--threads",
    threads,
    "--steps",
    options.steps,
  ].map(String);

const sides = {
  reckon: (sizes) => ask(process.execPath, [cli, "bench", "grpo", sizes.model, ...flags(sizes), "--json"]),
  ...(peer && {
    peer: (sizes) => {
      const [command, ...words] = peer.split(" ");
      return ask(command, [...words, "--model", sizes.model, ...flags(sizes)]);
    },
  }),
};

/** The figures in the last line that a process prints, or why there are none. */
function ask(command, args) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: 1000 * Number(options.limit),
    killSignal: "SIGKILL",
    maxBuffer: 2 ** 28,
  });
  if (error?.code === "ETIMEDOUT") return { missing: `not within ${options.limit} s` };
  if (status !== 0) console.error(error ?? stderr.trim().split("\n").slice(-3).join("\n"));
  if (status !== 0) return { missing: `ended with ${signal ?? `code ${status}`}` };
  const found = JSON.parse(stdout.trim().split("\n").at(-1));
  return {
    seconds: found.secondsPerStep ?? found.seconds_per_step,
    memoryMb: found.peakRssMb ?? found.peak_rss_mb,
  };
}

/** Measures a curve's points, smallest first. */
function measure({ points }) {
  const over = {};
  return points
    .filter(({ at }) => at <= Number(options.most))
    .map(({ at, name = String(at), sizes }) => {
      const point = { at, name, sizes: { ...base, ...sizes } };
      for (const [side, run] of Object.entries(sides)) {
        point[side] = over[side] ? { missing: "left out" } : run(point.sizes);
        over[side] = point[side].missing !== undefined;
        console.error(`${name} ${side}: ${inWords(point[side])}`);
      }
      return point;
    });
}

const inWords = ({ missing, seconds, memoryMb }) =>
  missing ?? `${seconds.toPrecision(3)} s, ${Math.round(memoryMb)} MB`;

function table(measured) {
  const names = Object.keys(sides);
  const head = ["curve", "at", ...names.map((side) => `${side}, s a step`), ...names.map((side) => `${side}, peak MB`)];
  const rows = Object.entries(measured).flatMap(([curve, points]) =>
    points.map((point) => [
      curve,
      point.name,
      ...names.map((side) => point[side].missing ?? point[side].seconds.toPrecision(3)),
      ...names.map((side) => (point[side].missing ? "" : String(Math.round(point[side].memoryMb)))),
    ]),
  );
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

const style =
  "svg{font-family:system-ui,sans-serif;background:#fff}text{fill:#555;font-size:11px}path{fill:none}.grid{stroke:#e5e5e5}" +
  ".line{stroke-width:1.9}.line.s0{stroke:#0b6e99}.line.s1{stroke:#b3541e}text.s0{fill:#0b6e99}text.s1{fill:#b3541e}";

/** A curve's figure as a file of its own: the report's chart with its colours, and its axis named. */
function plot(curve, title, unit, value) {
  const lines = Object.keys(sides).map((label) => ({
    label,
    points: measured[curve].map((point) => ({ step: point.at, value: value(point[label]) ?? Number.NaN })),
  }));
  const chart = lineChart({ title, unit, caption: "", lines, exact: true });
  const svg = chart && /<svg [\s\S]*<\/svg>/.exec(String(chart))?.[0];
  if (!svg) return;
  const drawn = svg
    .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" width="720" height="360" ')
    .replace(/<text class="unit"([^>]*)>step<\/text>/, `<text class="unit"$1>${curves[curve].axis}</text>`)
    .replace(">", `><style>${style}</style>`);
  writeFileSync(join(out, `growth-${curve}-${unit === "s" ? "seconds" : "memory"}.svg`), `${drawn}\n`);
}

mkdirSync(out, { recursive: true });
const wanted = options.curves?.split(",") ?? Object.keys(curves);
const measured = {};
for (const curve of wanted) {
  if (!(curve in curves)) throw new Error(`no curve ${curve}: ${Object.keys(curves).join(", ")}`);
  measured[curve] = measure(curves[curve]);
  const note =
    `GRPO steps of ${base.model}, ${base.prompts} prompt of ${base.prompt} tokens × ${base.group} completions of ${base.completion} where the curve does not ` +
    `say otherwise (completion: × 4); ${cpus()[0].model}, ${base.threads} threads; medians of ${options.steps} after one step; peak RSS of the process.\n\n`;
  writeFileSync(join(out, "growth.md"), note + table(measured));
  writeFileSync(join(out, "growth.json"), `${JSON.stringify({ base, measured }, null, 1)}\n`);
  plot(curve, `seconds a step, by ${curve}`, "s", ({ seconds }) => seconds);
  plot(curve, `peak memory, by ${curve}`, "MB", ({ memoryMb }) => memoryMb);
}
console.log(table(measured));

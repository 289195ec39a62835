// Times the grading of ordinary answers on one core. Build first (npm run build).
//
//   node bench/grade-answers.mjs [--data ../shared/data] [--rounds 5]
//
// Ordinary: the gold answers of MATH-500 as models give them back. Half of the answers are right, most of them set in another
// way than the gold one, half are the gold answer of another problem; all 500 twice a round, after one round that does not
// count. Processor time, of the calling thread alone: no answer among them needs the computer-algebra library.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { judgeCheaply } from "../dist/reward/answers/judge-answer.js";

const { values } = parseArgs({
  options: { data: { type: "string", default: "../shared/data" }, rounds: { type: "string", default: "5" } },
});
const golds = readFileSync(`${values.data}/math/test500.jsonl`, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line).answer);

const SETTINGS = [
  (gold) => gold,
  (gold) => `\\boxed{${gold}}`,
  (gold) => `$${gold}$.`,
  (gold) => gold.replaceAll("\\frac", "\\dfrac").replaceAll(" ", ""),
  (gold) => `x = ${gold}`,
  (gold) => gold.replace(/\\frac\{(\d+)\}\{(\d+)\}/g, "$1/$2").replace(/\\sqrt\{(\d+)\}/g, "sqrt($1)"),
];
const pairs = golds.flatMap((gold, index) => [
  { gold, answer: SETTINGS[index % SETTINGS.length](gold) },
  { gold, answer: golds[(index + 7) % golds.length] },
]);

const rates = [];
const verdicts = { true: 0, false: 0, null: 0, open: 0 };
const tiers = {};
for (let round = 0; round <= Number(values.rounds); round++) {
  const before = process.cpuUsage();
  for (const { answer, gold } of pairs) {
    const verdict = judgeCheaply(answer, gold);
    if (round > 0) continue;
    verdicts[verdict === null ? "open" : verdict.equal]++;
    if (verdict !== null) tiers[verdict.tier] = (tiers[verdict.tier] ?? 0) + 1;
  }
  const { user, system } = process.cpuUsage(before);
  const rate = pairs.length / ((user + system) / 1e6);
  if (round === 0) console.log(`first round: ${rate.toFixed(0)} answers/s`, verdicts, tiers);
  else rates.push(rate);
}
rates.sort((a, b) => a - b);
console.log(
  `${cpus()[0].model}: median ${rates[rates.length >> 1].toFixed(0)} answers/s of processor time, ` +
    `${rates[0].toFixed(0)}-${rates.at(-1).toFixed(0)} over ${rates.length} rounds of ${pairs.length}`,
);

import { closeSync, openSync, writeSync } from "node:fs";
import { Command, Option } from "commander";
import { ANSWER_FORMATS, type AnswerFormatName } from "../../prompt/answer-format.ts";
import { formatCount, formatInterval, formatPercent } from "../../report/format.ts";
import { type GradedRow, gradeRows, summarizeGrading } from "../../reward/grade-rows.ts";
import { openGradingPool } from "../../reward/grading-pool.ts";
import { type GradingRow, readGradingRows } from "../../reward/read-grading-rows.ts";
import { canGrade, GRADING_RULES, type GradingRule } from "../../reward/rules.ts";
import { exitCodes } from "../failure.ts";
import { addExamples, addJson, number } from "../options.ts";
import { checkOutFile } from "../out-file.ts";
import { Output } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";
import { StepClock } from "../step-clock.ts";

interface Flags {
  rule: GradingRule;
  format?: AnswerFormatName;
  timeout: number;
  out?: string;
  json?: boolean;
}

/** Gold answers that are listed, of those that cannot be read. */
const MOST_LISTED = 20;

/** `reckon grade FILE`: verdicts on responses, by the rules that training and evaluation grade by. */
export function gradeCommand(): Command {
  const command = new Command("grade")
    .summary("grade responses by their gold answers")
    .description(
      'Grade the rows of a file, {"gold", "response"} or {"gold", "answer"}, as training does. Each comes back, one JSON object ' +
        "per line on standard output, with verdict (true, false, or null where it cannot be told), extracted, rule (what found " +
        "the answer), tier (what decided) and its reward parts. A gold answer that cannot be read is listed, and the exit code 1.",
    )
    .argument("<file>", ".jsonl, .csv or .parquet")
    .addOption(
      new Option("--rule <rule>", "what an answer is judged by").choices([...GRADING_RULES]).default("symbolic"),
    )
    .addOption(
      new Option(
        "--format <format>",
        "for symbolic and number: the answer format that responses must keep to; left out: any mark counts, or the last number",
      ).choices([...ANSWER_FORMATS]),
    )
    .option("--timeout <seconds>", "longest time for one answer; then its verdict is null", number(0.01, 3600), 1)
    .option("--out <file>", "write the rows there, one JSON object per line");
  addJson(command);
  addExamples(
    command,
    "grade responses.jsonl",
    "grade responses.jsonl --rule gsm8k-strict --out graded.jsonl",
    "grade responses.jsonl --rule r1-zero --json",
  );
  return command.action(async (file: string, flags: Flags) => {
    const output = new Output(flags);
    checkOutFile(flags.out);
    const rows = await readGradingRows(file);
    const unreadable = rows.filter(({ gold }) => !canGrade(gold, flags.rule));
    if (unreadable.length > 0) {
      // The others are graded all the same.
      process.exitCode = exitCodes.failed;
      output.say(describeUnreadable(file, flags.rule, unreadable));
    }
    const began = performance.now();
    const graded = await gradeAll(rows, flags);
    const seconds = (performance.now() - began) / 1000;
    const summary = summarizeGrading(graded);
    output.say(describe(flags.rule, summary, seconds));
    const { rule, format = null } = flags;
    const places = unreadable.map(({ place }) => place);
    output.finish({ file, rule, format, ...summary, unreadable: places, seconds, rows: graded });
  });
}

/** Grades all rows and writes them where they are wanted as it goes. */
async function gradeAll(
  rows: readonly GradingRow[],
  { rule, format, timeout, out, json }: Flags,
): Promise<GradedRow[]> {
  const pool = openGradingPool({ timeoutMs: timeout * 1000 });
  const written = out === undefined ? null : openSync(out, "w");
  const progress = progressOf(rows.length);
  const all: GradedRow[] = [];
  try {
    for await (const some of gradeRows(rows, { rule, source: format, judge: pool.judge })) {
      for (const row of some) all.push(row);
      const lines = some.map((row) => `${JSON.stringify(row)}\n`).join("");
      if (written !== null) writeSync(written, lines);
      else if (!json) process.stdout.write(lines);
      progress.advance(all.length);
    }
  } finally {
    progress.clear();
    if (written !== null) closeSync(written);
    await pool.close();
  }
  return all;
}

/** A line of how many rows are graded. */
function progressOf(total: number) {
  const clock = new StepClock();
  let done = 0;
  const state = () => ({
    stage: "grading",
    step: done,
    totalSteps: total,
    values: {},
    secondsLeft: clock.secondsLeft(total, performance.now()),
  });
  const line = new ProgressLine(state, { exclusive: false });
  return {
    advance(count: number): void {
      done = count;
      clock.mark(count, performance.now());
      if (count < total) line.changed();
    },
    clear: () => line.clear(),
  };
}

function describe(rule: GradingRule, summary: ReturnType<typeof summarizeGrading>, seconds: number): string {
  const { n, accuracy, ci95, ungraded, parts } = summary;
  const shares = Object.entries(parts).filter(([name]) => name !== "correct" && name !== rule);
  const right =
    accuracy === null || ci95 === null
      ? "none graded"
      : `${formatPercent(accuracy)} right [${formatInterval(ci95)}] of ${formatCount(n - ungraded)}`;
  return [
    `${rule}: ${right}`,
    ...(ungraded > 0 ? [`${formatCount(ungraded)} cannot be graded`] : []),
    ...shares.map(([name, share]) => `${name} ${formatPercent(share)}`),
    `${formatCount(n / seconds)} a second`,
  ].join("; ");
}

function describeUnreadable(file: string, rule: GradingRule, rows: readonly GradingRow[]): string {
  const lines = rows.slice(0, MOST_LISTED).map(({ place, gold }) => `  ${place}: \`${gold.slice(0, 80)}\``);
  const more = rows.length > MOST_LISTED ? [`  and ${rows.length - MOST_LISTED} more`] : [];
  const wanted = rule.startsWith("gsm8k") ? "a number" : "an answer";
  return [
    `error: ${file}: expected ${wanted} as gold, ${rule} cannot read these; correct or remove`,
    ...lines,
    ...more,
  ].join("\n");
}

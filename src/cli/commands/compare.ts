import { Command } from "commander";
import { compareMeasurements, type MeasurementComparison, readMeasurements } from "../../pipeline/measurements.ts";
import { changedAnswers, comparisonSentence, comparisonTable } from "../../report/comparison-text.ts";
import { formatCount } from "../../report/format.ts";
import { UsageError } from "../failure.ts";
import { addExamples, addJson, wholeNumber } from "../options.ts";
import { Output } from "../output.ts";

interface Flags {
  show: number;
  json?: boolean;
}

/** `reckon compare RUN RUN…`: which answers were mended and broken, by a paired test. */
export function compareCommand(): Command {
  const command = new Command("compare")
    .summary("compare measured runs or stages on the same questions")
    .description(
      "Compare measurements on the questions that all of them answered, by McNemar's paired test: RUN is the last measured " +
        "stage of a run, RUN:STAGE another one, a file what reckon eval --out wrote. Each is set against the first. One run " +
        "alone: each of its stages against the one before.",
    )
    .argument("<runs...>", "directories of runs, RUN:STAGE, or files of reckon eval --out")
    .option("--show <n>", "mended and broken answers to show of each", wholeNumber(0, 10_000), 3);
  addJson(command);
  addExamples(
    command,
    "compare runs/quickstart",
    "compare runs/quickstart-control runs/quickstart",
    "compare runs/quickstart:sft attempts.jsonl --show 10",
  );
  return command.action((references: string[], { show, json }: Flags) => {
    const output = new Output({ json });
    const [only] = references;
    const alone = references.length === 1;
    // Of a run among others its last stage is meant.
    const measurements = alone ? readMeasurements(only) : references.map((one) => readMeasurements(one).at(-1)!);
    if (measurements.length < 2)
      throw new UsageError(
        `${only}: expected something to compare it with; name another run, or a run with several measured stages`,
      );
    const compared = compareMeasurements(measurements, alone ? "before" : "first");
    const { n } = compared[0].summary;
    output.show(comparisonTable(compared, output.style));
    output.show(output.style.dim(`n ${formatCount(n)}: the questions that all of them answered, one attempt each`));
    for (const { name, measured } of compared)
      if (measured !== n)
        output.say(`${name} answered ${formatCount(measured)} questions; ${formatCount(measured - n)} are left out`);
    for (const { name, comparison } of compared) {
      if (comparison === null) continue;
      const { mendedAnswers, brokenAnswers } = comparison;
      const blocks = [
        comparisonSentence(name, n, comparison),
        changedAnswers("mended", mendedAnswers, show, output.style),
        changedAnswers("broken", brokenAnswers, show, output.style),
      ];
      output.show(`\n${blocks.filter((block) => block !== "").join("\n")}`);
    }
    const measuredOf = ({ name, summary, comparison }: (typeof compared)[number]) => ({
      name,
      ...summary,
      comparison: comparison && comparisonJson(comparison, show),
    });
    output.finish({ n, measured: compared.map(measuredOf) });
  });
}

/** A comparison for programs: the counts, every problem that changed, and the answers of some. */
function comparisonJson({ mendedAnswers, brokenAnswers, ...counts }: MeasurementComparison, show: number) {
  const ids = (changed: typeof mendedAnswers) => changed.map(({ before }) => before.problem);
  const samples = (changed: typeof mendedAnswers) =>
    changed.slice(0, show).map(({ before, after }) => ({
      problem: before.problem,
      question: before.question,
      gold: before.gold,
      before: { answer: before.answer, completion: before.completion },
      after: { answer: after.answer, completion: after.completion },
    }));
  return {
    ...counts,
    mendedProblems: ids(mendedAnswers),
    brokenProblems: ids(brokenAnswers),
    mendedSamples: samples(mendedAnswers),
    brokenSamples: samples(brokenAnswers),
  };
}

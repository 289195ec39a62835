import { Command } from "commander";
import { evaluationsOf, reportRun } from "../../pipeline/run-recipe.ts";
import { stageTable } from "../../report/table.ts";
import { readEvents } from "../../runs/run-reader.ts";
import { addExamples, addJson, addSeed } from "../options.ts";
import { Output } from "../output.ts";

/** `reckon report RUN`: the page of a run, finished or not. */
export function reportCommand(): Command {
  const command = new Command("report")
    .summary("write a run's report.html")
    .description("Write the report of a run, finished or under way, as one HTML page that needs no network.")
    .argument("<run>", "directory of the run, e.g. runs/quickstart")
    .option("--out <file>", "where the page goes (default: report.html in the run)");
  addSeed(command, "draws the sample attempts that are shown (default: the latest, the longer ones first)");
  addJson(command);
  addExamples(command, "report runs/quickstart", "report runs/quickstart --out /tmp/quickstart.html");
  return command.action(async (run: string, flags: { out?: string; seed?: number; json?: boolean }) => {
    const output = new Output(flags);
    const report = await reportRun(run, { path: flags.out, seed: flags.seed });
    const stages = evaluationsOf(readEvents(run));
    if (stages.length > 0) output.show(`${stageTable(stages, output.style)}\n`);
    output.show(`report   ${report}`);
    output.finish({ run, report, stages });
  });
}

import { Command } from "commander";
import { evaluationsOf, reportRun } from "../../pipeline/run-recipe.ts";
import { stageTable } from "../../report/table.ts";
import { readEvents } from "../../runs/run-reader.ts";
import { addExamples, addJson } from "../options.ts";
import { Output } from "../output.ts";

/** `reckon report RUN`: the page of a run, finished or not. */
export function reportCommand(): Command {
  const command = new Command("report")
    .summary("write a run's report.html")
    .description("Write the report of a run, finished or under way, as one HTML page that needs no network.")
    .argument("<run>", "directory of the run, e.g. runs/quickstart")
    .option("--out <file>", "where the page goes (default: report.html in the run)");
  addJson(command);
  addExamples(command, "report runs/quickstart", "report runs/quickstart --out /tmp/quickstart.html");
  return command.action(async (run: string, flags: { out?: string; json?: boolean }) => {
    const output = new Output(flags);
    const report = await reportRun(run, flags.out);
    const stages = evaluationsOf(readEvents(run));
    if (stages.length > 0) output.show(`${stageTable(stages, output.style)}\n`);
    output.show(`report   ${report}`);
    output.finish({ run, report, stages });
  });
}

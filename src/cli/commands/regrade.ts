import { Command } from "commander";
import { parse } from "yaml";
import { z } from "zod";
import { parseConfig } from "../../base/config.ts";
import { type RewardUse, rewardUseSchema } from "../../pipeline/recipe-rewards.ts";
import { type PartTotals, type Regraded, regradeRun } from "../../pipeline/regrade.ts";
import { formatCount, formatValue } from "../../report/format.ts";
import { formatTable } from "../../report/table.ts";
import { UsageError } from "../failure.ts";
import { addExamples, addJson, repeated } from "../options.ts";
import { checkOutFile } from "../out-file.ts";
import { Output } from "../output.ts";

interface Flags {
  reward?: string[];
  out?: string;
  json?: boolean;
}

/** `reckon regrade RUN --reward …`: what other rewards would have said of a run's attempts. */
export function regradeCommand(): Command {
  const command = new Command("regrade")
    .summary("score a run's stored attempts again")
    .description(
      "Score the attempts that a run has stored, of training and of evaluations, by other rewards or by graders that have " +
        "changed since, without its model. The run's own files stay as they are.",
    )
    .argument("<run>", "directory of the run, e.g. runs/quickstart")
    .option(
      "--reward <reward>",
      "a name (see docs/rewards.md), a .ts or .js file, or as in a recipe: '{use: length, weight: 0.5}'; may be repeated " +
        "(default: the rewards of the run's own recipe)",
      repeated,
    )
    .option("--out <file>", "where the attempts go, one JSON object per line (default: regraded.jsonl in the run)");
  addJson(command);
  addExamples(
    command,
    "regrade runs/quickstart",
    "regrade runs/smollm2-gsm8k --reward correct --reward ./my-reward.ts",
    "regrade runs/smollm2-gsm8k --reward '{use: outcome, options: {limit: 100}}' --json",
  );
  return command.action(async (run: string, flags: Flags) => {
    const output = new Output(flags);
    checkOutFile(flags.out);
    const regraded = await regradeRun(run, { rewards: readRewards(flags.reward), out: flags.out });
    for (const remark of regraded.remarks) output.say(remark);
    for (const source of regraded.sources) output.show(`${changeTable(source, output)}\n`);
    output.show(`attempts ${regraded.out}`);
    output.finish(regraded);
  });
}

/** Rewards as flags name them; files are relative to the working directory. */
function readRewards(flags: readonly string[] | undefined): RewardUse[] | null {
  if (flags === undefined) return null;
  const uses = flags.map((text) => {
    let value: unknown;
    try {
      value = parse(text);
    } catch (error) {
      throw new UsageError(`--reward ${text}: expected a name, a file or {use: …}: ${(error as Error).message}`);
    }
    return typeof value === "string" ? { use: value } : value;
  });
  return parseConfig(uses, z.array(rewardUseSchema), "--reward");
}

const NAMES = { attempts: "attempts of training", samples: "attempts of evaluations" };

function changeTable({ source, attempts, parts }: Regraded["sources"][number], { style }: Output): string {
  const mean = (totals: PartTotals | null) => (totals?.mean == null ? "–" : formatValue(totals.mean));
  const rows = parts.map(({ part, before, after, changed }) => [
    part === "reward" ? style.bold(part) : part,
    mean(before),
    mean(after),
    before && after ? formatCount(changed) : "",
    after && after.scored < attempts ? formatCount(attempts - after.scored) : "",
  ]);
  const columns = [
    { title: `${formatCount(attempts)} ${NAMES[source]}`, align: "left" },
    { title: "before", align: "right" },
    { title: "after", align: "right" },
    { title: "changed", align: "right" },
    { title: "not scored", align: "right" },
  ] as const;
  return formatTable(columns, rows, style);
}

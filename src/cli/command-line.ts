import { Command, CommanderError } from "commander";
import { version } from "../base/version.ts";
import { benchCommand } from "./commands/bench.ts";
import { chatCommand } from "./commands/chat.ts";
import { compareCommand } from "./commands/compare.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { evalCommand } from "./commands/eval.ts";
import { exportCommand } from "./commands/export.ts";
import { generateCommand } from "./commands/generate.ts";
import { gradeCommand } from "./commands/grade.ts";
import { pretrainCommand } from "./commands/pretrain.ts";
import { probeCommand } from "./commands/probe.ts";
import { regradeCommand } from "./commands/regrade.ts";
import { reportCommand } from "./commands/report.ts";
import { rlCommand } from "./commands/rl.ts";
import { runCommand } from "./commands/run.ts";
import { sampleCommand } from "./commands/sample.ts";
import { scoreCommand } from "./commands/score.ts";
import { describeFailure, exitCodeOf, failureText } from "./failure.ts";
import { addExamples } from "./options.ts";

/** The whole command line, in the order its help shows. */
function makeProgram(): Command {
  const program = new Command("reckon")
    .description(
      "Teach small language models to calculate, by supervision and reinforcement, on this machine's processor.",
    )
    .version(version, "--version", "print the version");
  for (const make of [
    runCommand,
    pretrainCommand,
    rlCommand,
    evalCommand,
    compareCommand,
    probeCommand,
    sampleCommand,
    chatCommand,
    generateCommand,
    scoreCommand,
    gradeCommand,
    regradeCommand,
    exportCommand,
    reportCommand,
    doctorCommand,
    benchCommand,
  ])
    program.addCommand(make());
  addExamples(program, "run recipes/quickstart.yaml", 'sample --model runs/quickstart "8+(5-9)"', "run --help");
  settleUsageErrors(program);
  return program;
}

/** Usage errors are thrown, not printed: they go out like all others, as JSON, too. */
function settleUsageErrors(command: Command): void {
  command
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showHelpAfterError(false);
  for (const child of command.commands) settleUsageErrors(child);
}

/**
 * Runs a command line and sets the process's exit code: 0; 1 for an error; 2 for a wrong command line; 130 when stopped.
 *
 * @param args what follows the program's name
 */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  try {
    await makeProgram().parseAsync(args, { from: "user" });
  } catch (error) {
    // --help and --version end this way, too.
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const failure = describeFailure(error);
    // A command without its subcommand has printed its help already.
    if (error instanceof CommanderError && error.code === "commander.help") failure.message = "expected a command";
    process.stderr.write(`${failureText(failure)}\n`);
    if (args.includes("--json")) process.stdout.write(`${JSON.stringify({ error: failure })}\n`);
    process.exitCode = exitCodeOf(failure);
  }
}

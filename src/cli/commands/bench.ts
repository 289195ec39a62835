import { Command } from "commander";
import { addExamples } from "../options.ts";
import { benchMatmulCommand } from "./bench-matmul.ts";
import { benchTinyCommand } from "./bench-tiny.ts";

/** `reckon bench matmul|tiny`: how fast this machine is, in figures other programs can be held against. */
export function benchCommand(): Command {
  const command = new Command("bench")
    .summary("time matrix products, or a small training step")
    .description(
      "Time the engine on this machine. Run it when nothing else does; frequency and neighbours change figures.",
    );
  command.addCommand(benchMatmulCommand());
  command.addCommand(benchTinyCommand());
  addExamples(command, "bench matmul --json", "bench tiny --threads 1");
  return command;
}

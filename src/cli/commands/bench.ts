import { Command } from "commander";
import { addExamples } from "../options.ts";
import { benchMatmulCommand } from "./bench-matmul.ts";
import { benchGrpoCommand, benchSftCommand, benchTinyCommand } from "./bench-training.ts";

/** `reckon bench matmul|tiny|grpo|sft`: how fast this machine is, in figures other programs can be held against. */
export function benchCommand(): Command {
  const command = new Command("bench")
    .summary("time matrix products, or training steps")
    .description(
      "Time the engine on this machine. Run it when nothing else does; frequency and neighbours change figures.",
    );
  command.addCommand(benchMatmulCommand());
  for (const make of [benchTinyCommand, benchGrpoCommand, benchSftCommand]) command.addCommand(make());
  addExamples(command, "bench matmul --json", "bench tiny --threads 1", "bench grpo smol-135m-lora");
  return command;
}

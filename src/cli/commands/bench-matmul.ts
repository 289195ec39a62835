import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { benchMatmul } from "../../engine/bench-matmul.ts";
import { formatTable } from "../../report/table.ts";
import { UsageError } from "../failure.ts";
import { addExamples, addJson, addSeed, addThreads, wholeNumber } from "../options.ts";
import { Output } from "../output.ts";

interface Flags {
  m?: number;
  k?: number;
  n?: number;
  dtype?: "bf16" | "f32";
  threads?: number | "auto";
  seed: number;
  out?: string;
  json?: boolean;
}

/** `reckon bench matmul`: the rate of matrix products. */
export function benchMatmulCommand(): Command {
  const command = new Command("matmul")
    .summary("time matrix products")
    .description(
      "Time products [m,k] × [k,n] on the native device: a large one, as in training, and one of few rows, as in decoding.\n" +
        "RECKON_ISA=NAME forces an instruction set.",
    );
  for (const [flag, what] of Object.entries({
    m: "rows of the first operand",
    k: "inner size",
    n: "columns of the result",
  }))
    command.option(`--${flag} <n>`, `${what}; with the other two: this shape instead`, wholeNumber(1, 1e6));
  command.addOption(new Option("--dtype <type>", "operands (default: both)").choices(["bf16", "f32"]));
  addThreads(command);
  addSeed(command, "draws the operands", 0);
  command.option("--out <file>", "write the JSON array to a file, too");
  addJson(command, "end standard output with one JSON array; everything else on standard error");
  addExamples(command, "bench matmul --json", "bench matmul --m 64 --k 256 --n 1024 --dtype f32 --threads 1");
  return command.action(async ({ m, k, n, dtype, threads, seed, out, json }: Flags) => {
    const given = [m, k, n].filter((size) => size !== undefined).length;
    if (given !== 0 && given !== 3) throw new UsageError("--m, --k and --n are one shape: give all three, or none");
    const output = new Output({ json });
    const results = await benchMatmul({ m, k, n, dtype, threads, seed });
    const columns = ["dtype", "m", "k", "n", "GFLOP/s", "w packed anew", "threads", "instructions"].map(
      (title, i) => ({ title, align: i === 0 || i === 7 ? "left" : "right" }) as const,
    );
    const rows = results.map((one) => [
      ...[one.dtype, one.m, one.k, one.n, Math.round(one.gflops), Math.round(one.gflopsWithPacking)].map(String),
      ...[one.threads, one.isa].map(String),
    ]);
    output.show(formatTable(columns, rows, output.style));
    if (out) writeFileSync(out, `${JSON.stringify(results)}\n`);
    output.finish(results);
  });
}

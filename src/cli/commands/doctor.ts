import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { DeviceError } from "../../base/errors.ts";
import { version } from "../../base/version.ts";
import { measureReadBandwidth, type ReadBandwidth } from "../../engine/bench-bandwidth.ts";
import { type DeviceReport, describeDevices } from "../../engine/registry.ts";
import { type SelfTest, testKernels } from "../../engine/self-test.ts";
import { formatTable } from "../../report/table.ts";
import type { TerminalStyle } from "../../report/terminal-style.ts";
import { exitCodes } from "../failure.ts";
import { addExamples, addJson, addSeed } from "../options.ts";
import { Output } from "../output.ts";

/** `reckon doctor`: what this machine has, which kernels a run would get, and what is missing. */
export function doctorCommand(): Command {
  const command = new Command("doctor")
    .summary("show processor, kernels, threads, memory and what is missing")
    .description(
      "Show what this machine has, which kernels a run gets and why, and what is missing and how to get it.\n" +
        "Exit code 1 when the native device cannot be used or computes wrongly. RECKON_ISA=NAME forces an instruction set.",
    );
  addSeed(command, "draws the operands of the self-test", 0);
  command.option("--out <file>", "write the JSON object to a file, too");
  addJson(command);
  addExamples(command, "doctor", "doctor --json --out doctor.json");
  return command.action(async (flags: Flags) => {
    const output = new Output(flags);
    const report = describeDevices();
    const selfTest = report.native.chosen ? await testKernels({ seed: flags.seed }) : null;
    const ok = selfTest?.agree === true;
    const readBandwidth = report.native.chosen ? bandwidthIfAny() : null;
    output.show(doctorText({ ...report, selfTest, readBandwidth }, output.style));
    if (!ok) process.exitCode = exitCodes.failed;
    const result = { ok, version, ...report, selfTest, readBandwidth };
    if (flags.out) writeFileSync(flags.out, `${JSON.stringify(result)}\n`);
    output.finish(result);
  });
}

interface Flags {
  seed: number;
  out?: string;
  json?: boolean;
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Null on a machine too full to measure it: the rest of the report is worth having there. */
function bandwidthIfAny(): ReadBandwidth | null {
  try {
    return measureReadBandwidth();
  } catch (error) {
    if (error instanceof DeviceError) return null;
    throw error;
  }
}

interface Findings extends DeviceReport {
  selfTest: SelfTest | null;
  readBandwidth: ReadBandwidth | null;
}

/** The report for people. */
function doctorText(
  { processor, memory, node, native, selfTest, readBandwidth }: Findings,
  style: TerminalStyle,
): string {
  const facts: [string, string][] = [
    ["reckon", version],
    ["node", node],
    ["processor", `${processor.model} (${processor.arch}, ${processor.cores} available)`],
    ["memory", `${gibibytes(memory.totalBytes)}, ${gibibytes(memory.freeBytes)} free`],
    ["addon", `${native.path} (${native.state})`],
  ];
  const { chosen } = native;
  if (chosen) {
    const why = chosen.forced ? "RECKON_ISA asks for it" : "the strongest available";
    facts.push(["kernels", `${chosen.isa}, ${why}`]);
    facts.push(["products", `${chosen.precision} operands, f32 sums`]);
    facts.push(["threads", `${chosen.threads}`]);
  }
  if (readBandwidth) {
    const { oneThread, allThreads, threads } = readBandwidth;
    facts.push([
      "reads",
      `${oneThread.toFixed(1)} GB/s from memory with one thread, ${allThreads.toFixed(1)} GB/s with ${threads}`,
    ]);
  }
  if (selfTest) {
    const verdict = selfTest.agree ? "yes" : `no, only ${selfTest.equal} of ${selfTest.count} numbers of a product`;
    facts.push(["self-test", `kernels agree with the reference: ${verdict}`]);
  }
  const lines = facts.map(([name, value]) => `${style.dim(name.padEnd(9))}  ${value}`);
  if (native.levels.length > 0) {
    const rows = native.levels.map(({ name, available, reason }) => [
      name === chosen?.isa ? style.bold(name) : name,
      available ? style.green("yes") : "no",
      available ? "" : reason,
    ]);
    const columns = (["instructions", "available", "why not"] as const).map(
      (title) => ({ title, align: "left" }) as const,
    );
    lines.push("", formatTable(columns, rows, style));
  }
  const fault = native.problem ?? native.reason;
  if (selfTest?.agree === false) {
    lines.push("", `${style.red("✗")} the native device computes wrongly here: please report it with these lines`);
    lines.push("  until then: RECKON_ISA=portable, or --device reference, hundreds of times slower");
  } else if (fault === undefined) lines.push("", `${style.green("✓")} the native device is ready`);
  else {
    lines.push("", `${style.red("✗")} the native device cannot be used: ${fault}`);
    if (native.mend) lines.push(`  ${native.mend}`);
    lines.push("  until then: --device reference, hundreds of times slower");
  }
  return lines.join("\n");
}

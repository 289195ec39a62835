import { Command } from "commander";
import { version } from "../../base/version.ts";
import { type DeviceReport, describeDevices } from "../../engine/registry.ts";
import { formatTable } from "../../report/table.ts";
import type { TerminalStyle } from "../../report/terminal-style.ts";
import { exitCodes } from "../failure.ts";
import { addExamples, addJson } from "../options.ts";
import { Output } from "../output.ts";

/** `reckon doctor`: what this machine has, which kernels a run would get, and what is missing. */
export function doctorCommand(): Command {
  const command = new Command("doctor")
    .summary("show processor, kernels, threads, memory and what is missing")
    .description(
      "Show what this machine has, which kernels a run gets and why, and what is missing and how to get it.\n" +
        "Exit code 1 when the native device cannot be used. RECKON_ISA=NAME forces an instruction set.",
    );
  addJson(command);
  addExamples(command, "doctor", "doctor --json");
  return command.action((flags: { json?: boolean }) => {
    const output = new Output(flags);
    const report = describeDevices();
    const ok = report.native.chosen !== undefined;
    output.show(doctorText(report, output.style));
    if (!ok) process.exitCode = exitCodes.failed;
    output.finish({ ok, version, ...report });
  });
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** The report for people. */
export function doctorText(report: DeviceReport, style: TerminalStyle): string {
  const { processor, memory, node, native } = report;
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
  if (fault === undefined) lines.push("", `${style.green("✓")} the native device is ready`);
  else {
    lines.push("", `${style.red("✗")} the native device cannot be used: ${fault}`);
    if (native.mend) lines.push(`  ${native.mend}`);
    lines.push("  until then: --device reference, hundreds of times slower");
  }
  return lines.join("\n");
}

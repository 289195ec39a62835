import { vi } from "vitest";
import { runCommandLine } from "../../src/cli/command-line.ts";
import type { Ended } from "./reckon.ts";

/** Runs a command line in this process, for what needs none of its own. */
export async function runHere(args: readonly string[]): Promise<Omit<Ended, "signal">> {
  const said = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((chunk) => {
      said[name] += chunk;
      return true;
    }),
  );
  await runCommandLine(args);
  for (const spy of spies) spy.mockRestore();
  const code = Number(process.exitCode ?? 0);
  process.exitCode = 0;
  return { ...said, code };
}

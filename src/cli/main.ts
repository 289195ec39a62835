#!/usr/bin/env node
import { runCommandLine } from "./command-line.ts";
import { describeFailure, exitCodes, failureText } from "./failure.ts";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that closes the pipe early (`reckon report … | head`) has seen enough.
  if (error.code === "EPIPE") process.exit();
  process.stderr.write(`${failureText(describeFailure(error))}\n`);
  process.exit(exitCodes.failed);
});

await runCommandLine(process.argv.slice(2));

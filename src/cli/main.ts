#!/usr/bin/env node
import { runCommandLine } from "./command-line.ts";

// A reader that closes the pipe early (`reckon report … | head`) has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

await runCommandLine(process.argv.slice(2));

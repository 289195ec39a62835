import { CommanderError } from "commander";
import { ReckonError } from "../base/errors.ts";
import * as base from "../base/failure.ts";

/** Exit codes: 1 something went wrong, 2 the command line is wrong, 130 stopped by a signal (128 + SIGINT). */
export const exitCodes = { failed: 1, usage: 2, stopped: 130 } as const;

/** A wrong command line that commander cannot see by itself: options that do not go together. */
export class UsageError extends ReckonError {}

/** What any thrown value comes to, as `describeFailure` of the base; what commander refuses is a `UsageError`. */
export function describeFailure(value: unknown): base.Failure {
  if (value instanceof CommanderError) return { name: "UsageError", message: value.message.replace(/^error: /, "") };
  return base.describeFailure(value);
}

/** Exit code of a failure. */
export const exitCodeOf = ({ name }: base.Failure): number =>
  name === "UsageError" ? exitCodes.usage : exitCodes.failed;

/** A failure as it is printed: one message, or the stack with a request to report it. */
export function failureText({ message, stack }: base.Failure): string {
  if (stack === undefined) return `error: ${message}`;
  return `${stack}\n\nThis is a fault of reckon's. Please report it with the command you ran and the lines above, and what \`reckon doctor\` prints.`;
}

import { explainWriteFailure } from "./atomic-file.ts";
import * as errors from "./errors.ts";

/** An error as data: it crosses from a worker to the thread that reports it, and out as JSON. */
export interface Failure {
  /** The error's class. */
  name: string;
  message: string;
  /** Set when it is a fault of reckon's, not something the user can act on. */
  stack?: string;
}

/** What any thrown value comes to; a stack only where the user cannot act on it. */
export function describeFailure(value: unknown): Failure {
  const thrown = explainWriteFailure(value, { path: systemPath(value) ?? "the output", bytes: 0 });
  if (thrown instanceof errors.ReckonError) return { name: thrown.name, message: thrown.message };
  const path = systemPath(thrown);
  if (path !== null)
    return { name: "SystemError", message: `${(thrown as Error).message}; check the path and its permissions` };
  if (thrown instanceof Error)
    return { name: thrown.name, message: thrown.message, stack: thrown.stack ?? thrown.message };
  return { name: "Error", message: String(thrown), stack: String(thrown) };
}

/** The file that the system refused to open, read or write; null for any other error. */
function systemPath(thrown: unknown): string | null {
  const { syscall, path } = (thrown ?? {}) as NodeJS.ErrnoException;
  return syscall !== undefined && path !== undefined ? path : null;
}

/** The error a failure was made from, of the same class where it is one of reckon's. */
export function restoreFailure({ name, message, stack }: Failure): Error {
  const known = Object.entries(errors).find(([className]) => className === name)?.[1];
  if (known && stack === undefined) return new known(message);
  const error = new Error(message);
  error.name = name;
  error.stack = stack;
  return error;
}

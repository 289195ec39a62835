import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import { type MessagePort, workerData } from "node:worker_threads";

/** What a thread of `TimedWorkers` says: once that it is ready, then how each task ended. */
export type WorkerMessage<Result> =
  /** thread: the system's number of it, where there is one. */
  { kind: "ready"; thread?: number | null } | { kind: "done"; result: Result } | { kind: "failed"; reason: string };

/** Does the tasks of the `TimedWorkers` that started this thread, one at a time; the last thing its module calls. */
export function serveTasks<Task, Result>(perform: (task: Task) => Result | Promise<Result>): void {
  const { port } = workerData as { port: MessagePort };
  // Standard output is for the results of whoever started the threads, not for what a library prints.
  process.stdout.write = process.stderr.write.bind(process.stderr);
  const say = (message: WorkerMessage<Result>) => port.postMessage(message);
  port.on("message", async (task: Task) => {
    try {
      say({ kind: "done", result: await perform(task) });
    } catch (error) {
      say({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
    }
  });
  say({ kind: "ready", thread: threadNumber() });
}

/** What Linux calls this thread, by which others can ask for the processor time it has used. */
function threadNumber(): number | null {
  try {
    return Number(basename(readlinkSync("/proc/thread-self")));
  } catch {
    return null;
  }
}

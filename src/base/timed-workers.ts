import { readFileSync } from "node:fs";
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { WorkerMessage } from "./serve-tasks.ts";

/** How a task in another thread ended; `failed` says why there is no result: it overran, threw, or ended its thread. */
export type TaskOutcome<Result> = { kind: "done"; result: Result } | { kind: "failed"; reason: string };

/** How threads are run. */
export interface TimedWorkersOptions {
  /** The module each thread runs; it calls `serveTasks`. */
  url: URL;
  /** Threads at most; each is started when there is a task for it. */
  threads: number;
  /**
   * Longest time of one task: of the thread's processor time where the system tells it (Linux), so that a busy machine
   * changes no outcome, and ten times as long by the clock; by the clock elsewhere. A thread that overruns it is ended, and
   * another one started when there is more to do.
   */
  timeoutMs: number;
  /** Longest time that a thread may take to get ready. Default a minute. */
  startMs?: number;
  /** Memory of JavaScript's values in a thread; one that needs more ends, and its task has failed. Default 512. */
  heapMb?: number;
}

interface Job<Task, Result> {
  task: Task;
  resolve(outcome: TaskOutcome<Result>): void;
  reject(error: Error): void;
}

/** One thread: getting ready, idle, or at work on a job. */
interface Seat<Task, Result> {
  worker: Worker;
  port: MessagePort;
  job: Job<Task, Result> | null;
  ready: boolean;
  /** The system's number of the thread; null where it has none, and before it is ready. */
  thread: number | null;
  timer: NodeJS.Timeout | undefined;
}

/** How much longer than a task's limit of processor time it may take by the clock. */
const CLOCK_FACTOR = 10;
/** Shortest wait before processor time is looked at again. */
const LOOK_AGAIN_MS = 20;

/**
 * Threads for tasks that may never end by themselves: each task gets a thread alone and a time limit, and one that hangs,
 * crashes or fills its memory harms no other. Tasks are begun in order. Idle threads keep no process alive.
 */
export class TimedWorkers<Task, Result> {
  readonly #options: Required<TimedWorkersOptions>;
  readonly #queue: Job<Task, Result>[] = [];
  readonly #seats = new Set<Seat<Task, Result>>();
  #closed = false;

  constructor(options: TimedWorkersOptions) {
    this.#options = { startMs: 60_000, heapMb: 512, ...options };
  }

  /**
   * Runs a task.
   * @throws Error when the threads cannot be started, or are closed first
   */
  run(task: Task): Promise<TaskOutcome<Result>> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ task, resolve, reject });
      this.#assign();
    });
  }

  /** Ends all threads; tasks under way are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#rejectAll(new Error("the threads were closed before the task was done"));
    await Promise.all([...this.#seats].map((seat) => this.#end(seat)));
  }

  #assign(): void {
    if (this.#closed) this.#rejectAll(new Error("the threads are closed"));
    for (const seat of this.#seats) if (seat.ready && seat.job === null) this.#give(seat, this.#queue.shift());
    const starting = [...this.#seats].filter(({ ready }) => !ready).length;
    const wanted = Math.min(this.#queue.length - starting, this.#options.threads - this.#seats.size);
    for (let i = 0; i < wanted; i++) this.#start();
  }

  /** Hands an idle thread its next job; without one it no longer keeps the process alive. */
  #give(seat: Seat<Task, Result>, job: Job<Task, Result> | undefined): void {
    if (job === undefined) {
      seat.worker.unref();
      return;
    }
    seat.worker.ref();
    seat.job = job;
    const { timeoutMs } = this.#options;
    const [busyBefore, began] = [processorMs(seat.thread), performance.now()];
    const overrun = () => {
      const busy = processorMs(seat.thread);
      const left = busy === null || busyBefore === null ? 0 : timeoutMs - (busy - busyBefore);
      if (left > 0 && performance.now() - began < CLOCK_FACTOR * timeoutMs)
        return this.#limit(seat, Math.max(left, LOOK_AGAIN_MS), overrun);
      void this.#end(seat);
      job.resolve({ kind: "failed", reason: `over the time limit of ${timeoutMs / 1000} s` });
    };
    this.#limit(seat, timeoutMs, overrun);
    seat.port.postMessage(job.task);
  }

  #start(): void {
    const { url, heapMb, startMs } = this.#options;
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker(url, {
      workerData: { port: port2 },
      transferList: [port2],
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    const seat: Seat<Task, Result> = { worker, port: port1, job: null, ready: false, thread: null, timer: undefined };
    this.#seats.add(seat);
    port1.on("message", (message) => this.#hear(seat, message));
    // The thread itself keeps the process alive while it is at work.
    port1.unref();
    worker.on("error", (error) => this.#ended(seat, error.message));
    worker.on("exit", (code) => this.#ended(seat, `its thread ended with code ${code}`));
    this.#limit(seat, startMs, () => this.#ended(seat, `its thread was not ready within ${startMs / 1000} s`));
  }

  /**
   * Calls `overrun` unless the thread says something in time. What it said while this thread was busy and could not listen
   * counts: timers come before messages.
   */
  #limit(seat: Seat<Task, Result>, milliseconds: number, overrun: () => void): void {
    seat.timer = setTimeout(() => {
      const late = receiveMessageOnPort(seat.port);
      if (late) this.#hear(seat, late.message);
      else overrun();
      this.#assign();
    }, milliseconds);
  }

  #hear(seat: Seat<Task, Result>, message: WorkerMessage<Result>): void {
    if (!this.#seats.has(seat)) return;
    clearTimeout(seat.timer);
    const { job } = seat;
    [seat.ready, seat.job] = [true, null];
    if (message.kind === "ready") seat.thread = message.thread ?? null;
    else job?.resolve(message);
    this.#assign();
  }

  /** A thread is gone. One that never got ready would not the next time: whoever waits is told. */
  #ended(seat: Seat<Task, Result>, reason: string): void {
    if (!this.#seats.has(seat)) return;
    void this.#end(seat);
    if (!seat.ready) this.#rejectAll(new Error(`a thread for ${this.#options.url} could not be started: ${reason}`));
    seat.job?.resolve({ kind: "failed", reason });
    this.#assign();
  }

  #end(seat: Seat<Task, Result>): Promise<number> {
    clearTimeout(seat.timer);
    this.#seats.delete(seat);
    seat.port.close();
    return seat.worker.terminate();
  }

  #rejectAll(error: Error): void {
    const running = this.#closed ? [...this.#seats].flatMap(({ job }) => job ?? []) : [];
    for (const job of [...running, ...this.#queue.splice(0)]) job.reject(error);
  }
}

/** Processor time that a thread of this process has used, in milliseconds; null where the system does not tell. */
function processorMs(thread: number | null): number | null {
  if (thread === null) return null;
  try {
    return Number(readFileSync(`/proc/self/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    return null;
  }
}

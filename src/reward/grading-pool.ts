import { type TaskOutcome, TimedWorkers } from "../base/timed-workers.ts";
import { judgeCheaply, type Verdict } from "./answers/judge-answer.ts";
import type { JudgingTask } from "./grading-worker.ts";

/** Whether an answer means the same as the gold one; null also where it took too long to tell. */
export interface Judgement extends Verdict {
  /** Why there is no verdict, where it is not for the gold answer's sake. */
  reason?: string;
}

/** Says whether an answer means the same as a gold one: at once where it can, else by a promise. */
export type Judge = (answer: string, gold: string) => Judgement | Promise<Judgement>;

/** How answers are judged that take computer algebra. */
export interface GradingPoolOptions {
  /** Threads at most, started when there is a need. Default 1. */
  threads?: number;
  /** Longest time of one answer, in milliseconds. Default 1000. */
  timeoutMs?: number;
}

/** A judge, and the end of its threads. Idle threads keep no process alive, so closing is for what must end at once. */
export interface GradingPool {
  judge: Judge;
  close(): Promise<void>;
}

/** Judgements that are remembered: the attempts of a group often say the same. */
const MOST_REMEMBERED = 10_000;

/**
 * Judges answers by `judgeAnswer`: cheap tiers on the calling thread, computer algebra on others under a time limit. Text
 * such as `9^{9^{9^9}}` can neither hang nor crash whoever asks: its judgement is `null`, with the reason.
 *
 * @throws Error, from a judgement, when no thread can be started
 */
export function openGradingPool({ threads = 1, timeoutMs = 1000 }: GradingPoolOptions = {}): GradingPool {
  // Sources run as they are where there is no compiled file beside this one.
  const url = import.meta.url.endsWith(".ts")
    ? new URL("./grading-worker.ts", import.meta.url)
    : new URL("./grading-worker.js", import.meta.url);
  const workers = new TimedWorkers<JudgingTask, Verdict>({ url, threads, timeoutMs });
  const known = new Map<string, Promise<Judgement>>();
  return {
    judge(answer, gold) {
      const cheap = judgeCheaply(answer, gold);
      if (cheap !== null) return cheap;
      const key = JSON.stringify([answer, gold]);
      const before = known.get(key);
      if (before !== undefined) return before;
      const judgement = workers.run({ answer, gold }).then(judgementOf);
      if (known.size >= MOST_REMEMBERED) known.clear();
      known.set(key, judgement);
      return judgement;
    },
    close: () => workers.close(),
  };
}

function judgementOf(outcome: TaskOutcome<Verdict>): Judgement {
  if (outcome.kind === "done") return outcome.result;
  return { equal: null, tier: "symbolic", reason: outcome.reason };
}

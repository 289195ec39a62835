import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { explainWriteFailure, writeFileAtomic } from "../base/atomic-file.ts";
import { ReckonError } from "../base/errors.ts";
import type { AttemptRecord, RunEvent } from "../records/events.ts";
import { AppendLog } from "./append-log.ts";
import {
  bestCheckpoint,
  byStage,
  checkKeepLast,
  checkStageName,
  listCheckpoints,
  pruneCheckpoints,
  removeDirectory,
  type WriteCheckpoint,
  writeCheckpoint,
  writeDirectory,
} from "./checkpoints.ts";
import type { RunLock } from "./lock.ts";
import { metricsCsv } from "./metrics-csv.ts";
import { liesAfter, type ResumePoint, stagesBefore } from "./replay.ts";
import { type LogMarker, newestCheckpoint, type RunManifest, readEvents, readManifest } from "./run-reader.ts";

/** Longest time a written event stays in this process, in milliseconds. */
const FLUSH_MS = 250;

/**
 * Writes one run. Lines are buffered for at most 250 ms while the thread's event loop turns and written at once after a
 * quieter spell; they reach the disk (fsync) at checkpoints. A failed write throws from the next call, whichever it is.
 */
export class RunWriter {
  readonly dir: string;
  readonly manifest: RunManifest;
  readonly #lock: RunLock;
  readonly #now: () => number;
  readonly #events: AppendLog;
  readonly #attempts: AppendLog;
  readonly #samples: AppendLog;
  #flushedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #failure: unknown = null;
  #lastGood: string | null;
  #closed = false;

  /** Use `createRun` or `openRun`. */
  constructor(dir: string, lock: RunLock, now: () => number) {
    this.dir = dir;
    this.manifest = readManifest(dir);
    this.#lock = lock;
    this.#now = now;
    const lastGood = () => this.#lastGood;
    this.#events = new AppendLog(join(dir, "events.jsonl"), lastGood);
    this.#attempts = new AppendLog(join(dir, "attempts.jsonl"), lastGood);
    this.#samples = new AppendLog(join(dir, "samples.jsonl"), lastGood);
    this.#lastGood = newestCheckpoint(dir);
  }

  /** Adds an event to events.jsonl. Metrics that are not finite are kept as text, since JSON has no NaN. */
  append(event: RunEvent): void {
    this.#check();
    this.#events.append(event.type === "metrics" ? encodeMetrics(event) : event);
    this.#scheduleFlush();
  }

  /** Adds training attempts to attempts.jsonl. */
  appendAttempts(records: readonly AttemptRecord[]): void {
    this.#check();
    for (const record of records) this.#attempts.append(record);
    this.#scheduleFlush();
  }

  /** Adds one evaluation's samples to samples.jsonl; they replace those of an earlier evaluation at the same stage and step. */
  appendSamples(at: { stage: string; step: number }, records: readonly AttemptRecord[]): void {
    this.#check();
    this.#samples.append({ type: "samples", stage: at.stage, step: at.step } satisfies LogMarker);
    for (const record of records) this.#samples.append({ ...record, stage: at.stage, step: at.step });
    this.#scheduleFlush();
  }

  /**
   * Notes that the run goes on after `step` of `stage`: what the logs hold beyond is superseded, and checkpoints beyond
   * and the final model are deleted. Call it once after `openRun`, before anything is appended.
   */
  resumeFrom(stage: string, step: number): void {
    this.#check();
    const stages = new Set<string>();
    for (const event of readEvents(this.dir)) if ("stage" in event) stages.add(event.stage);
    const point: ResumePoint = { stage, step, earlier: stagesBefore(stage, stages) };
    this.#events.append({ type: "resume", time: this.#now(), stage, step } satisfies RunEvent);
    for (const log of [this.#attempts, this.#samples]) log.append({ type: "resume", ...point } satisfies LogMarker);
    this.#sync();
    for (const one of listCheckpoints(this.dir)) if (liesAfter(one.stage, one.step, point)) removeDirectory(one.path);
    const final = join(this.dir, "final");
    if (existsSync(final)) removeDirectory(final);
    this.#lastGood = newestCheckpoint(this.dir);
  }

  /**
   * Makes everything so far durable and keeps a checkpoint: logs synced, `checkpoints/<stage>-<step>` filled aside by
   * `write` and renamed, then the `checkpoint` event, retention, and metrics.csv.
   *
   * @param checkpoint.score chooses the best of a stage, higher is better; null or absent when not measured
   * @param checkpoint.keepLast checkpoints kept per stage besides the best; from 1, default 2
   * @returns the event that was appended; its path is relative to the run's directory
   * @throws CheckpointError when the disk is full; the run and its earlier checkpoints stay as they were
   */
  async saveCheckpoint(checkpoint: {
    stage: string;
    step: number;
    score?: number | null;
    keepLast?: number;
    write: WriteCheckpoint;
  }): Promise<Extract<RunEvent, { type: "checkpoint" }>> {
    const { stage, step, score = null, keepLast = 2, write } = checkpoint;
    checkStageName(stage);
    checkKeepLast(keepLast);
    this.#check();
    this.#sync();
    const saved = await writeCheckpoint(this.dir, { stage, step, score, write, lastGood: this.#lastGood });
    this.#lastGood = saved.path;
    const ofStage = byStage(listCheckpoints(this.dir)).get(stage) ?? [];
    const best = bestCheckpoint(ofStage)?.step === step;
    const path = relative(this.dir, saved.path).replaceAll("\\", "/");
    const event = { type: "checkpoint", time: this.#now(), stage, step, path, best } as const;
    this.append(event);
    // Before older checkpoints go: a kill in between must not leave the log pointing at deleted ones alone.
    this.#flush();
    pruneCheckpoints(this.dir, keepLast);
    this.#writeMetrics();
    return event;
  }

  /**
   * Writes the finished model into `final/`, whole or not at all.
   *
   * @returns its path
   * @throws CheckpointError when the disk is full
   */
  async saveFinal(write: WriteCheckpoint): Promise<string> {
    this.#check();
    this.#sync();
    const path = join(this.dir, "final");
    await writeDirectory(path, this.#lastGood, write);
    this.#writeMetrics();
    return path;
  }

  /** Hands buffered lines to the system now. */
  flush(): void {
    this.#check();
    this.#flush();
  }

  /** Flushes, brings metrics.csv up to date, and gives the directory back; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    let failure = this.#failure;
    const attempt = (action: () => void) => {
      try {
        action();
      } catch (error) {
        failure ??= error;
      }
    };
    for (const log of [this.#events, this.#attempts, this.#samples]) attempt(() => log.close());
    if (failure === null) attempt(() => this.#replaceMetrics());
    this.#lock.release();
    if (failure !== null) throw failure;
  }

  #check(): void {
    if (this.#closed) throw new ReckonError(`${this.dir}: this run writer is closed; open the run again with openRun`);
    if (this.#failure !== null) throw this.#failure;
  }

  #scheduleFlush(): void {
    if (performance.now() - this.#flushedAt >= FLUSH_MS) this.#flush();
    else if (this.#timer === null) {
      this.#timer = setTimeout(() => {
        try {
          this.#flush();
        } catch {
          // Kept in #failure: the next call throws it where the run can handle it.
        }
      }, FLUSH_MS);
      this.#timer.unref();
    }
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#flushedAt = performance.now();
    this.#guard(() => {
      for (const log of [this.#events, this.#attempts, this.#samples]) log.flush();
    });
  }

  #sync(): void {
    this.#guard(() => {
      for (const log of [this.#events, this.#attempts, this.#samples]) log.sync();
    });
  }

  #writeMetrics(): void {
    this.#flush();
    this.#replaceMetrics();
  }

  #replaceMetrics(): void {
    const text = metricsCsv(readEvents(this.dir));
    writeFileAtomic(join(this.dir, "metrics.csv"), text, { lastGood: this.#lastGood });
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#failure = explainWriteFailure(error, { path: this.dir, bytes: 0, lastGood: this.#lastGood });
      throw this.#failure;
    }
  }
}

/** Keeps NaN and ±Infinity readable: JSON would turn them into null. */
function encodeMetrics(event: Extract<RunEvent, { type: "metrics" }>): unknown {
  for (const value of Object.values(event.values)) {
    if (!Number.isFinite(value)) {
      const entries = Object.entries(event.values).map(([name, one]) => [
        name,
        Number.isFinite(one) ? one : String(one),
      ]);
      return { ...event, values: Object.fromEntries(entries) };
    }
  }
  return event;
}

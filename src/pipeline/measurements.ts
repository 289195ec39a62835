import { existsSync, statSync } from "node:fs";
import { DataError } from "../base/errors.ts";
import { mcnemarP } from "../base/statistics.ts";
import { type AttemptsSummary, summarizeAttempts } from "../eval/summarize.ts";
import type { AttemptRecord, PairedComparison } from "../records/events.ts";
import { readLog } from "../runs/append-log.ts";
import { readSamples, runExists } from "../runs/run-reader.ts";
import { isCounted } from "./attempt-record.ts";

/** The counted attempts of one measurement: a stage of a run, or a file of `reckon eval --out`. */
export interface Measurement {
  /** As it was named: `runs/a:sft`, `attempts.jsonl`. */
  name: string;
  /** One record per problem, by the problem's id. */
  records: ReadonlyMap<string, AttemptRecord>;
}

/**
 * The measurements that a reference names: `RUN:STAGE` one stage of a run, `RUN` all of its stages in order, a file what
 * `reckon eval --out` wrote.
 *
 * @throws DataError when there is no such run, stage or file, or nothing was measured
 */
export function readMeasurements(reference: string): Measurement[] {
  if (statSync(reference, { throwIfNoEntry: false })?.isFile())
    return [{ name: reference, records: indexed(reference, readLog<AttemptRecord>(reference)) }];
  const { run, stage } = splitReference(reference);
  if (!runExists(run))
    throw new DataError(
      `${reference}: expected the directory of a run, RUN:STAGE, or a file that reckon eval --out wrote; there is none`,
    );
  // A stage that was measured at several steps counts as it ended.
  const stages = new Map<string, { step: number; records: AttemptRecord[] }>();
  for (const record of readSamples(run)) {
    const known = stages.get(record.stage);
    if (known === undefined || record.step > known.step)
      stages.set(record.stage, { step: record.step, records: [record] });
    else if (record.step === known.step) known.records.push(record);
  }
  const found = [...stages].filter(([name]) => stage === null || name === stage);
  if (found.length === 0) {
    const there = [...stages.keys()].join(", ");
    throw new DataError(
      there === ""
        ? `${run}: no stage has been measured yet; wait for one, or measure with reckon eval --out FILE`
        : `${reference}: ${run} has no measured stage ${stage}; it has ${there}`,
    );
  }
  return found.map(([name, { records }]) => ({ name: `${run}:${name}`, records: indexed(`${run}:${name}`, records) }));
}

/** `RUN:STAGE` in its parts; a path may itself hold colons. */
function splitReference(reference: string): { run: string; stage: string | null } {
  const colon = reference.lastIndexOf(":");
  if (colon < 0 || existsSync(reference)) return { run: reference, stage: null };
  return { run: reference.slice(0, colon), stage: reference.slice(colon + 1) };
}

function indexed(name: string, records: Iterable<AttemptRecord>): Map<string, AttemptRecord> {
  const byProblem = new Map<string, AttemptRecord>();
  for (const record of records) {
    if (typeof record?.problem !== "string" || typeof record.parts !== "object")
      throw new DataError(`${name}: expected attempts as reckon eval --out writes them, one JSON object a line`);
    if (isCounted(record)) byProblem.set(record.problem, record);
  }
  if (byProblem.size === 0) throw new DataError(`${name}: expected attempts, there are none`);
  return byProblem;
}

/** A problem that two measurements answered differently. */
export interface ChangedAnswer {
  before: AttemptRecord;
  after: AttemptRecord;
}

/** One measurement set against another on the problems that all have. */
export interface MeasurementComparison extends PairedComparison {
  mendedAnswers: ChangedAnswer[];
  brokenAnswers: ChangedAnswer[];
}

/** One measurement on the problems that all have, and how it differs from the one it is compared with. */
export interface ComparedMeasurement {
  name: string;
  /** Problems that it has in all. */
  measured: number;
  summary: AttemptsSummary;
  /** null for the first. */
  comparison: MeasurementComparison | null;
}

/**
 * Measurements on the problems that all of them have, each against the first, or, for the stages of one recipe, against the
 * one before it, by McNemar's exact test. One question that is not the same text under one id is another problem.
 *
 * @param against what each but the first is compared with
 * @throws DataError when they share no problem
 */
export function compareMeasurements(
  measurements: readonly Measurement[],
  against: "first" | "before",
): ComparedMeasurement[] {
  const [first, ...others] = measurements;
  const shared = [...first.records].flatMap(([id, { question }]) =>
    others.every(({ records }) => records.get(id)?.question === question) ? [id] : [],
  );
  if (shared.length === 0)
    throw new DataError(
      `${measurements.map(({ name }) => name).join(", ")}: expected answers to the same questions, they share none; measure ` +
        "them on one task, with the same n and seed",
    );
  return measurements.map(({ name, records }, m) => {
    const own = shared.map((id) => records.get(id)!);
    const other = m === 0 ? null : measurements[against === "first" ? 0 : m - 1];
    return {
      name,
      measured: records.size,
      summary: summarizeAttempts(own),
      comparison:
        other &&
        compare(
          other.name,
          shared.map((id) => other.records.get(id)!),
          own,
        ),
    };
  });
}

function compare(
  against: string,
  before: readonly AttemptRecord[],
  after: readonly AttemptRecord[],
): MeasurementComparison {
  const pairs = before.map((record, i): ChangedAnswer => ({ before: record, after: after[i] }));
  const right = ({ parts }: AttemptRecord) => parts.correct === 1;
  const mendedAnswers = pairs.filter((pair) => !right(pair.before) && right(pair.after));
  const brokenAnswers = pairs.filter((pair) => right(pair.before) && !right(pair.after));
  const [mended, broken] = [mendedAnswers.length, brokenAnswers.length];
  return { against, mended, broken, p: mcnemarP(mended, broken), mendedAnswers, brokenAnswers };
}

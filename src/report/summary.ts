import type { EvaluationDetails } from "../records/evaluation.ts";
import type { EvaluationSummary, ExpertUse, PairedComparison, RunEvent, StageKind } from "../records/events.ts";
import type { Point } from "./series.ts";

/** What a report says about one stage, gathered from its events. */
export interface StageSummary {
  name: string;
  kind: StageKind;
  /** Planned steps; 0 when unknown. */
  totalSteps: number;
  /** Wall-clock seconds, null while it runs. */
  seconds: number | null;
  /** Metric name → points in step order. A step logged twice (after a resume) counts once, with its last value. */
  metrics: Map<string, Point[]>;
  experts: { step: number; layers: ExpertUse[] }[];
  evaluations: { step: number; result: EvaluationSummary }[];
  checkpoints: number;
}

/** What a report says about a run, gathered from its events. */
export interface RunSummary {
  version: string | null;
  seed: number | null;
  device: Record<string, string | number>;
  /** Milliseconds since the epoch; null without events. */
  startedAt: number | null;
  /** Wall-clock seconds of the run; of what is recorded so far when it has not ended. */
  seconds: number;
  finished: boolean;
  resumes: number;
  stages: StageSummary[];
  /** In order; the same message of the same stage once, with how often it came. */
  warnings: { stage: string; step: number; message: string; count: number }[];
  /** What there is to know of the run, in order, each message once: what of the data is used, what is trained. */
  notes: string[];
}

const supervisedOrRl = (metrics: Map<string, unknown>): StageKind => (metrics.has("reward") ? "rl" : "sft");

/** Events → what the report shows, whatever state the run is in. */
export function summarizeRun(events: readonly RunEvent[]): RunSummary {
  const stages = new Map<string, StageSummary & { started: boolean; steps: Map<number, Record<string, number>> }>();
  const stageOf = (name: string) => {
    let stage = stages.get(name);
    if (!stage) {
      stage = {
        name,
        kind: "eval",
        totalSteps: 0,
        seconds: null,
        metrics: new Map(),
        experts: [],
        evaluations: [],
        checkpoints: 0,
        started: false,
        steps: new Map(),
      };
      stages.set(name, stage);
    }
    return stage;
  };
  const summary: RunSummary = {
    version: null,
    seed: null,
    device: {},
    startedAt: events[0]?.time ?? null,
    seconds: events.length > 0 ? (events[events.length - 1].time - events[0].time) / 1000 : 0,
    finished: false,
    resumes: 0,
    stages: [],
    warnings: [],
    notes: [],
  };

  for (const event of events) {
    switch (event.type) {
      case "run":
        summary.version = event.version;
        summary.seed = event.seed;
        summary.device = event.device;
        break;
      case "stage-start": {
        const stage = stageOf(event.stage);
        stage.kind = event.kind;
        stage.totalSteps = event.totalSteps;
        stage.started = true;
        break;
      }
      case "metrics": {
        const { steps } = stageOf(event.stage);
        steps.set(event.step, { ...steps.get(event.step), ...event.values });
        break;
      }
      case "experts":
        stageOf(event.stage).experts.push({ step: event.step, layers: event.layers });
        break;
      case "evaluation":
        stageOf(event.stage).evaluations.push({ step: event.step, result: event.result });
        break;
      case "checkpoint":
        stageOf(event.stage).checkpoints++;
        break;
      case "stage-end":
        stageOf(event.stage).seconds = event.seconds;
        break;
      case "resume":
        summary.resumes++;
        break;
      case "warning": {
        const { stage, step, message } = event;
        const known = summary.warnings.find((w) => w.stage === stage && w.message === message);
        if (known) known.count++;
        else summary.warnings.push({ stage, step, message, count: 1 });
        break;
      }
      case "note":
        if (!summary.notes.includes(event.message)) summary.notes.push(event.message);
        break;
      case "run-end":
        summary.seconds = event.seconds;
        summary.finished = true;
        break;
    }
  }

  for (const { started, steps, ...stage } of stages.values()) {
    for (const [step, values] of [...steps].sort((a, b) => a[0] - b[0])) {
      for (const [name, value] of Object.entries(values)) {
        let points = stage.metrics.get(name);
        if (!points) stage.metrics.set(name, (points = []));
        // JSON has no NaN: a value that was not finite comes back from a file as null.
        points.push({ step, value: typeof value === "number" ? value : Number.NaN });
      }
    }
    if (!started && stage.metrics.size > 0) stage.kind = supervisedOrRl(stage.metrics);
    stage.experts = [...new Map(stage.experts.map((use) => [use.step, use])).values()].sort((a, b) => a.step - b.step);
    summary.stages.push(stage);
  }
  return summary;
}

/** One line of the stage table: a stage's result and what the stage took. */
export interface StageResult extends EvaluationDetails {
  name: string;
  kind: StageKind;
  accuracy: number;
  ci95: [number, number];
  formatAccuracy: number;
  n: number;
  seconds: number;
  paired?: PairedComparison;
}

/**
 * The measured stages, in order. A stage measured several times gives its last result named like the stage, or its last
 * result at all; the time is the whole stage's, its training and its measuring.
 */
export function stageResults(summary: RunSummary): StageResult[] {
  return summary.stages.flatMap((stage) => {
    const results = stage.evaluations.map(({ result }) => result);
    const result = results.findLast(({ name }) => name === stage.name) ?? results.at(-1);
    if (!result) return [];
    // A stage that is only measured ends with no seconds of training.
    const seconds = Math.max(stage.seconds ?? 0, result.seconds);
    return [{ ...result, name: stage.name, kind: stage.kind, seconds }];
  });
}

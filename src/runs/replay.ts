import type { RunEvent } from "../records/events.ts";

/** Where a run went on after it had been stopped: everything after this step of this stage was done again. */
export interface ResumePoint {
  stage: string;
  step: number;
  /** Stages that were complete before this one and stand; any other stage is later. */
  earlier: readonly string[];
}

/**
 * The events that still hold: a `resume` event drops what came before it in the log and lies after its (stage, step) –
 * later steps, the end of that stage, later stages, the end of the run. Of events that say the same thing again (same
 * type, stage, step, and evaluation name or text of a warning or note) the last one stands, at the place of the first.
 */
export function liveEvents(log: Iterable<RunEvent>): RunEvent[] {
  const stages = new Set<string>();
  let live = new Map<string, RunEvent>();
  for (const event of log) {
    if ("stage" in event) stages.add(event.stage);
    if (event.type === "resume") {
      const point = { stage: event.stage, step: event.step, earlier: stagesBefore(event.stage, stages) };
      live = new Map([...live].filter(([, earlierEvent]) => !isSuperseded(earlierEvent, point)));
    }
    live.set(identity(event), event);
  }
  return [...live.values()];
}

/** The stages a run went through before `stage`, in order of first mention; all of them when it is new. */
export function stagesBefore(stage: string, mentioned: Iterable<string>): string[] {
  const before: string[] = [];
  for (const one of mentioned) {
    if (one === stage) break;
    before.push(one);
  }
  return before;
}

/** Whether (stage, step) lies after the resume point, so that it was done again. */
export function liesAfter(stage: string, step: number, point: ResumePoint): boolean {
  return stage === point.stage ? step > point.step : !point.earlier.includes(stage);
}

function isSuperseded(event: RunEvent, point: ResumePoint): boolean {
  switch (event.type) {
    case "run":
      return false;
    case "run-end":
      return true;
    case "stage-start":
      return liesAfter(event.stage, Number.NEGATIVE_INFINITY, point);
    case "stage-end":
      return liesAfter(event.stage, Number.POSITIVE_INFINITY, point);
    default:
      return liesAfter(event.stage, event.step, point);
  }
}

function identity(event: RunEvent): string {
  const stage = "stage" in event ? event.stage : "";
  const step = "step" in event ? event.step : "";
  const detail =
    event.type === "evaluation"
      ? event.result.name
      : event.type === "warning" || event.type === "note"
        ? event.message
        : "";
  return JSON.stringify([event.type, stage, step, detail]);
}

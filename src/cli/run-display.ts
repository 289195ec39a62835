import type { HubProgress } from "../base/hub/snapshot.ts";
import type { EvaluationProgress } from "../pipeline/measure-stage.ts";
import type { RunEvent } from "../records/events.ts";
import { formatCount, formatDuration, formatInterval, formatPaired, formatPercent } from "../report/format.ts";
import type { ProgressState } from "../report/progress.ts";
import { wrapWords } from "../report/text-width.ts";
import { DownloadLine } from "./download-line.ts";
import type { Output } from "./output.ts";
import { ProgressLine } from "./progress-line.ts";
import { StepClock } from "./step-clock.ts";

/** What a run looks like on standard error: a progress line, and above it a line for whatever is worth keeping. */
export class RunDisplay {
  readonly #output: Output;
  readonly #totals = new Map<string, number>();
  readonly #line: ProgressLine;
  readonly #download = new DownloadLine();
  #at: Omit<ProgressState, "secondsLeft"> = { stage: "", step: 0, totalSteps: 0, values: {} };
  #clock = new StepClock();
  #resumed: string | null = null;

  constructor(output: Output) {
    this.#output = output;
    const state = () => ({
      ...this.#at,
      secondsLeft: this.#clock.secondsLeft(this.#at.totalSteps, performance.now()),
    });
    this.#line = new ProgressLine(state, { exclusive: true });
  }

  event(event: RunEvent): void {
    const style = this.#output.remarkStyle;
    switch (event.type) {
      case "run": {
        const { name, isa, threads, precision } = event.device;
        const device = `${name} ${isa}, ${threads} ${threads === 1 ? "thread" : "threads"}, ${precision}`;
        this.note(`${style.bold(event.name)}  ${style.dim(`seed ${event.seed}, ${device}`)}`);
        if (this.#resumed) this.note(this.#resumed);
        break;
      }
      case "stage-start":
        this.#totals.set(event.stage, event.totalSteps);
        break;
      case "resume":
        // Comes before the run's own event, under whose line it belongs.
        this.#resumed =
          event.step > 0
            ? `going on after step ${formatCount(event.step)} of ${event.stage}`
            : `no checkpoint yet: beginning again with ${event.stage}`;
        break;
      case "metrics":
        this.#advance(event.stage, event.step, this.#totals.get(event.stage) ?? 0, event.values);
        break;
      case "note":
        this.note(style.dim(wrapWords(event.message, process.stderr.columns ?? Number.POSITIVE_INFINITY)));
        break;
      case "evaluation": {
        const { accuracy, ci95, formatAccuracy, n, seconds, paired } = event.result;
        this.note(
          `${style.green("✓")} ${style.bold(event.stage)}  ${style.bold(formatPercent(accuracy))} right ` +
            style.dim(
              `(${formatInterval(ci95)}, n ${formatCount(n)})  format ${formatPercent(formatAccuracy)}  ${formatDuration(seconds)}` +
                (paired ? `  against ${paired.against}: ${formatPaired(paired)}` : ""),
            ),
        );
        break;
      }
      case "warning":
        this.note(
          `${style.red(style.bold("warning"))} ${event.stage}${event.step > 0 ? `, step ${event.step}` : ""}: ${event.message}`,
        );
        break;
    }
  }

  download(progress: HubProgress): void {
    this.#download.advance(progress);
  }

  evaluation({ stage, done, total }: EvaluationProgress): void {
    this.#advance(`measuring ${stage}`, done, total, {});
  }

  /** Writes a line that stays. */
  note(text: string): void {
    this.close();
    this.#output.say(text);
  }

  /** Leaves the terminal as it was. */
  close(): void {
    this.#download.clear();
    this.#line.clear();
  }

  #advance(stage: string, step: number, totalSteps: number, values: Record<string, number>): void {
    const fresh = stage !== this.#at.stage;
    if (fresh) this.#clock = new StepClock();
    this.#at = { stage, step, totalSteps, values: withSteadySpeed(values, fresh ? {} : this.#at.values) };
    this.#clock.mark(step, performance.now());
    this.#line.changed({ fresh });
  }
}

const speed = "perf/tokens_per_second";

/** Share of the latest step in the speed that is shown: a step's own jumps too much to be read. */
const latestShare = 0.1;

function withSteadySpeed(
  values: Record<string, number>,
  before: Readonly<Record<string, number>>,
): Record<string, number> {
  if (values[speed] === undefined || before[speed] === undefined) return values;
  return { ...values, [speed]: (1 - latestShare) * before[speed] + latestShare * values[speed] };
}

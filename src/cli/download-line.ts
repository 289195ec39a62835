import type { HubProgress } from "../base/hub/snapshot.ts";
import { ProgressLine } from "./progress-line.ts";
import { StepClock } from "./step-clock.ts";

const megabyte = 1e6;

/** A progress line for what is fetched from the hub, in megabytes of all files; drawn once there is something to say. */
export class DownloadLine {
  readonly #clock = new StepClock();
  readonly #line: ProgressLine;
  #at = { file: "", step: 0, totalSteps: 0 };

  constructor() {
    const state = () => ({
      stage: `fetching ${this.#at.file}, MB`,
      step: this.#at.step,
      totalSteps: this.#at.totalSteps,
      values: {},
      secondsLeft: this.#clock.secondsLeft(this.#at.totalSteps, performance.now()),
    });
    this.#line = new ProgressLine(state, { exclusive: false });
  }

  /** Shows how far a download is. */
  advance({ file, doneBytes, totalBytes }: HubProgress): void {
    this.#at = { file, step: doneBytes / megabyte, totalSteps: Math.ceil(totalBytes / megabyte) };
    this.#clock.mark(this.#at.step, performance.now());
    this.#line.changed();
  }

  /** Takes the line away. */
  clear(): void {
    this.#line.clear();
  }
}

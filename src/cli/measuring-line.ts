import { ProgressLine } from "./progress-line.ts";
import { StepClock } from "./step-clock.ts";

/** How many attempts of a measurement have ended. */
export class MeasuringLine {
  readonly #clock = new StepClock();
  readonly #line: ProgressLine;
  #done = 0;
  readonly #total: number;

  /** @param what is being done, as the line says it; total: attempts there will be */
  constructor(what: string, total: number) {
    this.#total = total;
    const state = () => ({
      stage: what,
      step: this.#done,
      totalSteps: this.#total,
      values: {},
      secondsLeft: this.#clock.secondsLeft(this.#total, performance.now()),
    });
    this.#line = new ProgressLine(state, { exclusive: false });
    this.advance(0);
  }

  advance(done: number): void {
    this.#done = done;
    this.#clock.mark(done, performance.now());
    this.#line.changed();
  }

  clear(): void {
    this.#line.clear();
  }
}

/** Steps the pace is averaged over: long enough to be steady, short enough to follow growing completions. */
const windowSteps = 20;

/** Tells how long a stage will go on, from the wall-clock time of its latest steps, checkpoints included. */
export class StepClock {
  readonly #marks: { step: number; at: number }[] = [];

  /** Notes that `step` steps were done at time `at`, milliseconds. */
  mark(step: number, at: number): void {
    this.#marks.push({ step, at });
    if (this.#marks.length > windowSteps + 1) this.#marks.shift();
  }

  /** Seconds until `total` steps are done, as seen at time `at`; null before two steps are known. */
  secondsLeft(total: number, at: number): number | null {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    if (!first || !last || last.step <= first.step) return null;
    const perStep = (last.at - first.at) / (last.step - first.step);
    return Math.max(0, (total - last.step) * perStep - (at - last.at)) / 1000;
  }
}

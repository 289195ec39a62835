import { SingleBar } from "cli-progress";
import { formatProgress, type ProgressState } from "../report/progress.ts";
import { plainStyle, terminalStyle } from "../report/terminal-style.ts";

/** Between two lines where nothing can be redrawn: a log that is read later wants few. */
const lineEveryMs = 10_000;
const logWidth = 100;

/**
 * The progress of the work at hand on standard error: a line that is redrawn on a terminal, an occasional one elsewhere.
 */
export class ProgressLine {
  readonly #state: () => ProgressState;
  readonly #bar: SingleBar | null;
  #running = false;
  #saidAt = Number.NEGATIVE_INFINITY;
  #said = "";

  /**
   * @param state what to draw, asked whenever it is drawn
   * @param options exclusive: the event loop turns while the work goes on, so that the terminal's cursor can be
   *   hidden and is given back on every way out; otherwise the line changes only at `changed`, and Ctrl-C kills at once
   */
  constructor(state: () => ProgressState, { exclusive }: { exclusive: boolean }) {
    this.#state = state;
    // cli-progress cuts lines it does not own exclusively by characters, colour codes counted.
    const style = exclusive ? terminalStyle(process.stderr, process.env) : plainStyle;
    this.#bar = process.stderr.isTTY
      ? new SingleBar({
          // One column stays free: clearing to the right of a full line would take its last character.
          format: (_, { maxWidth }) => formatProgress(state(), Math.max(1, maxWidth - 1), style),
          stream: process.stderr,
          clearOnComplete: true,
          hideCursor: exclusive,
          linewrap: !exclusive,
          fps: 8,
        })
      : null;
  }

  /** The state changed. @param options fresh: what is drawn is new, and wants a line of its own in a log */
  changed({ fresh = false } = {}): void {
    if (this.#bar) {
      if (!this.#running) this.#bar.start(1, 0);
      this.#running = true;
      this.#bar.update(0);
    } else if (fresh || performance.now() - this.#saidAt >= lineEveryMs) {
      const state = this.#state();
      // Time left goes on by itself: that alone is no news.
      const place = `${state.stage} ${state.step}`;
      if (place === this.#said) return;
      this.#said = place;
      this.#saidAt = performance.now();
      process.stderr.write(`${formatProgress(state, logWidth)}\n`);
    }
  }

  /** Takes the line away; the next change draws it again. */
  clear(): void {
    if (this.#running) this.#bar?.stop();
    this.#running = false;
  }
}

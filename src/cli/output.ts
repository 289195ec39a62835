import { type TerminalStyle, terminalStyle } from "../report/terminal-style.ts";

/**
 * Where a command's words go. Results go to standard output, remarks and progress to standard error; with `--json`
 * standard output carries one JSON line alone and everything for people goes to standard error.
 */
export class Output {
  readonly json: boolean;
  /** Emphasis for `show`. */
  readonly style: TerminalStyle;
  /** Emphasis for `say`. */
  readonly remarkStyle: TerminalStyle;
  readonly #results: NodeJS.WriteStream;

  constructor(options: { json?: boolean }) {
    this.json = options.json ?? false;
    this.#results = this.json ? process.stderr : process.stdout;
    this.style = terminalStyle(this.#results, process.env);
    this.remarkStyle = terminalStyle(process.stderr, process.env);
  }

  /** A result, for people. */
  show(text: string): void {
    this.#results.write(`${text}\n`);
  }

  /** A remark. */
  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /**
   * The result for programs, the last thing a command writes; nothing without `--json`.
   *
   * @param then called once it is out, for a command that ends the process itself
   */
  finish(value: unknown, then: () => void = () => {}): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`, then);
    else then();
  }
}

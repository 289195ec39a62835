/** Emphasis on a terminal: each function returns its text, coloured or as it is. */
export interface TerminalStyle {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  red(text: string): string;
}

const wrap = (open: number, close: number) => (text: string) => `\u001b[${open}m${text}\u001b[${close}m`;
const same = (text: string) => text;

/** No emphasis at all: for files, pipes and tests. */
export const plainStyle: TerminalStyle = { bold: same, dim: same, green: same, red: same };

const ansiStyle: TerminalStyle = { bold: wrap(1, 22), dim: wrap(2, 22), green: wrap(32, 39), red: wrap(31, 39) };

/**
 * Colour when the stream is a terminal, `NO_COLOR` is unset or empty, and `TERM` is not `dumb`.
 *
 * @see https://no-color.org
 */
export function terminalStyle(stream: { isTTY?: boolean }, env: Record<string, string | undefined>): TerminalStyle {
  return stream.isTTY && !env.NO_COLOR && env.TERM !== "dumb" ? ansiStyle : plainStyle;
}

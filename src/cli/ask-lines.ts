import { createInterface } from "node:readline";

/** What asking for a line came to. */
export type AskedLine = { kind: "line"; text: string } | { kind: "end" } | { kind: "interrupted" };

/** Lines that a person says: typed at a prompt on a terminal, or those of standard input where it is none. */
export interface LineSource {
  /** The next line, without spaces around it; `end` at Ctrl-D or the input's end, `interrupted` at Ctrl-C. */
  next(): Promise<AskedLine>;
}

/** Lines of standard input. @param prompt shown on standard error, on a terminal alone */
export function askLines(prompt: string): LineSource {
  return process.stdin.isTTY ? typedLines(prompt) : pipedLines();
}

/**
 * A line editor that is open only while it asks: between two questions the terminal is as it was, so that Ctrl-C is a
 * signal again and what is typed ahead stays out of what is shown.
 */
function typedLines(prompt: string): LineSource {
  let history: string[] = [];
  return {
    next: () =>
      new Promise((resolve) => {
        const editor = createInterface({ input: process.stdin, output: process.stderr, terminal: true, history });
        const settle = (asked: AskedLine) => {
          // Closing says `close`, too: whatever came first counts.
          resolve(asked);
          editor.close();
        };
        editor.on("history", (lines) => (history = [...lines]));
        editor.on("line", (text) => settle({ kind: "line", text: text.trim() }));
        editor.on("close", () => settle({ kind: "end" }));
        editor.on("SIGINT", () => {
          process.stderr.write("\n");
          settle({ kind: "interrupted" });
        });
        editor.setPrompt(prompt);
        editor.prompt();
      }),
  };
}

function pipedLines(): LineSource {
  const lines = createInterface({ input: process.stdin, terminal: false })[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await lines.next();
      return done ? { kind: "end" } : { kind: "line", text: value.trim() };
    },
  };
}

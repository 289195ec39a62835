import { Environment, Interpreter, parse } from "@huggingface/jinja";
import { ConfigError } from "../base/errors.ts";
import { formatTime, stripCall, stripped, withPythonStrip } from "./chat-python.ts";
import { brokenLine, lineAt, lineMark, markedTokens } from "./chat-tags.ts";

/** One turn of a conversation. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** What a template is told besides the messages. */
export interface ChatSettings {
  /** Ends with the words that begin the assistant's turn. */
  addGenerationPrompt: boolean;
  /** More names for the template, such as `enable_thinking`. */
  variables?: Readonly<Record<string, unknown>>;
  /** What `strftime_now` tells; the present unless given. */
  now?: Date;
}

/** Jinja's sandbox in Python refuses longer ranges too. */
const LONGEST_RANGE = 100_000;

/**
 * A chat template: Jinja as `apply_chat_template` of transformers runs it, with `trim_blocks`, `lstrip_blocks`, loop
 * controls, `tojson` without escaping, `raise_exception`, `strftime_now` and `{% generation %}`. It sees `messages`,
 * `add_generation_prompt`, the special tokens by name (`bos_token` …), and `tools` and `documents` as none.
 *
 * Departures of @huggingface/jinja from Python mended here: `strip`, `lstrip`, `rstrip` and `trim` take the characters
 * to strip, and without them strip what Python calls whitespace; `strftime_now` speaks English whatever the locale, in
 * all directives that templates use; `range` ends at 100,000. Still different: `capitalize` leaves the letters after the
 * first as they are, `{{ none }}` writes nothing instead of `None`, and a field of what is not there is nothing instead
 * of an error. Tests and filters that the library lacks (such as the test `ne`) fail with their name.
 */
export class ChatTemplate {
  private readonly program: unknown;

  /**
   * @param source the template's text
   * @param name what to call it in errors, such as the file it is from
   * @throws ConfigError naming the line that is not Jinja
   */
  constructor(
    source: string,
    private readonly name: string,
  ) {
    let tokens: ReturnType<typeof markedTokens>;
    try {
      tokens = markedTokens(source);
    } catch (error) {
      throw this.refuse(brokenLine(source), error);
    }
    let reached = 0;
    const watched = new Proxy(tokens, {
      get(list, key) {
        const place = typeof key === "string" ? Number(key) : Number.NaN;
        if (place < list.length) reached = Math.max(reached, place);
        return Reflect.get(list, key);
      },
    });
    try {
      this.program = withPythonStrip(parse(watched));
    } catch (error) {
      throw this.refuse(lineAt(tokens, reached), error);
    }
  }

  /**
   * @param tokens special tokens by name
   * @throws ConfigError naming the line, when the template refuses the messages or fails
   */
  render(messages: readonly ChatMessage[], tokens: Readonly<Record<string, string>>, settings: ChatSettings): string {
    let line: number | null = null;
    const now = settings.now ?? new Date();
    const values = {
      true: true,
      false: false,
      none: null,
      True: true,
      False: false,
      None: null,
      tools: null,
      documents: null,
      range,
      raise_exception: (message: string) => {
        throw new Error(message);
      },
      strftime_now: (format: string) => formatTime(format, now),
      [stripCall]: stripped,
      [lineMark]: (at: number) => {
        line = at;
      },
      ...tokens,
      ...settings.variables,
      messages: messages.map((message) => ({ ...message })),
      add_generation_prompt: settings.addGenerationPrompt,
    };
    const environment = new Environment();
    try {
      for (const [name, value] of Object.entries(values)) environment.set(name, value);
      return String(new Interpreter(environment).run(this.program as ReturnType<typeof parse>).value);
    } catch (error) {
      throw this.refuse(line, error);
    }
  }

  private refuse(line: number | null, error: unknown): ConfigError {
    const where = line === null ? this.name : `${this.name}, line ${line}`;
    const reason = error instanceof Error ? error.message : String(error);
    return new ConfigError(
      `chat template of ${where}: ${reason}; change the messages, or give another with --template`,
      {
        cause: error,
      },
    );
  }
}

function range(start: number, stop?: number, step = 1): number[] {
  const [first, end] = stop === undefined ? [0, start] : [start, stop];
  if (step === 0) throw new Error("range() step must not be zero");
  const count = Math.max(0, Math.ceil((end - first) / step));
  if (count > LONGEST_RANGE) throw new Error(`range() of ${count}, more than ${LONGEST_RANGE}`);
  return Array.from({ length: count }, (_, index) => first + index * step);
}

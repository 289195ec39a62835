import type { TextStream } from "../prompt/tokenizer-text-stream.ts";
import type { StopReason } from "../records/attempt.ts";
import type { SamplingOptions } from "./sampling.ts";

/** What ends a completion. */
export interface EndingOptions extends Required<SamplingOptions> {
  /** The token, or tokens, that end a completion. */
  eosId: number | readonly number[];
  /** Begins the text of a completion; null where no text is watched. */
  textStream: (() => TextStream) | null;
}

/** Rules by which completions end, made once for many. */
export class Ending {
  readonly maxNewTokens: number;
  readonly minNewTokens: number;
  /** Ids that may not be drawn before minNewTokens. */
  readonly barredIds: readonly number[];
  private readonly reasonOf = new Map<number, StopReason>();
  private readonly stopStrings: readonly string[];
  private readonly textStream: (() => TextStream) | null;

  constructor({ eosId, ignoreEos, stopTokens, stopStrings, minNewTokens, maxNewTokens, textStream }: EndingOptions) {
    this.maxNewTokens = maxNewTokens;
    this.minNewTokens = minNewTokens;
    for (const id of stopTokens) this.reasonOf.set(id, "stop");
    if (!ignoreEos) for (const id of [eosId].flat()) this.reasonOf.set(id, "eos");
    this.barredIds = [...this.reasonOf.keys()];
    this.stopStrings = stopStrings;
    this.textStream = textStream;
  }

  /** A completion without tokens yet. */
  begin(): Completion {
    return new Completion(
      this,
      this.stopStrings.length > 0 && this.textStream ? new StopWatch(this.stopStrings, this.textStream()) : null,
    );
  }

  /** Why a completion ends with this token, whatever its text; null when it does not. */
  reasonAt(token: number, length: number): StopReason | null {
    return (length >= this.minNewTokens && this.reasonOf.get(token)) || null;
  }
}

/** A completion under way. */
export class Completion {
  readonly tokens: number[] = [];
  /** Null while it goes on. */
  stop: StopReason | null = null;
  private readonly ending: Ending;
  private readonly watch: StopWatch | null;

  constructor(ending: Ending, watch: StopWatch | null) {
    this.ending = ending;
    this.watch = watch;
  }

  /** Whether the token after its own and `further` ones may not end it. */
  tooShortAfter(further: number): boolean {
    return this.tokens.length + further + 1 < this.ending.minNewTokens;
  }

  /** Adds a token and sees whether it was the last. */
  add(token: number): void {
    const length = this.tokens.push(token);
    const completes = this.watch?.completes(token) ?? false;
    this.stop =
      this.ending.reasonAt(token, length) ??
      (completes && length >= this.ending.minNewTokens ? "stop" : null) ??
      (length >= this.ending.maxNewTokens ? "length" : null);
  }
}

/** Looks for stop strings in text that arrives piece by piece, also across pieces. */
class StopWatch {
  private readonly stopStrings: readonly string[];
  private readonly text: TextStream;
  /** As much of the text's end as may begin a stop string. */
  private tail = "";
  private readonly longest: number;

  constructor(stopStrings: readonly string[], text: TextStream) {
    this.stopStrings = stopStrings;
    this.text = text;
    this.longest = stopStrings.reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  /** Whether a stop string ends within the text that this token adds. */
  completes(token: number): boolean {
    const piece = this.text.push(token);
    if (piece.length === 0) return false;
    const before = this.tail.length;
    const seen = this.tail + piece;
    this.tail = seen.slice(Math.max(0, seen.length - this.longest + 1));
    return this.stopStrings.some((stop) => seen.indexOf(stop, Math.max(0, before - stop.length + 1)) >= 0);
  }
}

import type { CachedRange } from "./cached-forward.ts";
import type { Completion } from "./completion.ts";
import type { ProblemDrafts } from "./draft-store.ts";
import type { RowRanges } from "./row-ranges.ts";
import type { TokenTrace } from "./token-trace.ts";

/** A prompt in the cache, until the last attempt at it has ended. */
export interface Group {
  prompt: number;
  range: CachedRange;
  /** Held for its first attempts. */
  places: Place[];
  unfinished: number;
  /** What drafts are made from; null: none are. */
  drafts: ProblemDrafts | null;
}

/** An attempt whose first token is drawn or about to be. */
export interface Underway {
  group: Group;
  /** Its number at its prompt. */
  g: number;
  completion: Completion;
  trace: TokenTrace;
}

/** Rows for one longest completion, token t's at `start` + t, until nobody holds it. */
export class Place {
  readonly start: number;
  private readonly ranges: RowRanges;
  private readonly rows: number;
  private holders = 1;

  private constructor(ranges: RowRanges, rows: number, start: number) {
    this.ranges = ranges;
    this.rows = rows;
    this.start = start;
  }

  /** Held by whoever takes it; null where there is no room. */
  static take(ranges: RowRanges, rows: number): Place | null {
    const start = ranges.take(rows);
    return start === null ? null : new Place(ranges, rows, start);
  }

  hold(): this {
    this.holders++;
    return this;
  }

  release(): void {
    if (--this.holders === 0) this.ranges.give(this.start, this.rows);
  }
}

/** An attempt's draws from the rows of a run, in order, cut after the first that the run does not go on with. */
export interface Drawn {
  attempt: Underway;
  /** Rows of the run that it drew from, from 1. */
  rows: number;
}

/**
 * Attempts of a group whose tokens have all been the same so far: their rows are the same rows, computed and held once.
 * They part when they draw different tokens.
 *
 * A strand holds a place for each of its attempts, so that they can always part, and places of others as long as some of
 * its own rows lie in them.
 */
export class Strand {
  readonly attempts: readonly Underway[];
  readonly own: CachedRange;
  /** Where `own` grows. */
  private readonly place: Place;
  /** For when attempts part. */
  private readonly spare: Place[];
  /** Where the rows before `own` lie. */
  private readonly behind: readonly Place[];

  private constructor(
    attempts: readonly Underway[],
    own: CachedRange,
    { place, spare, behind }: { place: Place; spare: Place[]; behind: readonly Place[] },
  ) {
    this.attempts = attempts;
    this.own = own;
    this.place = place;
    this.spare = spare;
    this.behind = behind;
  }

  /** Attempts at one prompt with the same first token, which is to be fed. @param places one for each, which the strand now holds */
  static begin(attempts: readonly Underway[], places: readonly Place[]): Strand {
    const [place, ...spare] = places;
    const own = { start: place.start, length: 0, parent: attempts[0].group.range };
    return new Strand(attempts, own, { place, spare, behind: [] });
  }

  /** Their tokens, of which the last is not fed yet. */
  get tokens(): readonly number[] {
    return this.attempts[0].completion.tokens;
  }

  /**
   * What becomes of the strand after a run was fed and its attempts drew from it: rows beyond those an attempt drew from are
   * given up. The strand is not to be used again.
   *
   * @param drawn of every attempt
   * @param fed rows of the run, the last of `own`
   */
  part(drawn: readonly Drawn[], fed: number): Strand[] {
    const { own, place, spare } = this;
    const before = own.length - fed;
    const together = new Map<string, Drawn[]>();
    for (const one of drawn) {
      const { tokens, stop } = one.attempt.completion;
      if (stop !== null) continue;
      const key = `${one.rows} ${tokens[tokens.length - 1]}`;
      const same = together.get(key);
      if (same) same.push(one);
      else together.set(key, [one]);
    }
    // The one that goes on farthest in the rows just fed stays where they are; the others begin anew behind what they share.
    const parts = [...together.values()].sort((a, b) => b[0].rows - a[0].rows);
    if (parts.length === 1) {
      own.length = before + parts[0][0].rows;
      const attempts = parts[0].map(({ attempt }) => attempt);
      while (spare.length >= attempts.length) spare.pop()?.release();
      return [new Strand(attempts, own, { place, spare, behind: this.behind })];
    }
    const shared = new Map<number, CachedRange>();
    let { parent } = own;
    let start = own.start;
    for (const rows of [...new Set(parts.map(([{ rows }]) => rows))].reverse()) {
      const end = own.start + before + rows;
      parent = { start, length: end - start, parent };
      start = end;
      shared.set(rows, parent);
    }
    const strands = parts.map((part, i) => {
      const attempts = part.map(({ attempt }) => attempt);
      const mine = i === 0 ? place : (spare.pop() as Place);
      const behind = [...this.behind, ...(i === 0 ? [] : [place])].map((one) => one.hold());
      return new Strand(
        attempts,
        {
          start: mine.start + attempts[0].completion.tokens.length - 1,
          length: 0,
          parent: shared.get(part[0].rows) ?? null,
        },
        { place: mine, spare: spare.splice(0, attempts.length - 1), behind },
      );
    });
    if (strands.length === 0) place.release();
    for (const one of [...this.behind, ...spare]) one.release();
    return strands;
  }
}

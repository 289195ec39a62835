import type { Ending } from "./completion.ts";
import type { Draft, DraftStore } from "./draft-store.ts";
import type { Drawn, Strand } from "./strand.ts";

/** A draft for a strand, and how much of it is fed. */
export interface Drafted {
  draft: Draft;
  fed: readonly number[];
}

/** Rows that cost as much as a pass costs beside its rows: reading the weights, mostly. */
const passInRows = 16;

/** Tokens of a draft, at most. */
const longest = 32;

/**
 * Decides how far strands are drafted. A row that is fed too early saves a strand a pass when one of its attempts comes to it,
 * and is lost when none does. Chances are those the store states, corrected by how often its drafts of the same kind came
 * true; drafts that are not fed count in that, so drafting turns itself on and off by counts alone, and never by the clock.
 */
export class Drafter {
  /** Drafted tokens that were fed. */
  drafted = 0;
  /** Those of them that an attempt came to. */
  accepted = 0;
  private readonly store: DraftStore;
  private readonly ending: Ending;

  constructor(store: DraftStore, ending: Ending) {
    this.store = store;
    this.ending = ending;
  }

  /**
   * @param strands how many there are: with S strands a row that saves one of them a pass saves passInRows / S rows
   * @returns null where nothing is known
   */
  draft({ attempts, tokens }: Strand, strands: number): Drafted | null {
    const { maxNewTokens } = this.ending;
    const draft = attempts[0].group.drafts?.propose(tokens, Math.min(longest, maxNewTokens - tokens.length - 1));
    if (!draft) return null;
    const ratio = this.store.ratio(draft.kind);
    // Worth it when chance · (1 + passInRows / S) ≥ 1: the row itself would come later, and with it a share of a pass.
    const least = strands / (strands + passInRows);
    let chance = 1;
    let length = 0;
    while (length < draft.tokens.length) {
      chance *= Math.min(1, draft.chances[length] * ratio);
      if (1 - (1 - chance) ** attempts.length < least) break;
      // Nothing is drawn behind a token that ends a completion.
      if (this.ending.reasonAt(draft.tokens[length], tokens.length + length + 1) !== null) break;
      length++;
    }
    return { draft, fed: draft.tokens.slice(0, length) };
  }

  /** Takes note of what was drawn where a draft was made. */
  learn({ draft: { kind, tokens, chances }, fed }: Drafted, drawn: readonly Drawn[]): void {
    let came = 0;
    let farthest = 0;
    for (const { attempt, rows } of drawn) {
      farthest = Math.max(farthest, rows);
      const { completion } = attempt;
      if (completion.tokens[completion.tokens.length - rows] === tokens[0]) came++;
    }
    this.store.learn(kind, chances[0] * drawn.length, came);
    this.drafted += fed.length;
    this.accepted += farthest - 1;
  }
}

import type { Ending } from "./completion.ts";
import type { Draft, DraftStore } from "./draft-store.ts";
import type { Drawn, Strand } from "./strand.ts";

/** A draft for a strand, and how much of it is fed. */
export interface Drafted {
  draft: Draft;
  fed: readonly number[];
}

/** Rows that cost as much as a pass costs beside its rows: reading the weights, mostly. */
const passInRows = 8;

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
   * @param room tokens that may be fed, at most
   * @returns null where nothing is known
   */
  draft({ attempts, tokens }: Strand, { strands, room }: { strands: number; room: number }): Drafted | null {
    const { maxNewTokens } = this.ending;
    const draft = attempts[0].group.drafts?.propose(tokens, Math.min(longest, maxNewTokens - tokens.length - 1));
    if (!draft) return null;
    const ratio = this.store.ratio(draft.kind);
    // Worth it when chance · (1 + passInRows / S) ≥ 1: the row itself would come later, and with it a share of a pass.
    const least = strands / (strands + passInRows);
    let chance = 1;
    let coming = attempts.length;
    let length = 0;
    while (length < Math.min(room, draft.tokens.length)) {
      const votes = draft.votes[length];
      chance *= Math.min(1, chanceOfAny(votes, coming) * ratio);
      if (chance < least) break;
      coming = Math.max(1, Math.round((coming * votes.pro) / (votes.pro + votes.contra)));
      // Nothing is drawn behind a token that ends a completion.
      if (this.ending.reasonAt(draft.tokens[length], tokens.length + length + 1) !== null) break;
      length++;
    }
    return { draft, fed: draft.tokens.slice(0, length) };
  }

  /** Takes note of what was drawn where a draft was made. */
  learn({ draft: { kind, tokens, votes }, fed }: Drafted, drawn: readonly Drawn[]): void {
    let came = false;
    let farthest = 0;
    for (const { attempt, rows } of drawn) {
      farthest = Math.max(farthest, rows);
      const { completion } = attempt;
      came ||= completion.tokens[completion.tokens.length - rows] === tokens[0];
    }
    this.store.learn(kind, chanceOfAny(votes[0], drawn.length), came ? 1 : 0);
    this.drafted += fed.length;
    this.accepted += farthest - 1;
  }
}

/**
 * The chance that any of n attempts draws a token: 1 − E[(1 − p)ⁿ] for p of a beta distribution with as many counts as there
 * are votes. That the attempts draw from one p, whatever it is, keeps a few votes from being thought sure of many attempts.
 */
export function chanceOfAny({ pro, contra }: { pro: number; contra: number }, n: number): number {
  let none = 1;
  for (let i = 0; i < n; i++) none *= (contra + i) / (pro + contra + i);
  return 1 - none;
}

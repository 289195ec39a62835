/** Where a draft was found: the completion so far begins an earlier attempt, ends as a part of one does, or as one of the prompt. */
export type DraftKind = "begun" | "seen" | "prompt";

/** Tokens that may come next, and how many votes there are for each, of those who have come so far with it, and against it. */
export interface Draft {
  kind: DraftKind;
  tokens: number[];
  votes: { pro: number; contra: number }[];
}

/** Bounds of a store. */
export interface DraftStoreOptions {
  /** Tokens in all, prompts included, 4 bytes each; default 4,194,304. */
  maxTokens?: number;
  /** Attempts kept of a problem, the newest; default 64. */
  maxAttempts?: number;
}

/** Attempts `halfLife` younger than others count twice as much. */
const halfLife = 16;

/** Votes against everything, so that one attempt alone is not thought sure. */
const doubt = 0.5;

/** Tokens that must agree before what followed them is taken for a draft. */
const leastSeen = 2;

/** Of drafts that no attempt begins with, before any was tried. */
const seenVotes = { pro: 1, contra: 1 };

/** Trials that a rate begins with, and after which it forgets half. */
const priorTrials = 8;
const manyTrials = 512;

/** How often drafts of a kind came true, against how often they were expected to. */
class Rate {
  private expected = priorTrials;
  private came = priorTrials;

  get ratio(): number {
    return this.came / this.expected;
  }

  add(expected: number, came: number): void {
    this.expected += expected;
    this.came += came;
    if (this.expected < manyTrials) return;
    this.expected /= 2;
    this.came /= 2;
  }
}

/**
 * Earlier attempts, by prompt, to draft later ones from. In memory and bounded: of a problem the newest attempts stay, of
 * problems those last looked at. What a store holds decides how fast attempts are sampled, never what they are; so it needs
 * no place in a checkpoint.
 */
export class DraftStore {
  private readonly maxTokens: number;
  private readonly maxAttempts: number;
  /** In the order they were last opened. */
  private readonly problems = new Map<string, ProblemDrafts>();
  private readonly rates: Record<DraftKind, Rate> = { begun: new Rate(), seen: new Rate(), prompt: new Rate() };

  constructor({ maxTokens = 2 ** 22, maxAttempts = 64 }: DraftStoreOptions = {}) {
    this.maxTokens = maxTokens;
    this.maxAttempts = maxAttempts;
  }

  /** Tokens that are held, prompts included. */
  get tokenCount(): number {
    let sum = 0;
    for (const { tokenCount } of this.problems.values()) sum += tokenCount;
    return sum;
  }

  /** What is known of a prompt, to be added to. */
  open(prompt: readonly number[]): ProblemDrafts {
    const key = prompt.join();
    const drafts = this.problems.get(key) ?? new ProblemDrafts(prompt, this.maxAttempts);
    this.problems.delete(key);
    this.problems.set(key, drafts);
    return drafts;
  }

  /** Forgets the problems longest not opened, until the bound holds. Who opened one may go on using it. */
  trim(): void {
    let excess = this.tokenCount - this.maxTokens;
    for (const [key, { tokenCount }] of this.problems) {
      if (excess <= 0) return;
      this.problems.delete(key);
      excess -= tokenCount;
    }
  }

  /** How often drafts of a kind come true, as a multiple of what their votes say. */
  ratio(kind: DraftKind): number {
    return this.rates[kind].ratio;
  }

  /** Takes note of drafts, whether they were fed or only compared with what was drawn: how many were expected to come true, and did. */
  learn(kind: DraftKind, expected: number, came: number): void {
    this.rates[kind].add(expected, came);
  }
}

/** The attempts at one prompt. */
export class ProblemDrafts {
  private readonly prompt: Int32Array;
  private readonly maxAttempts: number;
  /** The newest last. */
  private readonly attempts: Int32Array[] = [];

  constructor(prompt: readonly number[], maxAttempts: number) {
    this.prompt = Int32Array.from(prompt);
    this.maxAttempts = maxAttempts;
  }

  /** Tokens that are held, the prompt's included. */
  get tokenCount(): number {
    return this.attempts.reduce((sum, { length }) => sum + length, this.prompt.length);
  }

  add(tokens: readonly number[]): void {
    this.attempts.push(Int32Array.from(tokens));
    if (this.attempts.length > this.maxAttempts) this.attempts.shift();
  }

  /**
   * What may follow a completion: what followed in the attempts that begin with it, by their votes, newer ones counting more;
   * without any, what followed the longest match of its end in an attempt or the prompt.
   *
   * @param most tokens, at most
   */
  propose(completion: readonly number[], most: number): Draft | null {
    if (most < 1) return null;
    return this.begun(completion, most) ?? this.seen(completion, most);
  }

  private begun(completion: readonly number[], most: number): Draft | null {
    const { length } = completion;
    const newest = this.attempts.length - 1;
    let going: { tokens: Int32Array; vote: number }[] = [];
    for (let a = newest; a >= 0; a--) {
      const tokens = this.attempts[a];
      let agreed = 0;
      if (tokens.length > length) while (agreed < length && tokens[agreed] === completion[agreed]) agreed++;
      if (agreed === length && tokens.length > length) going.push({ tokens, vote: 2 ** ((a - newest) / halfLife) });
    }
    if (going.length === 0) return null;
    const draft: Draft = { kind: "begun", tokens: [], votes: [] };
    for (let t = length; draft.tokens.length < most; t++) {
      const votes = new Map<number, number>();
      let all = doubt;
      for (const { tokens, vote } of going) {
        all += vote;
        if (t < tokens.length) votes.set(tokens[t], (votes.get(tokens[t]) ?? 0) + vote);
      }
      let best = -1;
      let most = 0;
      for (const [token, sum] of votes)
        if (sum > most) {
          best = token;
          most = sum;
        }
      if (best < 0) break;
      draft.tokens.push(best);
      draft.votes.push({ pro: most, contra: all - most });
      going = going.filter(({ tokens }) => tokens[t] === best);
    }
    return draft;
  }

  private seen(completion: readonly number[], most: number): Draft | null {
    let found: { text: Int32Array; at: number } | null = null;
    let longest = leastSeen - 1;
    for (const text of [...this.attempts.toReversed(), this.prompt])
      for (let at = text.length - 1; at >= leastSeen; at--) {
        let agreed = 0;
        while (agreed < at && agreed < completion.length && text[at - 1 - agreed] === completion.at(-1 - agreed))
          agreed++;
        if (agreed <= longest) continue;
        longest = agreed;
        found = { text, at };
      }
    if (!found) return null;
    const { text, at } = found;
    const tokens = Array.from(text.subarray(at, at + most));
    return { kind: text === this.prompt ? "prompt" : "seen", tokens, votes: tokens.map(() => seenVotes) };
  }
}

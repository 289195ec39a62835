import type { Expression } from "./expression.ts";

/** How the two sides of a relation compare. */
export type Relation = "=" | "<" | ">" | "<=" | ">=" | "!=" | "approx";

/** One end of an interval. */
export interface End {
  readonly at: Expression;
  readonly closed: boolean;
}

/** What an answer is, apart from how it was typeset. */
export type Answer =
  | { readonly kind: "value"; readonly value: Expression; readonly unit: string }
  /** `a < b <= c` has three sides and two relations. */
  | {
      readonly kind: "relation";
      readonly sides: readonly Expression[];
      readonly relations: readonly Relation[];
      readonly unit: string;
    }
  /** `x ∈ S`. */
  | { readonly kind: "member"; readonly of: Expression; readonly set: Answer }
  /** Round brackets around two values may also be an open interval. */
  | { readonly kind: "tuple"; readonly items: readonly Answer[] }
  | { readonly kind: "interval"; readonly low: End; readonly high: End }
  | { readonly kind: "union"; readonly parts: readonly Answer[] }
  /** `whole` without the items of `less`. */
  | { readonly kind: "difference"; readonly whole: Answer; readonly less: Answer }
  | { readonly kind: "set"; readonly items: readonly Answer[] }
  /** Several answers, in any order; `and` when that word joins them. */
  | { readonly kind: "list"; readonly items: readonly Answer[]; readonly joint: "and" | "or" }
  | { readonly kind: "matrix"; readonly rows: readonly (readonly Expression[])[] }
  /** Digits with the base they are written in, as `52_8`. */
  | { readonly kind: "numeral"; readonly digits: string; readonly base: number }
  /** `3:5`, `8:34`; the suffix is `am`, `pm` or empty. */
  | { readonly kind: "ratio"; readonly parts: readonly Expression[]; readonly suffix: string }
  /** One of several choices: a capital letter. */
  | { readonly kind: "choice"; readonly letter: string }
  /** Plain words, lower case, without punctuation. */
  | { readonly kind: "words"; readonly words: string };

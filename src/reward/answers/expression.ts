import type { Rational } from "../../data/rational.ts";

/** A mathematical expression as it was read, before any arithmetic. */
export type Expression =
  | { readonly kind: "number"; readonly value: Rational }
  /** A variable (`x`, `x_1`) or a constant: `\pi`, `e`, `i`, `\infty`. */
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "sum"; readonly terms: readonly Expression[] }
  | { readonly kind: "product"; readonly factors: readonly Expression[] }
  | { readonly kind: "quotient"; readonly over: Expression; readonly under: Expression }
  | { readonly kind: "power"; readonly base: Expression; readonly exponent: Expression }
  /** The principal root; the real one where the index is odd and the radicand negative. */
  | { readonly kind: "root"; readonly radicand: Expression; readonly index: number }
  /** A function by its LaTeX name without the backslash; `f` and `g` stand for themselves. */
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] }
  /** ± (sign 1) or ∓ (sign −1) before a term. */
  | { readonly kind: "either"; readonly sign: 1 | -1; readonly term: Expression };

/** A whole number as an expression. */
export function whole(value: number): Expression {
  return { kind: "number", value: { numerator: BigInt(value), denominator: 1n } };
}

/** −term. */
export function negative(term: Expression): Expression {
  if (term.kind === "number") {
    return { kind: "number", value: { numerator: -term.value.numerator, denominator: term.value.denominator } };
  }
  return { kind: "product", factors: [whole(-1), term] };
}

/** left − right. */
export function minus(left: Expression, right: Expression): Expression {
  return { kind: "sum", terms: [left, negative(right)] };
}

/** The expressions just inside one. */
export function parts(of: Expression): readonly Expression[] {
  switch (of.kind) {
    case "number":
    case "symbol":
      return [];
    case "sum":
      return of.terms;
    case "product":
      return of.factors;
    case "quotient":
      return [of.over, of.under];
    case "power":
      return [of.base, of.exponent];
    case "root":
      return [of.radicand];
    case "call":
      return of.args;
    case "either":
      return [of.term];
  }
}

/** The same expression with other parts, in the order of `parts`. */
export function withParts(of: Expression, inner: readonly Expression[]): Expression {
  switch (of.kind) {
    case "number":
    case "symbol":
      return of;
    case "sum":
      return { kind: "sum", terms: inner };
    case "product":
      return { kind: "product", factors: inner };
    case "quotient":
      return { kind: "quotient", over: inner[0], under: inner[1] };
    case "power":
      return { kind: "power", base: inner[0], exponent: inner[1] };
    case "root":
      return { kind: "root", radicand: inner[0], index: of.index };
    case "call":
      return { kind: "call", name: of.name, args: inner };
    case "either":
      return { kind: "either", sign: of.sign, term: inner[0] };
  }
}

/** Names of constants; all other symbols are variables. */
const CONSTANTS = new Set(["pi", "e", "i", "infty"]);

/** The variables of an expression, each once, and whether it names the imaginary unit. */
export function symbolsOf(expression: Expression): { variables: Set<string>; imaginary: boolean } {
  const variables = new Set<string>();
  let imaginary = false;
  const visit = (of: Expression): void => {
    if (of.kind === "symbol") {
      if (of.name === "i") imaginary = true;
      else if (!CONSTANTS.has(of.name)) variables.add(of.name);
    }
    for (const part of parts(of)) visit(part);
  };
  visit(expression);
  return { variables, imaginary };
}

/**
 * Every expression that one with ± stands for: the upper and the lower signs where it has a ∓ as well, all combinations
 * otherwise. One without ± stands for itself.
 */
export function alternatives(expression: Expression): Expression[] {
  let upper = 0;
  let lower = 0;
  const count = (of: Expression): void => {
    if (of.kind === "either") of.sign === 1 ? upper++ : lower++;
    for (const part of parts(of)) count(part);
  };
  count(expression);
  const signs = upper + lower;
  if (signs === 0) return [expression];
  if (signs > 4) return [];
  const choices =
    lower > 0 && upper > 0 ? [0, 2 ** signs - 1] : Array.from({ length: 2 ** signs }, (_, choice) => choice);
  return choices.map((choice) => {
    let nth = 0;
    const choose = (of: Expression): Expression => {
      const flipped = of.kind === "either" ? (choice >> nth++) & 1 : 0;
      const inner = parts(of).map(choose);
      if (of.kind !== "either") return withParts(of, inner);
      return (of.sign === 1) === (flipped === 0) ? inner[0] : negative(inner[0]);
    };
    return choose(expression);
  });
}

import { type Rational, rational } from "../../data/rational.ts";
import { type Expression, negative, whole } from "./expression.ts";
import type { Token } from "./latex-tokens.ts";

/** Functions of one argument that may stand before it without brackets. */
const PREFIX_FUNCTIONS = new Set(
  "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh log ln lg exp".split(" "),
);
/** Functions of several arguments, in brackets. */
const LIST_FUNCTIONS = new Set("max min gcd lcm".split(" "));
/** `f(x)` is a function's value; `h(x)` may be a product. */
const APPLIED_LETTERS = new Set("fgFG".split(""));
/** Commands that are variables or constants. */
const SYMBOLS = new Set(
  (
    "pi infty alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta kappa lambda mu nu xi rho sigma tau phi " +
    "varphi chi psi omega Gamma Delta Theta Lambda Sigma Phi Psi Omega ell"
  ).split(" "),
);
/** Marks over or before letters; with them the letters are one name: `\overline{AB}`. */
const NAME_MARKS = new Set("overline vec hat bar angle triangle overrightarrow widehat tilde".split(" "));
const CLOSING: Readonly<Record<string, string>> = {
  "(": ")",
  "[": "]",
  lfloor: "rfloor",
  lceil: "rceil",
  vert: "vert",
};

/** Deeper nesting is no answer. */
const MAX_DEPTH = 60;

class Unreadable extends Error {}

/**
 * Reads tokens as one expression, as LaTeX and plain text write them: `\frac43`, `2\sqrt3`, `1\frac{4}{5}` (a mixed number),
 * `sqrt(3)/2`, `x^12`, `\sin^2 t`. Products without a sign bind as those with one, from left to right.
 * @returns null when they are anything else
 */
export function readExpression(tokens: readonly Token[]): Expression | null {
  if (tokens.length === 0) return null;
  const reader = new ExpressionReader(tokens);
  try {
    const expression = reader.sum();
    return reader.atEnd() ? expression : null;
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

class ExpressionReader {
  private readonly tokens: Token[];
  private at = 0;
  private depth = 0;
  /** Inside of |…|, where a bar closes. */
  private bars = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = [...tokens];
  }

  atEnd(): boolean {
    return this.at === this.tokens.length;
  }

  sum(): Expression {
    if (++this.depth > MAX_DEPTH) throw new Unreadable();
    const terms: Expression[] = [];
    for (;;) {
      const sign = this.sign();
      if (sign === null && terms.length > 0) break;
      const term = this.product();
      terms.push(sign === null ? term : sign(term));
    }
    this.depth--;
    const sum: Expression = terms.length === 1 ? terms[0] : { kind: "sum", terms };
    // TeX's `{a + b \over c}` divides all of its group.
    return this.take("command", "over") ? { kind: "quotient", over: sum, under: this.sum() } : sum;
  }

  /** What a sign before a term does to it; null where none stands. */
  private sign(): ((term: Expression) => Expression) | null {
    if (this.take("sign", "+")) return (term) => term;
    if (this.take("sign", "-")) return negative;
    if (this.take("command", "pm")) return (term) => ({ kind: "either", sign: 1, term });
    if (this.take("command", "mp")) return (term) => ({ kind: "either", sign: -1, term });
    return null;
  }

  private product(): Expression {
    let product = this.signedFactor();
    for (;;) {
      if (this.take("sign", "*") || this.take("command", "cdot") || this.take("command", "times")) {
        product = times(product, this.signedFactor());
      } else if (this.take("sign", "/") || this.take("command", "div")) {
        product = { kind: "quotient", over: product, under: this.signedFactor() };
      } else if (this.startsFactor()) {
        const before = this.tokens[this.at - 1];
        const next = this.tokens[this.at];
        const factor = this.factor();
        if (next.kind === "number" && before.kind === "number") product = this.mixed(product, factor);
        else if (isProperFraction(factor) && isWhole(product) && before.kind === "number" && next.text === "frac") {
          product = { kind: "sum", terms: [product, factor] };
        } else if (next.kind === "number" && before.text !== ")" && before.text !== "}") throw new Unreadable();
        else product = times(product, factor);
      } else return product;
    }
  }

  /** `1 4/5`: after two whole numbers side by side only a slash and a greater number can stand. */
  private mixed(units: Expression, over: Expression): Expression {
    const slash = this.take("sign", "/");
    const under = slash ? this.factor() : null;
    if (under === null || !isWhole(units) || !isWhole(over) || !isWhole(under)) throw new Unreadable();
    const fraction: Expression = { kind: "quotient", over, under };
    if (!isProperFraction(fraction)) throw new Unreadable();
    return { kind: "sum", terms: [units, fraction] };
  }

  private signedFactor(): Expression {
    if (this.take("sign", "-")) return negative(this.signedFactor());
    if (this.take("sign", "+")) return this.signedFactor();
    return this.factor();
  }

  private startsFactor(): boolean {
    const next = this.tokens[this.at];
    if (next === undefined) return false;
    if (next.kind === "number" || next.kind === "letter") return true;
    if (next.kind === "sign")
      return next.text === "(" || next.text === "[" || next.text === "{" || (next.text === "|" && this.bars === 0);
    if (next.kind !== "command") return false;
    return (
      SYMBOLS.has(next.text) ||
      PREFIX_FUNCTIONS.has(next.text) ||
      LIST_FUNCTIONS.has(next.text) ||
      NAME_MARKS.has(next.text) ||
      ["frac", "sqrt", "binom", "lfloor", "lceil"].includes(next.text) ||
      (next.text === "vert" && this.bars === 0)
    );
  }

  /** An atom with its powers, factorials and degree signs. */
  private factor(): Expression {
    let factor = this.atom();
    for (;;) {
      if (this.take("sign", "^")) factor = { kind: "power", base: factor, exponent: this.script() };
      else if (this.take("sign", "!")) factor = { kind: "call", name: "factorial", args: [factor] };
      else if (this.take("command", "degree")) {
        const halfTurn: Expression = { kind: "quotient", over: { kind: "symbol", name: "pi" }, under: whole(180) };
        factor = times(factor, halfTurn);
      } else if (this.take("sign", "%")) factor = { kind: "quotient", over: factor, under: whole(100) };
      else return factor;
    }
  }

  private atom(): Expression {
    if (++this.depth > MAX_DEPTH) throw new Unreadable();
    const atom = this.undepthedAtom();
    this.depth--;
    return atom;
  }

  private undepthedAtom(): Expression {
    const token = this.tokens[this.at++];
    if (token === undefined) throw new Unreadable();
    if (token.kind === "number") return { kind: "number", value: token.value! };
    if (token.kind === "letter") return this.letter(token.text);
    if (token.kind === "sign") {
      if (token.text === "(" || token.text === "[" || token.text === "{") return this.closed(token.text);
      if (token.text === "|") return this.absolute("sign", "|");
    }
    if (token.kind !== "command") throw new Unreadable();
    if (SYMBOLS.has(token.text)) return { kind: "symbol", name: token.text + this.subscript() };
    if (PREFIX_FUNCTIONS.has(token.text)) return this.call(token.text);
    if (NAME_MARKS.has(token.text)) return this.markedName(token.text);
    if (LIST_FUNCTIONS.has(token.text)) return { kind: "call", name: token.text, args: this.list() };
    switch (token.text) {
      case "frac":
        return { kind: "quotient", over: this.argument(), under: this.argument() };
      case "binom":
        return { kind: "call", name: "binom", args: [this.argument(), this.argument()] };
      case "sqrt":
        return this.root();
      case "vert":
        return this.absolute("command", "vert");
      case "lfloor":
      case "lceil": {
        const inner = this.sum();
        this.expect("command", CLOSING[token.text]);
        return { kind: "call", name: token.text === "lfloor" ? "floor" : "ceil", args: [inner] };
      }
      default:
        throw new Unreadable();
    }
  }

  private letter(name: string): Expression {
    const full = name + this.subscript();
    const primes = this.take("sign", "'") ? "'" : APPLIED_LETTERS.has(name) ? this.inverseMark() : "";
    if (APPLIED_LETTERS.has(name) && this.peek("sign", "(")) {
      return { kind: "call", name: full + primes, args: this.list() };
    }
    return { kind: "symbol", name: full + primes };
  }

  /** The `^{-1}` of `f^{-1}(x)`, as part of a name. */
  private inverseMark(): string {
    const mark = this.tokens
      .slice(this.at, this.at + 6)
      .map((token) => token.text)
      .join("");
    if (!mark.startsWith("^{-1}(")) return "";
    this.at += 5;
    return "^{-1}";
  }

  /** `_1` or `_{n+1}`, as part of a name. */
  private subscript(): string {
    if (!this.take("sign", "_")) return "";
    if (!this.take("sign", "{")) return `_${this.tokens[this.at++]?.text ?? ""}`;
    const from = this.at;
    while (!this.atEnd() && !this.peek("sign", "}")) this.at++;
    const name = this.tokens
      .slice(from, this.at)
      .map((token) => token.text)
      .join("");
    this.expect("sign", "}");
    return `_${name}`;
  }

  /** The inside of brackets whose first sign is taken. */
  private closed(open: string): Expression {
    const bars = this.bars;
    this.bars = 0;
    const inner = this.sum();
    this.bars = bars;
    this.expect("sign", open === "{" ? "}" : CLOSING[open]);
    return inner;
  }

  private absolute(kind: Token["kind"], text: string): Expression {
    this.bars++;
    const inner = this.sum();
    this.bars--;
    this.expect(kind, text);
    return { kind: "call", name: "abs", args: [inner] };
  }

  /** Arguments between round brackets. */
  private list(): Expression[] {
    this.expect("sign", "(");
    const items = [this.sum()];
    while (this.take("sign", ",")) items.push(this.sum());
    this.expect("sign", ")");
    return items;
  }

  private call(name: string): Expression {
    let called = name === "lg" ? "log" : name;
    let base: Expression | null = null;
    let exponent: Expression | null = null;
    if (this.take("sign", "_")) base = this.script();
    if (this.take("sign", "^")) exponent = this.script();
    if (exponent !== null && isMinusOne(exponent)) {
      called = `arc${called}`;
      exponent = null;
    }
    const argument = this.peek("sign", "(") || this.peek("sign", "{") ? this.factorOfCall() : this.bareArgument();
    let value: Expression = { kind: "call", name: called, args: base === null ? [argument] : [argument, base] };
    if (exponent !== null) value = { kind: "power", base: value, exponent };
    return value;
  }

  /** The bracketed argument; an exponent after it belongs to the function's value, which `factor` reads. */
  private factorOfCall(): Expression {
    const open = this.tokens[this.at++].text;
    return this.closed(open);
  }

  /** `5x` of `\sin 5x \cos x`: factors without signs up to the next function. */
  private bareArgument(): Expression {
    let argument = this.signedFactor();
    for (;;) {
      const next = this.tokens[this.at];
      if (next === undefined || !this.startsFactor() || next.kind === "number") return argument;
      if (next.kind === "command" && (PREFIX_FUNCTIONS.has(next.text) || LIST_FUNCTIONS.has(next.text)))
        return argument;
      if (next.kind === "sign") return argument;
      argument = times(argument, this.factor());
    }
  }

  private root(): Expression {
    let index = 2;
    if (this.take("sign", "[")) {
      const token = this.tokens[this.at++];
      if (token?.kind !== "number" || !/^\d{1,3}$/.test(token.text) || Number(token.text) < 2) throw new Unreadable();
      index = Number(token.text);
      this.expect("sign", "]");
    }
    const radicand = this.peek("number") ? this.atom() : this.argument();
    return { kind: "root", radicand, index };
  }

  private markedName(mark: string): Expression {
    let name = mark;
    const braced = this.take("sign", "{");
    while (this.peek("letter") || (braced && this.peek("word")))
      name += `~${this.tokens[this.at++].text}${this.subscript()}`;
    if (braced) this.expect("sign", "}");
    if (name === mark) throw new Unreadable();
    return { kind: "symbol", name };
  }

  /** An argument in braces, or as TeX takes one: the next digit, letter or command. */
  private argument(): Expression {
    const token = this.tokens[this.at];
    if (token?.kind === "number" && /^\d{2,}/.test(token.text)) {
      const rest = token.text.slice(1);
      const digit = (text: string): Token => ({ kind: "number", text, value: parse(text), spaced: false });
      if (!/^\d+$/.test(rest)) throw new Unreadable();
      this.tokens.splice(this.at, 1, digit(token.text[0]), digit(rest));
    }
    return this.atom();
  }

  /** What stands under a `_` or over a `^`: an argument, or all digits of a number, with its sign. */
  private script(): Expression {
    if (this.take("sign", "-")) return negative(this.atom());
    this.take("sign", "+");
    return this.atom();
  }

  private peek(kind: Token["kind"], text?: string): boolean {
    const next = this.tokens[this.at];
    return next !== undefined && next.kind === kind && (text === undefined || next.text === text);
  }

  private take(kind: Token["kind"], text: string): boolean {
    const found = this.peek(kind, text);
    if (found) this.at++;
    return found;
  }

  private expect(kind: Token["kind"], text: string): void {
    if (!this.take(kind, text)) throw new Unreadable();
  }
}

function times(left: Expression, right: Expression): Expression {
  const factors = left.kind === "product" ? [...left.factors, right] : [left, right];
  return { kind: "product", factors };
}

function isWhole(of: Expression): of is { kind: "number"; value: Rational } {
  return of.kind === "number" && of.value.denominator === 1n;
}

function isMinusOne(of: Expression): boolean {
  return isWhole(of) && of.value.numerator === -1n;
}

function isProperFraction(of: Expression): boolean {
  return (
    of.kind === "quotient" &&
    isWhole(of.over) &&
    isWhole(of.under) &&
    of.over.value.numerator > 0n &&
    of.over.value.numerator < of.under.value.numerator
  );
}

function parse(digits: string): Rational {
  return rational(BigInt(digits));
}

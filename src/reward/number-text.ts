import { divide, multiply, type Rational, rational } from "../data/rational.ts";

/** A number as it stands in an answer. */
export interface WrittenNumber {
  value: Rational;
  /** `$`, `%`, `apple`: lower case, singular, empty for none. */
  unit: string;
}

/** Longer texts are no number: so a hostile one costs nothing. */
const MAX_LENGTH = 200;

const DIGITS = String.raw`(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+`;
const CURRENCY = "$€£¥₹";
const NUMBER = new RegExp(
  String.raw`^([+-]?)\s*([${CURRENCY}]?)\s*(-?)\s*(${DIGITS})(?:\s*/\s*(${DIGITS}))?(\s*[%°${CURRENCY}]|[a-z]+|\s+[a-z][a-z' -]*)?\.?$`,
  "i",
);

/**
 * Words after a number that change its value, say that it is not all of the answer, or may do either: with them the text
 * is no plain number. (`5 million` may be 5 or 5,000,000, as it was asked.)
 */
const NOT_UNITS = new Set(
  (
    "and or to plus minus times over by than less more about half halves third thirds quarter quarters tenth tenths " +
    "dozen hundred thousand million billion trillion pi sqrt sin cos tan log ln exp mod infinity factorial"
  ).split(" "),
);

const MAX_UNIT_WORDS = 4;

/** Short units. Other words of one or two letters, and words without a space before them, may be variables: `5xy`. */
const ABBREVIATIONS = new Set("mm cm km kg mg ml lb lbs oz ft yd mi mph hr hrs min sec am pm".split(" "));

/** Names of units that have signs. */
const SIGNS: Readonly<Record<string, string>> = { dollar: "$", usd: "$", percent: "%", "per cent": "%", degree: "°" };

/**
 * Reads a number exactly: `1,080`, `-3`, `5.0`, `.5`, `1/2`, `$18.00`, `50%`, `18 apples.`, and what LaTeX puts around one
 * (`\$1{,}080`, `$18$`, `18\text{ apples}`). A unit is a sign or words; it does not change the value: `50%` is 50.
 * @returns null for anything else, a denominator of 0 and commas not between groups of three included
 */
export function readNumber(text: string): WrittenNumber | null {
  if (text.length > MAX_LENGTH) return null;
  const match = NUMBER.exec(withoutTypesetting(text));
  if (match === null) return null;
  const [, sign, currency, innerSign, numerator, denominator, suffix = ""] = match;
  if (sign !== "" && innerSign !== "") return null;
  const unit = unitOf(suffix);
  if (unit === null) return null;
  const below = denominator === undefined ? rational(1n) : parseDecimal(denominator);
  if (below.numerator === 0n) return null;
  const magnitude = divide(parseDecimal(numerator), below);
  const value = sign === "-" || innerSign === "-" ? multiply(magnitude, rational(-1n)) : magnitude;
  return { value, unit: unit || currency };
}

/** A minus after a digit, letter or bracket is an operator: the last number of `10-3` is 3. */
const ANYWHERE =
  /(?<![\d)\w.])-?\$?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:\/\d+)?|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?/g;

/** The last number that stands in a text, as written there; null when there is none. */
export function lastNumber(text: string): string | null {
  return text.replaceAll("−", "-").match(ANYWHERE)?.at(-1) ?? null;
}

function unitOf(suffix: string): string | null {
  const words = suffix
    .toLowerCase()
    .split(/[\s-]+/)
    .filter((word) => word !== "");
  if (words.length > MAX_UNIT_WORDS || words.some((word) => NOT_UNITS.has(word))) return null;
  const name = words.join(" ").replace(/s$/, "");
  const attached = /^[a-z]/i.test(suffix);
  if (/^[a-z]/.test(name) && (attached || name.length < 3) && !ABBREVIATIONS.has(words[0])) return null;
  return SIGNS[name] ?? name;
}

function withoutTypesetting(text: string): string {
  let plain = text.trim().replaceAll("−", "-");
  const delimited = /^(?:\$([^$]+)\$|\\\((.+)\\\))$/s.exec(plain);
  if (delimited !== null) plain = (delimited[1] ?? delimited[2]).trim();
  return plain
    .replace(/\\(?:text|mathrm|textbf|mathbf)\{([^{}]*)\}/g, " $1")
    .replaceAll("{,}", ",")
    .replace(/\\([$%])/g, "$1")
    .replace(/\\[!,;: ]/g, "")
    .replace(/\s+/g, " ")
    .trim();
}

function parseDecimal(text: string): Rational {
  const [whole, decimals = ""] = text.replaceAll(",", "").split(".");
  return rational(BigInt(whole + decimals), 10n ** BigInt(decimals.length));
}

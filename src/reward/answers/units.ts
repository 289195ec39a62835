import type { Token } from "./latex-tokens.ts";

/** Units of measure: other names of one that has the first. */
const MEASURES = [
  "$ dollar usd buck",
  "¢ cent",
  "€ euro eur",
  "£ pound-sterling gbp",
  "% percent pct",
  "° degree deg",
  "mm millimeter millimetre",
  "cm centimeter centimetre",
  "m meter metre",
  "km kilometer kilometre",
  "inch in",
  "foot feet ft",
  "yard yd",
  "mile mi",
  "mg milligram",
  "g gram gm",
  "kg kilogram",
  "pound lb",
  "ounce oz",
  "ml milliliter millilitre",
  "liter litre l",
  "gallon gal",
  "quart qt",
  "second sec s",
  "minute min",
  "hour hr h",
  "day",
  "week",
  "month",
  "year yr",
  "mph",
  "kph",
  "unit",
  "radian rad",
];
const NAMES = new Map(MEASURES.flatMap((line) => line.split(" ").map((name, _, [first]) => [name, first] as const)));
const PLURALS = new Map([["inches", "inch"]]);
/** Rates that have names of their own. */
const RATES = new Map([
  ["mile hour", "mph"],
  ["km hour", "kph"],
]);
/** Words that say nothing about which unit it is. */
const FILLERS = new Set("of the a an total exactly about approximately roughly per".split(" "));

/**
 * The unit that tokens after a value name: `cm^2` for `\text{ square centimeters}`, the words themselves, singular, for things
 * that are counted. Empty for no tokens; null when they are no unit.
 */
export function unitOf(tokens: readonly Token[]): string | null {
  const words: string[] = [];
  let squared = "";
  for (let at = 0; at < tokens.length; at++) {
    const { kind, text } = tokens[at];
    const next = tokens[at + 1];
    if (kind === "word") {
      const word = text.toLowerCase().replace(/[.()]/g, "");
      if (word === "square" || word === "sq") squared = "^2";
      else if (word === "cubic" || word === "cu") squared = "^3";
      else if (word !== "" && !FILLERS.has(word))
        words.push(
          ...word
            .split(/[-/]/)
            .filter((part) => part !== "")
            .map(unitName),
        );
    } else if (kind === "sign" && text === "^" && words.length > 0) {
      const braced = next?.text === "{";
      const power = tokens[at + (braced ? 2 : 1)];
      if (power?.kind !== "number") return null;
      words[words.length - 1] += `^${power.text}`;
      at += braced ? 3 : 1;
    } else if (kind === "command" && text === "degree") words.push("°");
    else if (kind === "sign" && "$%€£¢".includes(text)) words.push(text);
    else if (!(kind === "sign" && "./".includes(text))) return null;
  }
  if (squared !== "" && words.length > 0) words[0] += squared;
  const unit = words.join(" ");
  return RATES.get(unit) ?? unit;
}

function unitName(word: string): string {
  const singular = PLURALS.get(word) ?? NAMES.get(word) ?? word.replace(/(?<=x|sh|ch)es$|(?<=...)s$/, "");
  return NAMES.get(singular) ?? singular;
}

/** Whether a unit is one of measure, by its canonical name. */
function isMeasure(unit: string): boolean {
  return unit.split(" ").some((word) => NAMES.has(word.replace(/\^.*$/, "")));
}

/**
 * Whether two units may be one: where either is left out, where they are the same, and where counted things share a word
 * (`distinct integers` are integers).
 */
export function sameUnit(a: string, b: string): boolean {
  if (a === "" || b === "" || a === b) return true;
  // `square units` says no more than nothing does.
  if (/^unit(\^\d)?$/.test(a) || /^unit(\^\d)?$/.test(b)) return true;
  if (isMeasure(a) || isMeasure(b)) return false;
  const words = new Set(a.split(" "));
  return b.split(" ").some((word) => words.has(word));
}

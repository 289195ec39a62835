import type { Answer, Relation } from "./answer-shape.ts";
import { alternatives, type Expression, minus, symbolsOf, whole } from "./expression.ts";
import type { Effort } from "./polynomial.ts";
import { memberName, realSet, sameSets } from "./real-set.ts";
import { constantRatio, realOf, sameExpression } from "./same-expression.ts";
import { sameUnit } from "./units.ts";

/** More items are not matched. */
const MAX_ITEMS = 40;
const FLIPPED: Readonly<Partial<Record<Relation, Relation>>> = { "<": ">", ">": "<", "<=": ">=", ">=": "<=" };

/**
 * Whether an answer means what the gold one does. Strict about kinds and order: an interval's ends keep their brackets, a
 * tuple its order, a matrix its shape. What says the same is the same: `x = 5` and `5`, `x > 2` and `(2, ∞)`, `1 ± √2` and
 * both values, a value with and without its unit.
 * @param effort the arithmetic that all comparisons together may take
 * @returns null when two expressions leave it open
 */
export function sameAnswer(answer: Answer, gold: Answer, effort: Effort): boolean | null {
  const [a, b] = [spread(asPoint(answer, gold)), spread(asPoint(gold, answer))];
  const asItems = sameItems(a, b, effort);
  if (asItems !== undefined) return asItems;
  if (a.kind === "value" && b.kind === "value") return sameValue(a, b, effort);
  if (a.kind === "relation" || b.kind === "relation") {
    const asRelation = sameRelations(a, b, effort);
    if (asRelation === true) return true;
    return any([asRelation, sameAsSets(a, b)]);
  }
  if (a.kind === "tuple" && b.kind === "tuple") {
    return a.items.length !== b.items.length
      ? false
      : all(a.items.map((item, index) => sameAnswer(item, b.items[index], effort)));
  }
  if (a.kind === "matrix" && b.kind === "matrix") return sameMatrix(a.rows, b.rows, effort);
  if (a.kind === "numeral" && b.kind === "numeral") return a.digits === b.digits && a.base === b.base;
  if (a.kind === "ratio" && b.kind === "ratio") return sameRatio(a, b, effort);
  if (a.kind === "words" && b.kind === "words") return a.words === b.words;
  if (a.kind === "choice" || b.kind === "choice")
    return choiceLetter(a) !== null && choiceLetter(a) === choiceLetter(b);
  return any([sameAsSets(a, b), sameEnds(a, b, effort)]);
}

/** A value with ± as the list of values it stands for. */
function spread(of: Answer): Answer {
  const value = of.kind === "relation" && of.relations.join() === "=" && isName(of.sides[0]) ? of.sides[1] : null;
  if (of.kind !== "value" && value === null) return of;
  const several = alternatives(of.kind === "value" ? of.value : value!);
  if (several.length === 1) return of;
  const unit = of.kind === "value" ? of.unit : "";
  return { kind: "list", items: several.map((each) => ({ kind: "value", value: each, unit })), joint: "or" };
}

/** `x = 1, y = 2` as the point (1, 2) where the other side is one: values in the alphabetical order of their names. */
function asPoint(of: Answer, other: Answer): Answer {
  if (other.kind !== "tuple" || of.kind !== "list" || of.items.length !== other.items.length) return of;
  const named = of.items.flatMap((item) => {
    const isNamed = item.kind === "relation" && item.relations.join() === "=" && isName(item.sides[0]);
    return isNamed ? [{ name: nameOf(item.sides[0]), value: item.sides[1] }] : [];
  });
  const names = new Set(named.map(({ name }) => name));
  if (names.size !== of.items.length) return of;
  const sorted = named.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { kind: "tuple", items: sorted.map(({ value }) => ({ kind: "value", value, unit: "" })) };
}

/** Lists and finite sets, item by item in any order; undefined when the two are not of that kind. */
function sameItems(a: Answer, b: Answer, effort: Effort): boolean | null | undefined {
  if (a.kind !== "list" && a.kind !== "set" && b.kind !== "list" && b.kind !== "set") return undefined;
  const mine = itemsOf(a);
  const theirs = itemsOf(b);
  if (mine === null || theirs === null) {
    const single = a.kind === "set" ? mine : theirs;
    const other = a.kind === "set" ? b : a;
    // {5} is not 5 for a gold set, but x ∈ {5} and unions are compared as sets.
    if (single !== null && single.length === 1 && (a.kind === "list" || b.kind === "list"))
      return sameAnswer(other, single[0], effort);
    return sameAsSets(a, b);
  }
  if (a.kind === "list" && b.kind === "list" && [...a.items, ...b.items].some(isInequality)) return sameAsSets(a, b);
  const distinct = a.kind === "set" || b.kind === "set";
  return matchAll(
    distinct ? withoutRepeats(mine, effort) : mine,
    distinct ? withoutRepeats(theirs, effort) : theirs,
    effort,
  );
}

function itemsOf(of: Answer): Answer[] | null {
  return of.kind === "list" || of.kind === "set" ? of.items.flatMap((item) => itemsOfSpread(spread(item))) : null;
}

function itemsOfSpread(of: Answer): readonly Answer[] {
  return of.kind === "list" ? of.items : [of];
}

function withoutRepeats(items: readonly Answer[], effort: Effort): Answer[] {
  if (items.length > MAX_ITEMS) return [...items];
  return items.filter(
    (item, index) => !items.slice(0, index).some((before) => sameAnswer(before, item, effort) === true),
  );
}

/** Whether each item has a partner of its own on the other side. Equality is transitive, so the first one found will do. */
function matchAll(a: readonly Answer[], b: readonly Answer[], effort: Effort): boolean | null {
  if (a.length !== b.length || a.length > MAX_ITEMS) return false;
  const free = [...b];
  let sure = true;
  for (const item of a) {
    const verdicts = free.map((other) => sameAnswer(item, other, effort));
    const at = verdicts.indexOf(true);
    if (at >= 0) free.splice(at, 1);
    else if (verdicts.includes(null)) sure = false;
    else return false;
  }
  return sure ? true : null;
}

function sameValue(a: Answer & { kind: "value" }, b: Answer & { kind: "value" }, effort: Effort): boolean | null {
  if (!sameUnit(a.unit, b.unit)) return false;
  const same = sameExpression(a.value, b.value, effort);
  if (same !== false || a.unit === b.unit) return same;
  // 50 % is 1/2 as well as 50, 90° is π/2 as well as 90.
  const scaled = (of: Answer & { kind: "value" }): Expression =>
    of.unit === "%"
      ? { kind: "quotient", over: of.value, under: whole(100) }
      : of.unit === "°"
        ? {
            kind: "product",
            factors: [of.value, { kind: "quotient", over: { kind: "symbol", name: "pi" }, under: whole(180) }],
          }
        : of.value;
  return [a.unit, b.unit].some((unit) => unit === "%" || unit === "°")
    ? sameExpression(scaled(a), scaled(b), effort)
    : false;
}

function sameRelations(a: Answer, b: Answer, effort: Effort): boolean | null {
  if (a.kind === "relation" && b.kind === "relation") {
    const forward = sameChain(a, b.sides, b.relations, effort);
    if (forward !== false) return forward;
    const turned = b.relations.map((relation) => FLIPPED[relation] ?? relation).reverse();
    const backward = sameChain(a, [...b.sides].reverse(), turned, effort);
    if (backward !== false) return backward;
    const values = [statedValue(a, effort), statedValue(b, effort)];
    // x = 1/2 = 0.5 says one value in two ways; y = 3 is not x = 3.
    return a.sides.length !== b.sides.length && values[0] !== null && values[1] !== null && sameName(a, b)
      ? sameAnswer(values[0], values[1], effort)
      : false;
  }
  const [relation, other] = a.kind === "relation" ? [a, b] : [b as Answer & { kind: "relation" }, a];
  const value = statedValue(relation, effort);
  if (value !== null) return sameAnswer(value, other, effort);
  return false;
}

/** What a chain of equations says that something is: its last side, when all sides but a name at its beginning agree. */
function statedValue({ sides, relations, unit }: Answer & { kind: "relation" }, effort: Effort): Answer | null {
  const named = isName(sides[0]) && !sharesVariable(sides[0], sides[sides.length - 1]);
  const equal = named ? sides.slice(1) : sides;
  const between = named ? relations.slice(1) : relations;
  if (named && relations[0] !== "=") return null;
  if (!named && symbolsOf(minus(sides[0], sides[1])).variables.size > 0) return null;
  for (let index = 0; index < between.length; index++) {
    const [left, right] = [equal[index], equal[index + 1]];
    if (
      between[index] === "="
        ? sameExpression(left, right, effort) !== true
        : between[index] !== "approx" || !isRounding(left, right)
    ) {
      return null;
    }
  }
  // An approximation is no better than what it approximates.
  const exact = between.includes("approx") ? equal[between.indexOf("approx")] : equal[equal.length - 1];
  return { kind: "value", value: exact, unit };
}

/** Whether a decimal is what another value comes to, rounded to its digits. */
function isRounding(exact: Expression, rounded: Expression): boolean {
  const [value, near] = [realOf(exact), realOf(rounded)];
  if (value === null || near === null || rounded.kind !== "number") return false;
  return Math.abs(value - near) <= 0.5 / Number(rounded.value.denominator) + 1e-9;
}

function sameChain(
  a: Answer & { kind: "relation" },
  sides: readonly Expression[],
  relations: readonly Relation[],
  effort: Effort,
): boolean | null {
  if (a.relations.join() !== relations.join()) {
    const [mine, theirs] = [a.relations[0], relations[0]];
    if (a.relations.length !== 1 || relations.length !== 1 || FLIPPED[mine] !== theirs) return false;
  }
  const same = all(a.sides.map((side, index) => sameExpression(side, sides[index], effort)));
  if (same === true && a.relations.join() === relations.join()) return true;
  if (relations.length > 1) return a.relations.join() === relations.join() ? same : false;
  const ratio = constantRatio(minus(a.sides[0], a.sides[1]), minus(sides[0], sides[1]), effort);
  if (ratio === null || ratio === 0) return ratio === null ? null : false;
  const ordered = FLIPPED[relations[0]] !== undefined;
  return !ordered || (a.relations[0] === relations[0]) === (ratio === 1);
}

/** `x`, `f(x)`, and products such as `P(A)` and `AB` that begin with a capital. */
function isName(of: Expression): boolean {
  if (of.kind === "product") {
    return of.factors.every((factor) => factor.kind === "symbol") && /^[A-Z]/.test(nameOf(of.factors[0]));
  }
  return (
    (of.kind === "symbol" && symbolsOf(of).variables.size === 1) || (of.kind === "call" && /^[fgFG]/.test(of.name))
  );
}

function nameOf(of: Expression): string {
  if (of.kind === "product") return of.factors.map(nameOf).join(" ");
  return of.kind === "symbol" || of.kind === "call" ? of.name : "";
}

/** Whether `x = …` is an equation in x, not a value of x; of `f(x) = x + 1` the x is not what is named. */
function sharesVariable(name: Expression, value: Expression): boolean {
  const { variables } = symbolsOf(value);
  const names = name.kind === "product" ? [...symbolsOf(name).variables] : [nameOf(name)];
  return names.some((each) => variables.has(each));
}

function sameName(a: Answer & { kind: "relation" }, b: Answer & { kind: "relation" }): boolean {
  return !isName(a.sides[0]) || !isName(b.sides[0]) || nameOf(a.sides[0]) === nameOf(b.sides[0]);
}

function isInequality(of: Answer): boolean {
  return of.kind === "relation" && of.relations.some((relation) => relation !== "=" && relation !== "approx");
}

function sameAsSets(a: Answer, b: Answer): boolean | null {
  // Two tuples are compared as such: (5, 2) is no interval.
  const [mine, theirs] = [realSet(a), realSet(b)];
  if (mine === null || theirs === null) return false;
  const [left, right] = [memberName(a), memberName(b)];
  return left !== null && right !== null && left !== right ? false : sameSets(mine, theirs);
}

/** Intervals whose ends are no constants. */
function sameEnds(a: Answer, b: Answer, effort: Effort): boolean | null {
  if (a.kind !== "interval" || b.kind !== "interval") return false;
  if (a.low.closed !== b.low.closed || a.high.closed !== b.high.closed) return false;
  return all([sameExpression(a.low.at, b.low.at, effort), sameExpression(a.high.at, b.high.at, effort)]);
}

function sameMatrix(
  a: readonly (readonly Expression[])[],
  b: readonly (readonly Expression[])[],
  effort: Effort,
): boolean | null {
  if (a.length !== b.length || a[0].length !== b[0].length) return false;
  return all(a.flatMap((row, y) => row.map((cell, x) => sameExpression(cell, b[y][x], effort))));
}

/** Ratios in proportion; times of day only as they are. */
function sameRatio(a: Answer & { kind: "ratio" }, b: Answer & { kind: "ratio" }, effort: Effort): boolean | null {
  if (a.parts.length !== b.parts.length || (a.suffix !== b.suffix && a.suffix !== "" && b.suffix !== "")) return false;
  const crossed = a.parts
    .slice(1)
    .map((part, index) =>
      sameExpression(
        { kind: "product", factors: [a.parts[0], b.parts[index + 1]] },
        { kind: "product", factors: [b.parts[0], part] },
        effort,
      ),
    );
  const same = all(a.parts.map((part, index) => sameExpression(part, b.parts[index], effort)));
  return same === true || a.suffix !== "" || b.suffix !== "" ? same : all(crossed);
}

function choiceLetter(of: Answer): string | null {
  if (of.kind === "choice") return of.letter;
  return of.kind === "value" && of.value.kind === "symbol" && /^[A-Z]$/.test(of.value.name) ? of.value.name : null;
}

/** Kleene's and. */
function all(verdicts: readonly (boolean | null)[]): boolean | null {
  if (verdicts.includes(false)) return false;
  return verdicts.includes(null) ? null : true;
}

/** Kleene's or. */
function any(verdicts: readonly (boolean | null)[]): boolean | null {
  if (verdicts.includes(true)) return true;
  return verdicts.includes(null) ? null : false;
}

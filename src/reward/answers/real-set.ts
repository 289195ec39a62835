import type { Answer, End, Relation } from "./answer-shape.ts";
import { type Expression, negative, symbolsOf } from "./expression.ts";
import { realOf, sameExpression } from "./same-expression.ts";

/** A set of real numbers: intervals by their lower ends, apart from each other. A point is an interval closed at both ends. */
export type RealSet = readonly Piece[];

interface Piece {
  readonly low: Bound;
  readonly high: Bound;
}

interface Bound {
  readonly at: Expression;
  /** In double precision, ±∞ where there is no end. */
  readonly value: number;
  readonly closed: boolean;
}

const INFINITY: Expression = { kind: "symbol", name: "infty" };
const BELOW_ALL: Bound = { at: negative(INFINITY), value: Number.NEGATIVE_INFINITY, closed: false };
const ABOVE_ALL: Bound = { at: INFINITY, value: Number.POSITIVE_INFINITY, closed: false };

/**
 * The set of real numbers that an answer names: an interval, a union of some, a finite set, `x ∈ S`, or inequalities in one
 * variable that stands alone (`-2 <= x < 7`, `x != 3`, `x < 1 or x > 3`).
 * @returns null for anything else, ends that are not constant included
 */
export function realSet(of: Answer): RealSet | null {
  switch (of.kind) {
    case "interval":
      return interval(of.low, of.high);
    case "tuple": {
      const [low, high] = of.items;
      if (of.items.length !== 2 || low.kind !== "value" || high.kind !== "value") return null;
      return interval({ at: low.value, closed: false }, { at: high.value, closed: false });
    }
    case "set":
      return joined(of.items.map((item) => (item.kind === "value" ? point(item.value) : null)));
    case "union":
      return joined(of.parts.map(realSet));
    case "member":
      return realSet(of.set);
    case "difference":
      return without(realSet(of.whole), realSet(of.less));
    case "relation":
      return ofRelation(of.sides, of.relations);
    case "list": {
      if (!of.items.every((item) => item.kind === "relation")) return null;
      const pieces = of.items.map(realSet);
      if (of.joint === "or" || pieces.includes(null)) return joined(pieces);
      return (pieces as RealSet[]).reduce(intersection);
    }
    default:
      return null;
  }
}

/** The variable that an answer's set is said to hold; null when it names none. */
export function memberName(of: Answer): string | null {
  const sides = of.kind === "relation" ? of.sides : of.kind === "member" ? [of.of] : [];
  if (of.kind === "list") return of.items.map(memberName).find((name) => name !== null) ?? null;
  const symbol = sides.find((side) => side.kind === "symbol" && side.name !== "infty");
  return symbol?.kind === "symbol" ? symbol.name : null;
}

/** Whether two sets have the same pieces. */
export function sameSets(a: RealSet, b: RealSet): boolean | null {
  if (a.length !== b.length) return false;
  let sure = true;
  for (let index = 0; index < a.length; index++) {
    for (const end of ["low", "high"] as const) {
      const [mine, theirs] = [a[index][end], b[index][end]];
      if (mine.closed !== theirs.closed) return false;
      const same = sameBound(mine, theirs);
      if (same === false) return false;
      if (same === null) sure = false;
    }
  }
  return sure ? true : null;
}

function interval(low: End, high: End): RealSet | null {
  const [from, to] = [bound(low), bound(high)];
  if (from === null || to === null || from.value > to.value) return null;
  return [{ low: from, high: to }];
}

function bound({ at, closed }: End): Bound | null {
  const value = realOf(at);
  return value === null ? null : { at, value, closed: closed && Number.isFinite(value) };
}

function point(at: Expression): RealSet | null {
  return interval({ at, closed: true }, { at, closed: true });
}

const FLIPPED: Readonly<Record<Relation, Relation>> = {
  "=": "=",
  "!=": "!=",
  "<": ">",
  ">": "<",
  "<=": ">=",
  ">=": "<=",
  approx: "approx",
};

function ofRelation(sides: readonly Expression[], relations: readonly Relation[]): RealSet | null {
  if (sides.length === 2) {
    const [left, right] = sides;
    if (isVariable(left)) return halfLine(relations[0], right);
    return isVariable(right) ? halfLine(FLIPPED[relations[0]], left) : null;
  }
  if (sides.length !== 3 || !isVariable(sides[1])) return null;
  const from = halfLine(FLIPPED[relations[0]], sides[0]);
  const to = halfLine(relations[1], sides[2]);
  return from === null || to === null || relations.some((relation) => relation === "!=")
    ? null
    : intersection(from, to);
}

/** A letter, or a function's value as in `-80 <= g(x) <= 82`. */
function isVariable(of: Expression): boolean {
  if (of.kind === "call") return symbolsOf(of).variables.size > 0 && /^[fgFG]/.test(of.name);
  return of.kind === "symbol" && symbolsOf(of).variables.size === 1;
}

/** The numbers in a relation to an end: `x > end`. */
function halfLine(relation: Relation, end: Expression): RealSet | null {
  const value = realOf(end);
  if (value === null) return null;
  const at = (closed: boolean): Bound => ({ at: end, value, closed: closed && Number.isFinite(value) });
  switch (relation) {
    case "<":
    case "<=":
      return [{ low: BELOW_ALL, high: at(relation === "<=") }];
    case ">":
    case ">=":
      return [{ low: at(relation === ">="), high: ABOVE_ALL }];
    case "!=":
      return [
        { low: BELOW_ALL, high: at(false) },
        { low: at(false), high: ABOVE_ALL },
      ];
    default:
      return null;
  }
}

/** All pieces in order, those that overlap or touch joined. */
function joined(sets: readonly (RealSet | null)[]): RealSet | null {
  if (sets.includes(null)) return null;
  const pieces = (sets as RealSet[]).flat().sort((a, b) => a.low.value - b.low.value);
  const result: Piece[] = [];
  for (const piece of pieces) {
    const last = result[result.length - 1];
    if (last === undefined || !meet(last.high, piece.low)) {
      result.push(piece);
      continue;
    }
    const coincide = same(last.low, piece.low);
    const low = coincide && piece.low.closed ? piece.low : last.low;
    result[result.length - 1] = { low, high: later(last.high, piece.high) };
  }
  return result;
}

/** Whether a piece that ends at `high` and one that begins at `low` leave no gap. */
function meet(high: Bound, low: Bound): boolean {
  return same(high, low) ? high.closed || low.closed : low.value < high.value;
}

function later(a: Bound, b: Bound): Bound {
  if (same(a, b)) return a.closed ? a : b;
  return a.value > b.value ? a : b;
}

function intersection(a: RealSet, b: RealSet): RealSet {
  const pieces: Piece[] = [];
  for (const left of a) {
    for (const right of b) {
      const low = tighter(left.low, right.low, 1);
      const high = tighter(left.high, right.high, -1);
      const single = same(low, high);
      if (single ? low.closed && high.closed : low.value < high.value) pieces.push({ low, high });
    }
  }
  return pieces.sort((x, y) => x.low.value - y.low.value);
}

/** The lower bound further up (side 1), or the upper bound further down (side −1). */
function tighter(a: Bound, b: Bound, side: 1 | -1): Bound {
  if (same(a, b)) return a.closed ? b : a;
  return side * (a.value - b.value) > 0 ? a : b;
}

function without(of: RealSet | null, less: RealSet | null): RealSet | null {
  if (of === null || less === null) return null;
  const gaps: Piece[] = [];
  let from: Bound = BELOW_ALL;
  for (const { low, high } of less) {
    if (low.value !== Number.NEGATIVE_INFINITY) gaps.push({ low: from, high: { ...low, closed: !low.closed } });
    from = { ...high, closed: !high.closed };
  }
  if (from.value !== Number.POSITIVE_INFINITY) gaps.push({ low: from, high: ABOVE_ALL });
  return intersection(of, gaps);
}

function same(a: Bound, b: Bound): boolean {
  return sameBound(a, b) === true;
}

function sameBound(a: Bound, b: Bound): boolean | null {
  if (!Number.isFinite(a.value) || !Number.isFinite(b.value)) return a.value === b.value;
  if (Math.abs(a.value - b.value) > 1e-6 * Math.max(1, Math.abs(a.value))) return false;
  return sameExpression(a.at, b.at);
}

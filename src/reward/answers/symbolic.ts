import type { ComputeEngine } from "@cortex-js/compute-engine";

/** An expression of the library. */
type Boxed = ReturnType<ComputeEngine["box"]>;

/** Commands that the grammar here does not know and the computer-algebra library evaluates. */
const EVALUATED = /\\(?:sum|prod|lim|bmod|gcd|lcm|sinh|cosh|tanh|arcsinh|arccosh|arctanh|Gamma|zeta)(?![a-zA-Z])/;

/** Relative difference of two values that count as one: the library computes 21 digits; sums of many terms lose some. */
const TOLERANCE = 1e-10;

/** Whole numbers that variables are set to, prime to each other's differences; bounds of sums must be whole. */
const POINTS = [2, 3, 5, 8, 13];

let loaded: Promise<ComputeEngine> | null = null;

/** Whether a text holds something that the library can make of what the grammar cannot. */
export function needsEngine(plain: string): boolean {
  return EVALUATED.test(plain);
}

/**
 * Whether two LaTeX texts have the same value, by `@cortex-js/compute-engine`: the same expression, or the same numbers at
 * several whole values of their variables. May take any time; loads the library at the first call.
 * @returns null when the library cannot read or evaluate the gold answer
 */
export async function sameByEngine(answer: string, gold: string): Promise<boolean | null> {
  const engine = await (loaded ??= load());
  const [a, b] = [read(engine, answer), read(engine, gold)];
  if (b === null) return null;
  if (a === null) return false;
  if (a.isSame(b)) return true;
  const variables = [...new Set([...freeSymbols(a.json), ...freeSymbols(b.json)])].sort();
  const points = variables.length === 0 ? [0] : POINTS;
  let same = 0;
  for (const [nth] of points.entries()) {
    const values = Object.fromEntries(
      variables.map((name, index) => [name, POINTS[(nth + 2 * index) % POINTS.length]]),
    );
    const [x, y] = [numberAt(a, values), numberAt(b, values)];
    if (y === null) continue;
    if (x === null || !isClose(x, y)) return false;
    same++;
  }
  return same === 0 ? null : same >= Math.min(3, points.length);
}

async function load(): Promise<ComputeEngine> {
  const { ComputeEngine } = await import("@cortex-js/compute-engine");
  return new ComputeEngine();
}

/** The parsed expression; null for one that is not valid, and for integrals, which the library only estimates by sampling. */
function read(engine: ComputeEngine, latex: string): Boxed | null {
  const expression = engine.parse(latex);
  return expression.isValid && !JSON.stringify(expression.json).includes('"Integrate"') ? expression : null;
}

function numberAt(expression: Boxed, values: Record<string, number>): [number, number] | null {
  const value = expression.subs(values).N();
  const [re, im] = [value.re, value.im];
  return Number.isFinite(re) && Number.isFinite(im) ? [re, im] : null;
}

function isClose([re, im]: [number, number], [goldRe, goldIm]: [number, number]): boolean {
  return Math.hypot(re - goldRe, im - goldIm) <= TOLERANCE * Math.max(Math.hypot(re, im), Math.hypot(goldRe, goldIm));
}

/** Single letters that no sum or product runs over. */
function freeSymbols(json: unknown): Set<string> {
  const bound = new Set<string>();
  const all = new Set<string>();
  const visit = (node: unknown): void => {
    if (typeof node === "string" && /^[a-zA-Z]$/.test(node) && node !== "i" && node !== "e") all.add(node);
    if (!Array.isArray(node)) return;
    if (node[0] === "Sum" || node[0] === "Product") {
      for (const range of node.slice(2)) if (Array.isArray(range)) bound.add(String(range[1]));
    }
    if (node[0] === "Function") for (const name of node.slice(2)) bound.add(String(name));
    for (const part of node.slice(1)) visit(part);
  };
  visit(json);
  return new Set([...all].filter((name) => !bound.has(name)));
}

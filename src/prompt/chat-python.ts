/** The name under which a template finds `stripped`. */
export const stripCall = "__strip__";

/**
 * Python's `str.strip`, `lstrip` and `rstrip`, and Jinja's `trim`, which takes anything. Python's whitespace has
 * U+001C … U+001F and U+0085, and lacks JavaScript's U+FEFF.
 *
 * @param characters what to strip instead of whitespace
 */
export function stripped(how: string, value: unknown, characters?: string | null): string {
  if (how !== "trim" && typeof value !== "string") throw new Error(`only a string has ${how}()`);
  const text = value === undefined || value === null ? "" : String(value);
  const strips = (character: string): boolean =>
    characters == null ? isPythonSpace(character) : characters.includes(character);
  const all = Array.from(text);
  let begin = 0;
  let end = all.length;
  if (how !== "rstrip") while (begin < end && strips(all[begin])) begin++;
  if (how !== "lstrip") while (end > begin && strips(all[end - 1])) end--;
  return all.slice(begin, end).join("");
}

function isPythonSpace(character: string): boolean {
  return /\p{White_Space}/u.test(character) || (character >= "\u001c" && character <= "\u001f");
}

interface Node {
  type?: string;
  callee?: Node;
  object?: Node;
  property?: Node;
  computed?: boolean;
  operand?: Node;
  filter?: Node;
  value?: unknown;
  args?: Node[];
}

/** The program with `x.strip(…)` and `x | trim` as calls of `stripped`. Changes the nodes in place. */
export function withPythonStrip<Program>(program: Program): Program {
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (value instanceof Map) return new Map(Array.from(value, ([key, own]) => [visit(key), visit(own)]));
    if (typeof value !== "object" || value === null) return value;
    const node = value as Record<string, unknown>;
    for (const key of Object.keys(node)) node[key] = visit(node[key]);
    return stripNode(node as Node) ?? node;
  };
  return visit(program) as Program;
}

function stripNode(node: Node): Node | null {
  const { callee, filter } = node;
  if (node.type === "CallExpression" && callee?.type === "MemberExpression" && !callee.computed) {
    const name = callee.property?.value;
    const isStrip = name === "strip" || name === "lstrip" || name === "rstrip";
    return isStrip ? callOf(name, callee.object!, node.args ?? []) : null;
  }
  if (node.type !== "FilterExpression") return null;
  if (filter?.type === "Identifier" && filter.value === "trim") return callOf("trim", node.operand!, []);
  if (filter?.callee?.value === "trim") return callOf("trim", node.operand!, filter.args ?? []);
  return null;
}

function callOf(how: string, text: Node, args: Node[]): Node {
  const callee = { type: "Identifier", value: stripCall };
  return { type: "CallExpression", callee, args: [{ type: "StringLiteral", value: how }, text, ...args] };
}

const months = "January February March April May June July August September October November December".split(" ");
const days = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** Python's `datetime.strftime` in the C locale, local time. A directive that is not here stays as it is. */
export function formatTime(format: string, now: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const parts: Record<string, string> = {
    Y: String(now.getFullYear()),
    y: two(now.getFullYear() % 100),
    m: two(now.getMonth() + 1),
    d: two(now.getDate()),
    B: months[now.getMonth()],
    b: months[now.getMonth()].slice(0, 3),
    A: days[now.getDay()],
    a: days[now.getDay()].slice(0, 3),
    H: two(now.getHours()),
    I: two(now.getHours() % 12 || 12),
    p: now.getHours() < 12 ? "AM" : "PM",
    M: two(now.getMinutes()),
    S: two(now.getSeconds()),
    "%": "%",
  };
  return format.replace(/%([A-Za-z%])/g, (directive, letter) => parts[letter] ?? directive);
}

/**
 * The first key that an object of a JSON text holds twice, or null; `JSON.parse` keeps the last one silently.
 *
 * @param text valid JSON: anything else gives a meaningless answer
 */
export function findDuplicateKey(text: string): string | null {
  /** Keys of the objects that are open; null stands for an open list. */
  const open: (Set<string> | null)[] = [];
  const token = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g;
  for (let match: RegExpExecArray | null; (match = token.exec(text)) !== null; ) {
    if (match[0] === "{") open.push(new Set());
    else if (match[0] === "[") open.push(null);
    else if (match[0] === "}" || match[0] === "]") open.pop();
    else if (match[1] !== undefined) {
      const key = JSON.parse(match[0].slice(0, -match[1].length)) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return null;
}

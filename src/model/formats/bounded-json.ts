import { findDuplicateKey } from "./json-keys.ts";

/** How far JSON from a stranger may go. */
interface JsonBounds {
  /** Bytes of the text. */
  bytes: number;
  /** Objects and lists in each other. */
  depth: number;
  /** Values of one list. */
  listLength: number;
  /** Least bytes of text for each object or list, on average. */
  bytesPerContainer: number;
}

/**
 * `JSON.parse` for files that may mean harm: 100 MB of nothing but brackets would cost it gigabytes and half a minute, so
 * what no honest file holds is refused before it is parsed. Keys that come twice are refused too.
 *
 * @throws Error saying what is wrong, for the caller to name file and field
 */
export function parseBoundedJson(bytes: Uint8Array, bounds: JsonBounds): unknown {
  if (bytes.length > bounds.bytes) throw new Error(`${bytes.length} bytes, more than ${bounds.bytes}`);
  checkContainers(bytes, bounds);
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const value: unknown = JSON.parse(text);
  const duplicate = findDuplicateKey(text);
  if (duplicate !== null) throw new Error(`name ${JSON.stringify(duplicate.slice(0, 200))} comes twice`);
  return value;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** Looks at brackets and commas alone; whether the text is JSON is for `JSON.parse` to say. */
function checkContainers(bytes: Uint8Array, { depth, listLength, bytesPerContainer }: JsonBounds): void {
  const most = 16 + bytes.length / bytesPerContainer;
  /** Of each open list the number of its commas; of objects nothing. */
  const open: (number | null)[] = [];
  let opened = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if (byte === BRACKET || byte === BRACE) {
      open.push(byte === BRACKET ? 0 : null);
      if (open.length > depth) throw new Error(`more than ${depth} objects and lists in each other`);
      if (++opened > most) throw new Error(`${opened} objects and lists in ${bytes.length} bytes`);
    } else if (byte === BRACKET + 2 || byte === BRACE + 2) {
      open.pop();
    } else if (byte === COMMA) {
      const commas = open.at(-1) ?? null;
      if (commas !== null && (open[open.length - 1] = commas + 1) >= listLength)
        throw new Error(`a list of more than ${listLength} values`);
    }
  }
}

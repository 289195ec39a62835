/** How many terminal columns text takes. */

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** East Asian wide and full-width blocks, as [first, last] code points (Unicode 15, UAX #11, blocks rather than single exceptions). */
const wide: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x20000, 0x3fffd],
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const escapeSequences = /\u001b\[[0-9;]*m/g;
const emoji = /\p{Emoji_Presentation}|\ufe0f/u;
const invisible = /^[\p{Control}\p{Mark}\p{Format}]*$/u;

function graphemeWidth(grapheme: string): number {
  if (invisible.test(grapheme)) return 0;
  if (emoji.test(grapheme)) return 2;
  const code = grapheme.codePointAt(0) as number;
  return code >= 0x1100 && wide.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** Columns of `text` on a terminal: two for wide characters and emoji, none for combining marks and colour sequences. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of segmenter.segment(text.replace(escapeSequences, ""))) width += graphemeWidth(segment);
  return width;
}

/** `text` filled with spaces to `width` columns; longer text stays as it is. */
export function pad(text: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return align === "left" ? text + space : space + text;
}

/** `text` cut to at most `width` columns, with an ellipsis where something is left out. Takes plain text, without colour. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const next = graphemeWidth(segment);
    if (used + next > width - 1) break;
    kept += segment;
    used += next;
  }
  return width > 0 ? `${kept}…` : "";
}

/** Lines broken between words where they are wider than `width` columns; what continues a line is indented under it. */
export function wrapWords(text: string, width: number): string {
  const wrapped = text.split("\n").map((line) => {
    const indent = `${/^ */.exec(line)![0]}  `;
    const lines = [""];
    for (const word of line.split(/(?<=\S) /)) {
      const last = lines[lines.length - 1];
      const longer = last === "" ? word : `${last} ${word}`;
      if (last !== "" && displayWidth(longer) > width) lines.push(indent + word);
      else lines[lines.length - 1] = longer;
    }
    return lines.join("\n");
  });
  return wrapped.join("\n");
}

import { tokenize } from "@huggingface/jinja";

/** A `{{ … }}` or `{% … %}` of a template. */
interface Tag {
  /** Counted from 1. */
  line: number;
  end: number;
}

interface TemplateToken {
  type: string;
  value: string;
}

/** The name of the function that a marked template calls before each of its tags, with the tag's line. */
export const lineMark = "__line__";

/**
 * The tokens of a template with a call of `lineMark` before every tag, so that whoever runs it knows the line: the
 * library keeps no places. The call gives none, which renders nothing; the library strips whitespace before it makes
 * tokens, so the text around is as it was.
 */
export function markedTokens(source: string): TemplateToken[] {
  const tokens: TemplateToken[] = tokenize(source, { lstrip_blocks: true, trim_blocks: true });
  const tags = tagsOf(source);
  const opens = tokens.filter(isOpening).length;
  if (opens !== tags.length) return tokens;
  let seen = 0;
  return tokens.flatMap((token) => (isOpening(token) ? [...markOf(tags[seen++].line), token] : [token]));
}

/** The line of the last mark at or before a place among marked tokens. */
export function lineAt(tokens: readonly TemplateToken[], place: number): number | null {
  for (let at = Math.min(place, tokens.length - 1); at >= 2; at--) {
    if (tokens[at - 2].value === lineMark) return Number(tokens[at].value);
  }
  return null;
}

/** The line of the first tag that cannot be cut into tokens. */
export function brokenLine(source: string): number | null {
  for (const tag of tagsOf(source)) {
    try {
      tokenize(source.slice(0, tag.end), { lstrip_blocks: true, trim_blocks: true });
    } catch {
      return tag.line;
    }
  }
  return null;
}

function isOpening(token: TemplateToken): boolean {
  return token.type === "OpenStatement" || token.type === "OpenExpression";
}

function markOf(line: number): TemplateToken[] {
  return [
    { type: "OpenExpression", value: "{{" },
    { type: "Identifier", value: lineMark },
    { type: "OpenParen", value: "(" },
    { type: "NumericLiteral", value: String(line) },
    { type: "CloseParen", value: ")" },
    { type: "CloseExpression", value: "}}" },
  ];
}

/** The tags in order, less `{% generation %}` and its end, which the library takes out before it looks. */
function tagsOf(source: string): Tag[] {
  const tags: Tag[] = [];
  let line = 1;
  let counted = 0;
  for (let at = source.search(/\{[{%#]/); at >= 0 && at < source.length; ) {
    const kind = source[at + 1];
    const end = kind === "#" ? endOf(source, "#}", at + 2) : endOfTag(source, at + 2, kind === "%" ? "%}" : "}}");
    for (; counted < at; counted++) if (source[counted] === "\n") line++;
    const isGeneration = /^\{%-?\s*(?:end)?generation\s*-?%\}$/.test(source.slice(at, end));
    if (kind !== "#" && !isGeneration) tags.push({ line, end });
    const next = source.slice(end).search(/\{[{%#]/);
    at = next < 0 ? -1 : end + next;
  }
  return tags;
}

function endOf(source: string, close: string, from: number): number {
  const at = source.indexOf(close, from);
  return at < 0 ? source.length : at + close.length;
}

/** Past the close of a tag; quoted text and `{…}` inside it do not close it. */
function endOfTag(source: string, from: number, close: string): number {
  let depth = 0;
  for (let at = from; at < source.length; at++) {
    const character = source[at];
    if (character === '"' || character === "'") {
      for (at++; at < source.length && source[at] !== character; at++) if (source[at] === "\\") at++;
    } else if (source.startsWith(close, at) && (close === "%}" || depth === 0)) {
      return at + 2;
    } else if (character === "{") depth++;
    else if (character === "}") depth--;
  }
  return source.length;
}

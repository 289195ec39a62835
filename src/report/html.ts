/**
 * Markup that is safe by construction: whatever is interpolated into `html` is escaped, unless it is Markup itself.
 */

/** Text that is already HTML or SVG and is inserted as it stands. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/**
 * Escapes text for element content and for quoted attributes alike. Control characters, which no HTML or XML document
 * may hold, become U+FFFD.
 */
export function escapeHtml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced here
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "\ufffd").replace(/[&<>"']/g, (c) => entities[c]);
}

/** What may stand inside an `html` template; null, undefined and false leave nothing. */
export type Insertable = Markup | string | number | null | undefined | false | readonly Insertable[];

const render = (value: Insertable): string => {
  if (value === null || value === undefined || value === false) return "";
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(render).join("");
  return escapeHtml(String(value));
};

/** A template tag: html`<p>${text}</p>` escapes `text`; lists are joined without a separator. */
export function html(strings: TemplateStringsArray, ...values: Insertable[]): Markup {
  let text = strings[0];
  for (let i = 0; i < values.length; i++) text += render(values[i]) + strings[i + 1];
  return new Markup(text);
}

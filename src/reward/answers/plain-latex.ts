/** Signs of Unicode as LaTeX writes them. */
const SIGNS: Readonly<Record<string, string>> = {
  "−": "-",
  "–": "-",
  "—": "-",
  "×": "\\times ",
  "·": "\\cdot ",
  "⋅": "\\cdot ",
  "∙": "\\cdot ",
  "÷": "/",
  "∕": "/",
  "⁄": "/",
  "≤": "\\le ",
  "⩽": "\\le ",
  "≥": "\\ge ",
  "⩾": "\\ge ",
  "≠": "\\ne ",
  "≈": "\\approx ",
  "±": "\\pm ",
  "∓": "\\mp ",
  "√": "\\sqrt ",
  "∞": "\\infty ",
  π: "\\pi ",
  θ: "\\theta ",
  α: "\\alpha ",
  β: "\\beta ",
  λ: "\\lambda ",
  "∪": "\\cup ",
  "∩": "\\cap ",
  "∈": "\\in ",
  "∅": "\\emptyset ",
  ℝ: "\\mathbb{R}",
  "°": "\\degree ",
  º: "\\degree ",
  "½": "\\frac{1}{2}",
  "⅓": "\\frac{1}{3}",
  "⅔": "\\frac{2}{3}",
  "¼": "\\frac{1}{4}",
  "¾": "\\frac{3}{4}",
  "〈": "\\langle ",
  "〉": "\\rangle ",
  "⟨": "\\langle ",
  "⟩": "\\rangle ",
  "，": ",",
  "（": "(",
  "）": ")",
  "\u00a0": " ",
  "\u2009": " ",
  "\u202f": " ",
};
const SIGN = new RegExp(`[${Object.keys(SIGNS).join("")}]`, "g");
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const SUPERSCRIPT = new RegExp(`[${SUPERSCRIPTS}]+`, "g");
const SUBSCRIPT = new RegExp(`[${SUBSCRIPTS}]+`, "g");

/** Commands that have the same meaning as another one. */
const SYNONYMS: Readonly<Record<string, string>> = {
  dfrac: "frac",
  tfrac: "frac",
  cfrac: "frac",
  dbinom: "binom",
  tbinom: "binom",
  leq: "le",
  leqslant: "le",
  geq: "ge",
  geqslant: "ge",
  neq: "ne",
  ast: "cdot",
  star: "cdot",
  varnothing: "emptyset",
  textdegree: "degree",
  mbox: "text",
  hbox: "text",
  textbf: "text",
  textit: "text",
  textrm: "text",
  textnormal: "text",
  textsf: "text",
  mathbf: "mathrm",
  boldsymbol: "mathrm",
  bm: "mathrm",
  mathit: "mathrm",
  mathsf: "mathrm",
  mathnormal: "mathrm",
  operatorname: "mathrm",
  lvert: "vert",
  rvert: "vert",
  mid: "vert",
  lbrace: "{",
  rbrace: "}",
  backslash: "setminus",
  Bbb: "mathbb",
};

/** Commands that only set type: sizes, styles and spaces. */
const TYPESETTING = new Set(
  (
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle scriptstyle limits " +
    "nolimits rm bf it mathstrut strut"
  ).split(" "),
);
const SPACES = new Set("quad qquad , ; : > thinspace space enspace".split(" "));

/**
 * The text of an answer without what only sets its type: delimiters of mathematics, sizes, fonts, spaces and a last full stop;
 * signs of Unicode as LaTeX, commands of one meaning under one name, thousands without separators where LaTeX shows that
 * these are some (`10,\!080`, `10{,}080`). Takes time linear in the text.
 */
export function plainLatex(text: string): string {
  const marked = withoutDelimiters(text.trim())
    .replace(SIGN, (sign) => SIGNS[sign])
    .replace(SUPERSCRIPT, (digits) => `^{${plainDigits(digits, SUPERSCRIPTS)}}`)
    .replace(SUBSCRIPT, (digits) => `_{${plainDigits(digits, SUBSCRIPTS)}}`)
    .replace(/\\begin\s*\{[a-zA-Z]*matrix\*?\}|\\end\s*\{[a-zA-Z]*matrix\*?\}/g, (token) => token.replace(/\s/g, ""))
    .replace(/(\d)\s*(?:\{,\}|,\s*\\!)\s*(?=\d{3}(?!\d))/g, "$1")
    .replace(/(\d)\\,(?=\d{3}(?!\d))/g, "$1")
    .replace(/\\!/g, "")
    .replace(/\\[hv]?phantom\s*(?:\{[^{}]*\}|\S)/g, " ");
  const commands = marked.replace(/\\([a-zA-Z]+|[^a-zA-Z])\*?/g, (command, name: string) => {
    if (command.startsWith("\\\\")) return command;
    if (TYPESETTING.has(name) || SPACES.has(name) || /\s/.test(name)) return " ";
    const known = Object.hasOwn(SYNONYMS, name) ? SYNONYMS[name] : undefined;
    return known === undefined ? command : /[a-z]/i.test(known) ? `\\${known} ` : `\\${known}`;
  });
  return commands
    .replace(/~/g, " ")
    .replace(/\^\s*(?:\{\s*\\circ\s*\}|\\circ)/g, "\\degree ")
    .replace(/\^\s*\{?\s*\\degree\s*\}?/g, "\\degree ")
    .replace(/(?<=\d\s*)\\mathrm\s*\{\s*([mghsLNJW])\s*\}/g, "\\text{$1}")
    .replace(/\\mathrm\s*\{\s*([^{}]*)\}/g, (_, inner: string) =>
      /^[a-zA-Z ]{2,}$/.test(inner) ? `\\text{${inner}}` : ` ${inner}`,
    )
    .replace(/\\mathrm\b/g, " ")
    .replace(/\\text\s*\{\s*([-+\d.,]+)\s*\}/g, "$1")
    .replace(/\\text\s*\{/g, "\\text{")
    .replace(/(?<!\\)\$(?=\s*[-+\d.\\])/g, "\\$")
    .replace(/\s+/g, " ")
    .replace(/(\\[a-zA-Z]+) (?![a-zA-Z])/g, "$1")
    .replace(/(?<!\.)\s*[.,;]?\s*$/, "")
    .trim();
}

/** Without the signs that open and close mathematics, bold type or a box around all of it. */
function withoutDelimiters(text: string): string {
  let plain = text.replace(/^\*\*([^*]+)\*\*$/, "$1").replace(/^`([^`]+)`$/, "$1");
  plain = plain.replace(/\\[()[\]]/g, (bracket, at: number) => (isEscapedBackslash(plain, at) ? bracket : " "));
  plain = plain.replace(/\$\$/g, "$").replace(/(?<!\\)\$(?!\s)([^$]*[^$\s\\])\$(?!\d)/g, " $1 ");
  const boxed = /^\s*\\(?:boxed|fbox)\s*\{(.*)\}\s*\.?\s*$/s.exec(plain);
  return (boxed !== null && isBalanced(boxed[1]) ? boxed[1] : plain).trim();
}

/** Whether the backslash at `at` is the second of a line break, `\\[`. */
function isEscapedBackslash(text: string, at: number): boolean {
  let before = 0;
  while (text[at - 1 - before] === "\\") before++;
  return before % 2 === 1;
}

function isBalanced(text: string): boolean {
  let depth = 0;
  for (const char of text) {
    if (char === "{") depth++;
    if (char === "}" && --depth < 0) return false;
  }
  return depth === 0;
}

function plainDigits(digits: string, alphabet: string): string {
  return [...digits].map((digit) => alphabet.indexOf(digit)).join("");
}

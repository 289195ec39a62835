// Makes the README's pictures from a real run, with an installed Chromium (CHROMIUM, or the usual places).
//
//   script -qc "npm run quickstart" /tmp/session.txt      a terminal's session, control codes and all
//   node scripts/screenshots.mjs --run runs/quickstart --session /tmp/session.txt [--out docs/images]
//
// Writes report.png and terminal.png; either source alone makes its picture alone.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values: options } = parseArgs({
  options: { run: { type: "string" }, session: { type: "string" }, out: { type: "string", default: "docs/images" } },
});
if (!options.run && !options.session) throw new Error("give --run DIR, --session FILE, or both");

const places = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const executablePath = places.find((path) => path && existsSync(path));
if (!executablePath) throw new Error("no Chromium found: apt-get install chromium, or set CHROMIUM to its path");

/** What a terminal of any width shows at the end of a session: rows of { text, style } cells. */
function finalScreen(session) {
  const rows = [[]];
  let row = 0;
  let column = 0;
  let style = "";
  const codes = { 1: "bold", 2: "dim", 31: "red", 32: "green" };
  const ends = { 0: /.*/, 22: /bold|dim/, 39: /red|green/ };
  const apply = (final, numbers) => {
    const n = numbers[0] ?? 0;
    if (final === "A") row = Math.max(0, row - (n || 1));
    else if (final === "G") column = Math.max(0, (n || 1) - 1);
    else if (final === "K") rows[row].length = n === 2 ? 0 : Math.min(rows[row].length, column);
    else if (final === "J") {
      rows.length = row + 1;
      rows[row].length = Math.min(rows[row].length, column);
    } else if (final === "m") {
      for (const code of numbers.length > 0 ? numbers : [0]) {
        const kept = style.split(" ").filter((word) => word !== "" && !ends[code]?.test(word));
        style = [...kept, ...(codes[code] ? [codes[code]] : [])].join(" ");
      }
    }
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a session has
  for (const [piece, parameters, final] of session.matchAll(/\u001b\[([?\d;]*)([A-Za-z])|\u001b.|[\s\S]/gu)) {
    if (final) apply(final, parameters.split(";").filter(Boolean).map(Number));
    else if (piece === "\r") column = 0;
    else if (piece === "\n") {
      row++;
      rows[row] ??= [];
    } else if (!piece.startsWith("\u001b")) {
      for (let i = rows[row].length; i < column; i++) rows[row][i] = { text: " ", style: "" };
      rows[row][column++] = { text: piece, style };
    }
  }
  return rows;
}

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const escaped = (text) => text.replace(/[&<>]/g, (mark) => escapes[mark]);

/** A page that looks like a terminal, without what `script` and npm say about themselves. */
function terminalPage(session) {
  const rows = finalScreen(session).filter((cells) => {
    return !/^(Script (started|done)|npm warn)/.test(cells.map(({ text }) => text).join(""));
  });
  const lines = rows.map((cells) =>
    cells.map(({ text, style }) => (style ? `<b class="${style}">${escaped(text)}</b>` : escaped(text))).join(""),
  );
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0; background: #16181d; }
    pre { display: inline-block; margin: 0; padding: 20px 28px; color: #d7dae0;
      font: 15px/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
    b { font-weight: normal } .bold { font-weight: bold; color: #fff } .dim { opacity: .6 }
    .green { color: #7fd18b } .red { color: #f0837a }
  </style><pre>${lines.join("\n").trim()}</pre>`;
}

mkdirSync(options.out, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const shape = { viewport: { width: 1200, height: 1500 }, deviceScaleFactor: 1.5, colorScheme: "light" };
  const page = await browser.newPage(shape);
  if (options.run) {
    await page.goto(pathToFileURL(resolve(options.run, "report.html")).href);
    await page.screenshot({ path: join(options.out, "report.png") });
  }
  if (options.session) {
    await page.setContent(terminalPage(readFileSync(options.session, "utf8")));
    await page.locator("pre").screenshot({ path: join(options.out, "terminal.png") });
  }
} finally {
  await browser.close();
}

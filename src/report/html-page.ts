import { html, Markup } from "./html.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";

/**
 * One self-contained HTML page, with the styles and the script that reports share. It may fetch nothing: its policy says so.
 *
 * @param page title: of the tab, before `· reckon`; body: all of it; ownStyle: further rules, after the shared ones
 */
export function htmlPage({ title, body, ownStyle = "" }: { title: string; body: Markup; ownStyle?: string }): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${title} · reckon</title>
<style>${new Markup(style + ownStyle)}</style>
</head>
<body>
${body}
<script>${new Markup(script)}</script>
</body>
</html>
`.text;
}

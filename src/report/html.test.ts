import { expect, test } from "vitest";
import { markupProblems } from "../../test/report/markup-balance.ts";
import { escapeHtml, html, Markup } from "./html.ts";

test("text is escaped for content and attributes", () => {
  expect(escapeHtml(`<script>alert("a" & 'b')</script>`)).toBe(
    "&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;",
  );
  expect(escapeHtml("a\u0000b\u001bc\n")).toBe("a\ufffdb\ufffdc\n");
});

test("a template escapes what is interpolated, except markup", () => {
  const inner = html`<b>${"1 < 2"}</b>`;
  expect(html`<p title="${'"'}">${inner}${["a&", new Markup("<i/>")]}${null}${false}${undefined}${0}</p>`.text).toBe(
    '<p title="&quot;"><b>1 &lt; 2</b>a&amp;<i/>0</p>',
  );
});

test("the balance check used by the page's tests finds faults", () => {
  expect(markupProblems("<p><b>x</b></p>")).toEqual([]);
  expect(markupProblems("<p><b>x</p></b>")).toHaveLength(2);
  expect(markupProblems("<p>1 < 2</p>")).toHaveLength(1);
  expect(markupProblems('<p id="a" id="b">AT&T</p>')).toHaveLength(2);
  expect(markupProblems("<p><br>")).toEqual(["not closed: p"]);
});

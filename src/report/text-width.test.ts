import { expect, test } from "vitest";
import { displayWidth, pad, truncate, wrapWords } from "./text-width.ts";

test("columns of plain, wide, combining, emoji and coloured text", () => {
  expect(["abc", "数学", "é", "✓", "🎉", "\u001b[32mok\u001b[39m", "", "━─"].map(displayWidth)).toEqual([
    3, 4, 1, 1, 2, 2, 0, 2,
  ]);
});

test("padding and cutting count columns", () => {
  expect(pad("数", 4, "left")).toBe("数  ");
  expect(pad("7", 3, "right")).toBe("  7");
  expect(pad("long", 2, "left")).toBe("long");
  expect(truncate("quickstart", 6)).toBe("quick…");
  expect(truncate("数学数学", 4)).toBe("数…");
  expect(truncate("abc", 3)).toBe("abc");
  expect(truncate("abc", 0)).toBe("");
});

test("long lines are broken between words, and go on under an indent", () => {
  expect(wrapWords("one two three\n  four five", 7)).toBe("one two\n  three\n  four\n    five");
  expect(wrapWords("unbreakable", 4)).toBe("unbreakable");
  expect(wrapWords("  indented stays", 80)).toBe("  indented stays");
  expect(wrapWords("a b", Number.POSITIVE_INFINITY)).toBe("a b");
});

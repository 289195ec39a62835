import { expect, test } from "vitest";
import { formatTable, stageTable } from "./table.ts";
import { plainStyle, terminalStyle } from "./terminal-style.ts";

test("columns line up by terminal width, also with wide text and colour", () => {
  const style = terminalStyle({ isTTY: true }, {});
  const rows = [
    ["数学", "7"],
    [style.green("ok"), "1,000"],
  ];
  const columns = [
    { title: "name", align: "left" },
    { title: "n", align: "right" },
  ] as const;
  expect(formatTable(columns, rows).split("\n")).toEqual([
    "name       n",
    "────────────",
    "数学       7",
    `${style.green("ok")}     1,000`,
  ]);
});

test("the stage table", () => {
  const text = stageTable([
    { name: "pretrain", accuracy: 0.442, ci95: [0.411, 0.473], formatAccuracy: 0.97, n: 1000, seconds: 54 },
    { name: "grpo", accuracy: 0.785, ci95: [0.758, 0.809], formatAccuracy: 0.996, n: 1000, seconds: 120 },
  ]);
  expect(text).toBe(
    [
      "stage      accuracy   95 % interval   format       n         time",
      "─────────────────────────────────────────────────────────────────",
      "pretrain     44.2 %     41.1 – 47.3   97.0 %   1,000         54 s",
      "grpo         78.5 %     75.8 – 80.9   99.6 %   1,000   2 min 00 s",
    ].join("\n"),
  );
});

test("no colour away from a terminal, under NO_COLOR, or on a dumb one", () => {
  expect(terminalStyle({ isTTY: false }, {})).toBe(plainStyle);
  expect(terminalStyle({}, {})).toBe(plainStyle);
  expect(terminalStyle({ isTTY: true }, { NO_COLOR: "1" })).toBe(plainStyle);
  expect(terminalStyle({ isTTY: true }, { TERM: "dumb" })).toBe(plainStyle);
  expect(terminalStyle({ isTTY: true }, { NO_COLOR: "" }).red("x")).toBe("\u001b[31mx\u001b[39m");
});

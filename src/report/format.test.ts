import { expect, test } from "vitest";
import {
  formatClock,
  formatCount,
  formatDuration,
  formatInterval,
  formatPercent,
  formatShare,
  formatValue,
} from "./format.ts";

test("counts and shares", () => {
  expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([0, 0.7345, 1, Number.NaN].map((share) => formatPercent(share))).toEqual(["0.0 %", "73.5 %", "100.0 %", "–"]);
  expect([0, 0.0031, 0.042].map(formatShare)).toEqual(["0.0 %", "0.31 %", "4.2 %"]);
  expect(formatInterval([0.7062, 0.7612])).toBe("70.6 – 76.1");
});

test("durations never round to sixty of the smaller unit", () => {
  expect([0.416, 12.34, 59.9, 59.97, 185, 3599.6, 3840].map(formatDuration)).toEqual([
    "0.42 s",
    "12.3 s",
    "59.9 s",
    "1 min 00 s",
    "3 min 05 s",
    "1 h 00 min",
    "1 h 04 min",
  ]);
  expect([5, 125, 3849, Number.NaN].map(formatClock)).toEqual(["0:05", "2:05", "1:04:09", "–:––"]);
});

test("measured values keep three digits", () => {
  expect([0, 0.71349, -0.5, 12.345, 96, 1234.5, 12345, 4.56e6, 0.000231, 3e-5].map(formatValue)).toEqual([
    "0",
    "0.713",
    "−0.5",
    "12.3",
    "96",
    "1235",
    "12.3k",
    "4.56M",
    "2.31e-4",
    "3e-5",
  ]);
  expect([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(formatValue)).toEqual(["NaN", "∞", "−∞"]);
});

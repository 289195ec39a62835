import fc from "fast-check";
import { expect, it } from "vitest";
import { RowRanges } from "./row-ranges.ts";

it("takes the first place that is long enough, and joins what is given back", () => {
  const ranges = new RowRanges(10);
  expect([ranges.take(4), ranges.take(3), ranges.take(3), ranges.take(1)]).toEqual([0, 4, 7, null]);
  ranges.give(0, 4);
  ranges.give(7, 3);
  expect(ranges.take(5)).toBeNull();
  ranges.give(4, 3);
  expect(ranges.take(10)).toBe(0);
});

it("never gives a row twice, and has all of them again in the end", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(6)), { maxLength: 60 }), (moves) => {
      const ranges = new RowRanges(20);
      const taken: { start: number; length: number }[] = [];
      const giveBack = (at: number) => {
        const [{ start, length }] = taken.splice(at, 1);
        ranges.give(start, length);
      };
      for (const [takes, number] of moves) {
        if (takes) {
          const start = ranges.take(number + 1);
          if (start !== null) taken.push({ start, length: number + 1 });
        } else if (taken.length > 0) giveBack(number % taken.length);
        const rows = taken.flatMap(({ start, length }) => Array.from({ length }, (_, i) => start + i));
        expect(new Set(rows).size).toBe(rows.length);
        expect(rows.every((row) => row >= 0 && row < 20)).toBe(true);
      }
      while (taken.length > 0) giveBack(0);
      expect(ranges.take(20)).toBe(0);
    }),
  );
});

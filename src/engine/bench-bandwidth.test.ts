import { expect, test } from "vitest";
import { measureReadBandwidth } from "./bench-bandwidth.ts";

test("memory is read at some speed, with as many threads as were asked for", () => {
  for (const threads of [1, 3]) {
    const found = measureReadBandwidth({ threads });
    expect(found.threads).toBe(threads);
    for (const rate of [found.oneThread, found.allThreads]) {
      expect(Number.isFinite(rate)).toBe(true);
      expect(rate).toBeGreaterThan(0);
    }
  }
});

test("a number of threads that cannot be is refused by name", () => {
  expect(() => measureReadBandwidth({ threads: 0 })).toThrow(/threads must be auto or a whole number from 1 .* got 0/);
});

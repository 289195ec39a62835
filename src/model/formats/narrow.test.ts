import { describe, expect, it } from "vitest";
import { narrowBf16 } from "./narrow.ts";
import { widenBf16 } from "./widen.ts";

const every = Uint16Array.from({ length: 65536 }, (_, i) => i);
const INFINITY = 0x7f80;

describe("narrowBf16", () => {
  it("gives back what fits, and keeps what is no number", () => {
    const wide = widenBf16(every);
    const back = narrowBf16(wide);
    for (const i of every) {
      if (Number.isNaN(wide[i])) expect(widenBf16(back.subarray(i, i + 1))[0]).toBeNaN();
      else if (back[i] !== i) expect(back[i]).toBe(i);
    }
    const payloads = new Float32Array(Uint32Array.of(0x7f800001, 0xffffffff).buffer);
    expect([...widenBf16(narrowBf16(payloads))]).toEqual([Number.NaN, Number.NaN]);
  });

  it.each([0, 0x8000])("rounds to nearest, ties to even, between each value and the next (sign %i)", (sign) => {
    const between = (word: number) =>
      narrowBf16(new Float32Array(Uint32Array.from({ length: INFINITY }, (_, i) => ((sign + i) << 16) + word).buffer));
    const [below, tie, above] = [between(0x7fff), between(0x8000), between(0x8001)];
    // After the largest comes infinity, whose bits are the next.
    for (let i = 0; i < INFINITY; i++) {
      const found = [below[i], tie[i], above[i]];
      const expected = [sign + i, sign + i + (i & 1), sign + i + 1];
      if (found.join() !== expected.join()) expect(found, `between ${i} and ${i + 1}`).toEqual(expected);
    }
  });

  it("reads a view of a larger array", () => {
    expect([...narrowBf16(Float32Array.of(9, 1, -2).subarray(1))]).toEqual([0x3f80, 0xc000]);
  });
});

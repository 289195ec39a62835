import { expect, it } from "vitest";
import { narrowBf16 } from "./narrow.ts";
import { widenBf16 } from "./widen.ts";

it("rounds f32 to the nearest bf16, ties to the even one", () => {
  const ulp = 2 ** -7;
  const values = [1, 1 + ulp / 2, 1 + (3 * ulp) / 2, 1 + 0.51 * ulp, -1 - 0.49 * ulp, 3.4e38, -0, 2 ** -133, Infinity];
  const expected = [1, 1, 1 + 2 * ulp, 1 + ulp, -1, Infinity, -0, 2 ** -133, Infinity];
  expect([...widenBf16(narrowBf16(Float32Array.from(values)))]).toEqual(expected);
  expect([...widenBf16(narrowBf16(Float32Array.of(Number.NaN)))]).toEqual([Number.NaN]);
  const payload = new Float32Array(Uint32Array.of(0x7f800001, 0xffffffff).buffer);
  expect([...widenBf16(narrowBf16(payload))]).toEqual([Number.NaN, Number.NaN]);
});

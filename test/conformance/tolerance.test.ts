import { describe, expect, it } from "vitest";
import { openReferenceDevice } from "../../src/engine/devices/reference/device.ts";
import { Draw, defineCase, output } from "./case.ts";
import { differences, runCase } from "./run-case.ts";
import { EPSILON_F32, roundToBf16, sumOf, worstDeviation } from "./tolerance.ts";

describe("worstDeviation", () => {
  const tolerance = { relative: 0.01, because: "a test" };

  it("allows a part of the value and of the buffer's root mean square", () => {
    // rms of 3 and 4 is 3.5355: 0.0654 and 0.0754 are allowed.
    expect(worstDeviation([3, 4], [3.065, 4.075], tolerance)).toBeNull();
    expect(worstDeviation([3, 4], [3.066, 4.08], tolerance)).toMatchObject({ index: 1, expected: 4, came: 4.08 });
  });

  it("takes NaN for a deviation wherever it stands alone, and infinities for equal", () => {
    expect(worstDeviation([1], [Number.NaN], tolerance)).toMatchObject({ index: 0 });
    expect(worstDeviation([Number.NaN], [1], tolerance)).toMatchObject({ index: 0 });
    expect(worstDeviation([-Infinity, 1], [-Infinity, 1], { relative: 0, because: "" })).toBeNull();
  });

  it("allows nothing when nothing is allowed", () => {
    expect(worstDeviation([0.1], [0.1 + 2 ** -50], { relative: 0, because: "" })).toMatchObject({ index: 0 });
    expect(worstDeviation([0, 0], [0, 1e-30], tolerance)).toMatchObject({ index: 1 });
    expect(worstDeviation([0], [-0], tolerance)).toBeNull();
  });
});

it("rounds to bf16 with ties to even", () => {
  // 8 significant bits: neighbours of 1 are 2⁻⁷ apart.
  expect(roundToBf16(1 + 2 ** -8)).toBe(1);
  expect(roundToBf16(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
  expect(roundToBf16(1 + 2 ** -8 + 2 ** -20)).toBe(1 + 2 ** -7);
  expect(roundToBf16(-Math.PI)).toBe(-3.140625);
});

describe("differences", () => {
  const draw = new Draw("linear", "harness");
  const shape = { rows: 3, inner: 8, outer: 5 };
  const operands = { x: draw.normals(24), w: draw.normals(40), bias: null, residual: null, y: output(15) };
  const one = defineCase("linear", "harness", { ...operands, ...shape }, { tolerance: sumOf(8) });

  it("finds one wrong output, and one changed input", async () => {
    const expected = await runCase(openReferenceDevice(), one);
    const came = await runCase(openReferenceDevice(), one);
    expect(differences(one, expected, came, one.tolerance)).toEqual([]);
    came.y[7] += 40 * EPSILON_F32 * 3;
    came.w[2] += 1e-7;
    expect(differences(one, expected, came, one.tolerance)).toEqual([
      expect.stringMatching(/^linear \(harness\): w\[2\] .* must leave alone/),
      expect.stringMatching(/^linear \(harness\): y\[7\] .*√8 terms/),
    ]);
  });
});

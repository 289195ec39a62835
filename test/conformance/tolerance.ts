/** Spacing of f32 numbers at 1. */
export const EPSILON_F32 = 2 ** -23;

/**
 * How far an f32 output may be from the f64 one: |came − expected| ≤ relative · (|expected| + rms(expected)). The root mean
 * square over the buffer stands for the size of the terms that a sum near zero was made of.
 */
export interface Tolerance {
  relative: number;
  /** Why this much, and no more. */
  because: string;
}

/** Every output is the exact result, or one rounding of it. */
export const oneRounding: Tolerance = { relative: EPSILON_F32 / 2, because: "one f32 rounding" };

/** A copy: no arithmetic at all. */
export const exact: Tolerance = { relative: 0, because: "moved, not computed" };

/** `roundings` f32 operations on numbers of the output's size. */
export function roundings(count: number, of: string): Tolerance {
  return { relative: count * EPSILON_F32, because: `about ${count} f32 roundings: ${of}` };
}

/**
 * A sum of `terms` products in f32, in any fixed order: partial sums of random terms grow as √i, each rounding is random,
 * so the error grows as √terms relative to the result; 4 covers the largest of some thousand outputs.
 */
export function sumOf(terms: number): Tolerance {
  return {
    relative: 4 * EPSILON_F32 * (1 + Math.sqrt(terms)),
    because: `f32 epsilon × √${terms} terms`,
  };
}

/**
 * Both operands of every product rounded to bf16 (8 bits, relative error up to 2⁻⁹ each): terms of random sign keep that
 * relative error in the sum, about 2⁻¹⁰ rms; 2⁻⁶ leaves sixteen deviations less the f32 part.
 */
export const bf16Operands: Tolerance = { relative: 2 ** -6, because: "operands rounded to 8 bits" };

/** The nearest bf16 number, ties to even, as an f32. */
export function roundToBf16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0];
}

/** The output that is furthest outside its tolerance, or null when all are within. */
export interface Deviation {
  index: number;
  expected: number;
  came: number;
  allowed: number;
}

/** Compares an f32 output with the f64 one. Values that are not finite must be the same. */
export function worstDeviation(
  expected: ArrayLike<number>,
  came: ArrayLike<number>,
  { relative }: Tolerance,
): Deviation | null {
  let squares = 0;
  for (let i = 0; i < expected.length; i++) squares += expected[i] ** 2;
  const rms = Math.sqrt(squares / Math.max(1, expected.length));
  let worst: Deviation | null = null;
  let worstRatio = 1;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(expected[i], came[i])) continue;
    const allowed = relative * (Math.abs(expected[i]) + rms);
    const error = Math.abs(came[i] - expected[i]);
    // Written so that NaN, on either side, is a deviation.
    const ratio = error <= allowed ? 0 : Number.isNaN(error) || allowed === 0 ? Infinity : error / allowed;
    if (error === 0 || ratio <= worstRatio) continue;
    worstRatio = ratio;
    worst = { index: i, expected: expected[i], came: came[i], allowed };
  }
  return worst;
}

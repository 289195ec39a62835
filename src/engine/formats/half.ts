import type { MatrixCodec } from "./matrix-codec.ts";
import { words16 } from "./words.ts";

/** Values of all 65,536 IEEE half-precision numbers by their bits; made at the first use. */
let table: Float32Array | null = null;

function halfTable(): Float32Array {
  if (table) return table;
  table = new Float32Array(2 ** 16);
  for (let bits = 0; bits < 2 ** 16; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) table[bits] = fraction ? Number.NaN : sign * Infinity;
    else if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else table[bits] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return table;
}

/** The f32 value of a half-precision number (IEEE 754 binary16) given by its bits. */
export const halfToFloat = (bits: number): number => halfTable()[bits];

/** The bits of the half-precision number nearest to an f32, ties to even; beyond 65,504 infinity. */
export function floatToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  // Steps are 2⁻²⁴ below 2⁻¹⁴, and 2⁻¹⁰ of the power of two below a number above.
  const exponent = size < 2 ** -14 ? -14 : Math.floor(Math.log2(size));
  const steps = roundToEven(size / 2 ** (exponent - 10));
  return sign | (steps + ((exponent + 14) << 10));
}

function roundToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}

/** Half-precision numbers row by row. */
export const f16: MatrixCodec = {
  blockLength: 1,
  wholeBlocks: false,
  bytesOf: (outer, inner) => 2 * outer * inner,
  decode(bytes, outer, inner, to) {
    const words = words16(bytes);
    const values = halfTable();
    for (let i = 0; i < outer * inner; i++) to[i] = values[words[i]];
  },
  encode(values, outer, inner, to) {
    const words = words16(to);
    for (let i = 0; i < outer * inner; i++) words[i] = floatToHalf(values[i]);
  },
};

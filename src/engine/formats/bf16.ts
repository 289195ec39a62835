import type { MatrixCodec } from "./matrix-codec.ts";
import { words16 } from "./words.ts";

/** Rows of a panel. */
const panel = 32;

const wordsOf = (outer: number, inner: number): number => Math.ceil(outer / panel) * panel * inner;

/** Place of element (o, i) among the 16-bit words. */
const placeOf = (o: number, i: number, inner: number): number =>
  (Math.floor(o / panel) * inner + i) * panel + (o % panel);

/** Puts bits that lie row by row into panels; `to` is zero beyond the last row. */
export function packBf16Bits(bits: Uint16Array, outer: number, inner: number, to: Uint8Array): void {
  const words = words16(to);
  for (let o = 0; o < outer; o++) {
    let at = placeOf(o, 0, inner);
    for (let i = o * inner; i < (o + 1) * inner; i++, at += panel) words[at] = bits[i];
  }
}

/** The upper half of an f32 number given by its bits, rounded to the nearest, ties to even; NaN stays NaN. */
const roundedHalf = (word: number): number =>
  (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;

/**
 * Upper halves of f32 numbers in panels of 32 rows, so that a product reads every weight once, in order, without
 * transposing: element (o, i) is word ((o div 32)·inner + i)·32 + o mod 32. Rows are padded to whole panels with zeros.
 */
export const bf16: MatrixCodec = {
  blockLength: 1,
  wholeBlocks: false,
  bytesOf: (outer, inner) => 2 * wordsOf(outer, inner),
  decode(bytes, outer, inner, to) {
    const words = words16(bytes);
    const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
    for (let o = 0; o < outer; o++) {
      let at = placeOf(o, 0, inner);
      for (let i = o * inner; i < (o + 1) * inner; i++, at += panel) bits[i] = words[at] << 16;
    }
  },
  encode(values, outer, inner, to) {
    const words = words16(to);
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let o = 0; o < outer; o++) {
      let at = placeOf(o, 0, inner);
      for (let i = o * inner; i < (o + 1) * inner; i++, at += panel) words[at] = roundedHalf(bits[i]);
    }
  },
};

import type { MatrixCodec } from "./matrix-codec.ts";
import { words16 } from "./words.ts";

/** Rows of a panel, and the multiple its columns are padded to. */
const panel = 32;

const padded = (count: number): number => Math.ceil(count / panel) * panel;

/** Place of element (o, 0) among the 16-bit words. */
const rowAt = (o: number, inner: number): number => (o - (o % panel)) * padded(inner) + (o % panel) * 2;

/** Words from element (o, 0) to (o, i). */
const alongRow = (i: number): number => (i >> 1) * 2 * panel + (i & 1);

/** Puts bits that lie row by row into panels; `to` is zero beyond the last row and column. */
export function packBf16Bits(bits: Uint16Array, outer: number, inner: number, to: Uint8Array): void {
  const words = words16(to);
  for (let o = 0; o < outer; o++) {
    const [at, from] = [rowAt(o, inner), o * inner];
    for (let i = 0; i < inner; i++) words[at + alongRow(i)] = bits[from + i];
  }
}

/** The upper half of an f32 number given by its bits, rounded to the nearest, ties to even; NaN stays NaN. */
const roundedHalf = (word: number): number =>
  (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;

/**
 * Upper halves of f32 numbers as products read them, every weight once and in order: panels of 32 rows; in a panel, pairs of
 * neighbouring columns; of a pair, row by row, its two numbers. Element (o, i) is word
 * ((o div 32)·P + i div 2)·64 + (o mod 32)·2 + i mod 2 for P pairs. Rows and columns are padded with zeros to multiples of 32.
 */
export const bf16: MatrixCodec = {
  blockLength: 1,
  wholeBlocks: false,
  bytesOf: (outer, inner) => 2 * padded(outer) * padded(inner),
  decode(bytes, outer, inner, to) {
    const words = words16(bytes);
    const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
    for (let o = 0; o < outer; o++) {
      const [at, from] = [rowAt(o, inner), o * inner];
      for (let i = 0; i < inner; i++) bits[from + i] = words[at + alongRow(i)] << 16;
    }
  },
  encode(values, outer, inner, to) {
    const words = words16(to);
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let o = 0; o < outer; o++) {
      const [at, from] = [rowAt(o, inner), o * inner];
      for (let i = 0; i < inner; i++) words[at + alongRow(i)] = roundedHalf(bits[from + i]);
    }
  },
};

import { halfToFloat } from "./half.ts";
import type { MatrixCodec } from "./matrix-codec.ts";

/** A GGUF format: rows of blocks, each decoded by itself. All arithmetic is f32, in the order of ggml. */
export function blockCodec(
  blockLength: number,
  blockBytes: number,
  decodeBlock: (bytes: Uint8Array, at: number, to: Float32Array, toAt: number) => void,
): MatrixCodec {
  return {
    blockLength,
    wholeBlocks: true,
    bytesOf: (outer, inner) => (outer * inner * blockBytes) / blockLength,
    decode(bytes, outer, inner, to) {
      const blocks = (outer * inner) / blockLength;
      for (let b = 0; b < blocks; b++) decodeBlock(bytes, b * blockBytes, to, b * blockLength);
    },
  };
}

const half = (bytes: Uint8Array, at: number): number => halfToFloat(bytes[at] | (bytes[at + 1] << 8));
/** A byte as a signed number. */
const signed = (byte: number): number => (byte << 24) >> 24;

/** f16 d, 32 signed bytes q: d · q. */
export const q8_0: MatrixCodec = blockCodec(32, 34, (bytes, at, to, toAt) => {
  const d = half(bytes, at);
  for (let i = 0; i < 32; i++) to[toAt + i] = d * signed(bytes[at + 2 + i]);
});

/** f16 d, 32 half-bytes q (element i in the lower half of byte i, element i + 16 in the upper): d · (q − 8). */
export const q4_0: MatrixCodec = blockCodec(32, 18, (bytes, at, to, toAt) => {
  const d = half(bytes, at);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i];
    to[toAt + i] = d * ((pair & 15) - 8);
    to[toAt + 16 + i] = d * ((pair >> 4) - 8);
  }
});

/** f16 d, f16 m, half-bytes as in q4_0: d · q + m. */
export const q4_1: MatrixCodec = blockCodec(32, 20, (bytes, at, to, toAt) => {
  const d = half(bytes, at);
  const m = half(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i];
    to[toAt + i] = Math.fround(d * (pair & 15)) + m;
    to[toAt + 16 + i] = Math.fround(d * (pair >> 4)) + m;
  }
});

/**
 * The 6-bit scale and minimum of part j of a block of 8 parts of 32: bytes 0-3 and 4-7 hold the lower six bits of parts 0-3,
 * and in their upper two bits the upper two of parts 4-7, whose lower four are in bytes 8-11.
 */
function scaleAndMinimum(bytes: Uint8Array, at: number, j: number): [scale: number, minimum: number] {
  if (j < 4) return [bytes[at + j] & 63, bytes[at + 4 + j] & 63];
  const low = bytes[at + 4 + j];
  return [(low & 15) | ((bytes[at + j - 4] >> 6) << 4), (low >> 4) | ((bytes[at + j] >> 6) << 4)];
}

/** The parts of a q4_K or q5_K block: d · scale · q − dMin · minimum, with f16 d, f16 dMin and 12 bytes of scales in front. */
function decodeParts(
  bytes: Uint8Array,
  at: number,
  quantum: (j: number, i: number) => number,
  to: Float32Array,
  toAt: number,
): void {
  const d = half(bytes, at);
  const dMin = half(bytes, at + 2);
  for (let j = 0; j < 8; j++) {
    const [scale, minimum] = scaleAndMinimum(bytes, at + 4, j);
    const step = Math.fround(d * scale);
    const least = Math.fround(dMin * minimum);
    for (let i = 0; i < 32; i++) to[toAt + 32 * j + i] = Math.fround(step * quantum(j, i)) - least;
  }
}

/** Half byte i of part j: parts come in pairs, the even one in the lower halves of 32 bytes, the odd one in the upper. */
const halfByte = (bytes: Uint8Array, at: number, j: number, i: number): number =>
  (bytes[at + 32 * (j >> 1) + i] >> (4 * (j & 1))) & 15;

/** 256 4-bit numbers in 8 parts with a scale and a minimum each. */
export const q4_K: MatrixCodec = blockCodec(256, 144, (bytes, at, to, toAt) =>
  decodeParts(bytes, at, (j, i) => halfByte(bytes, at + 16, j, i), to, toAt),
);

/** As q4_K, with a fifth bit: bit j of byte i for element i of part j. */
export const q5_K: MatrixCodec = blockCodec(256, 176, (bytes, at, to, toAt) =>
  decodeParts(bytes, at, (j, i) => halfByte(bytes, at + 48, j, i) | (((bytes[at + 16 + i] >> j) & 1) << 4), to, toAt),
);

/**
 * 256 6-bit numbers in 16 parts of 16 under signed 8-bit scales and one f16 d: d · scale · (q − 32). In each half of 128 elements
 * the lower four bits of element 32 g + i are a half byte of byte 32 (g mod 2) + i, its upper two are bits 2 g of byte i.
 */
export const q6_K: MatrixCodec = blockCodec(256, 210, (bytes, at, to, toAt) => {
  const d = half(bytes, at + 208);
  for (let part = 0; part < 16; part++) {
    const step = Math.fround(d * signed(bytes[at + 192 + part]));
    for (let i = 0; i < 16; i++) {
      const element = 16 * part + i;
      const side = element >> 7;
      const g = (element >> 5) & 3;
      const lane = element & 31;
      const low = (bytes[at + 64 * side + 32 * (g & 1) + lane] >> (4 * (g >> 1))) & 15;
      const high = (bytes[at + 128 + 32 * side + lane] >> (2 * g)) & 3;
      to[toAt + element] = step * ((low | (high << 4)) - 32);
    }
  }
});

import type { MatrixCodec } from "./matrix-codec.ts";

const blockLength = 64;
/** An f32 scale, then the block's numbers. */
const blockBytes = 4 + blockLength;

/**
 * Rows of blocks of 64 signed bytes under one f32 scale = absmax / 127; a row's last block is padded with zeros:
 * value = scale · q, q the nearest whole number to value / scale.
 */
export const int8: MatrixCodec = {
  blockLength,
  wholeBlocks: false,
  bytesOf: (outer, inner) => outer * Math.ceil(inner / blockLength) * blockBytes,
  decode(bytes, outer, inner, to) {
    eachBlock(bytes, outer, inner, (view, at, begin, end) => {
      const scale = view.getFloat32(at, true);
      for (let i = begin; i < end; i++) to[i] = scale * view.getInt8(at + 4 + i - begin);
    });
  },
  encode(values, outer, inner, to) {
    eachBlock(to, outer, inner, (view, at, begin, end) => {
      let largest = 0;
      for (let i = begin; i < end; i++) largest = Math.max(largest, Math.abs(values[i]));
      const scale = Math.fround(largest / 127);
      view.setFloat32(at, scale, true);
      for (let i = begin; i < end; i++) {
        const q = scale === 0 ? 0 : Math.round(values[i] / scale);
        view.setInt8(at + 4 + i - begin, Math.max(-127, Math.min(127, q)));
      }
    });
  },
};

/** body(bytes, first byte of the block, its elements begin … end−1). */
function eachBlock(
  bytes: Uint8Array,
  outer: number,
  inner: number,
  body: (view: DataView, at: number, begin: number, end: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i += blockLength, at += blockBytes)
      body(view, at, o * inner + i, o * inner + Math.min(inner, i + blockLength));
  }
}

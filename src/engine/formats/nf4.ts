import type { MatrixCodec } from "./matrix-codec.ts";

/** Weights that share one absmax, and absmaxes that share one scale. */
const blockLength = 64;
const scaleBlock = 256;

/** The 16 values of NormalFloat (arXiv:2305.14314, appendix E): f32 numbers, ascending. */
const codebook = Float32Array.of(
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334],
  ...[-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
);

/**
 * The 256 values of the signed dynamic 8-bit type (arXiv:1511.04561), ascending: 0, 1, and ±10^(e−6) times the 2^e middles of
 * equal parts of [0.1, 1], e = 0 … 6. Computed in f32 in the order of bitsandbytes, whose bits these are.
 */
const dynamicMap: Float32Array = makeDynamicMap();

function makeDynamicMap(): Float32Array {
  const { fround } = Math;
  const values = [0, 1];
  for (let e = 0; e < 7; e++) {
    const parts = 2 ** e;
    const step = fround((1 - fround(0.1)) / parts);
    // Counted from the nearer end and rounded once, as torch.linspace does.
    const boundary = (i: number) => fround(2 * i <= parts ? fround(0.1) + step * i : 1 - step * (parts - i));
    for (let i = 0; i < parts; i++) {
      const middle = fround(fround(boundary(i) + boundary(i + 1)) / 2);
      const value = fround(fround(10 ** (e - 6)) * middle);
      values.push(value, -value);
    }
  }
  return Float32Array.from(values).sort();
}

/** Where the parts of a matrix of `count` weights lie: mean f32, scales f32, weights 4 bits, absmaxes 8 bits. */
function layout(count: number) {
  const blocks = Math.ceil(count / blockLength);
  const scales = Math.ceil(blocks / scaleBlock);
  const weightsAt = 4 + 4 * scales;
  const absmaxAt = weightsAt + Math.ceil(count / 2);
  return { blocks, scales, weightsAt, absmaxAt, bytes: 4 * Math.ceil((absmaxAt + blocks) / 4) };
}

/**
 * NF4 with double quantisation (QLoRA): the row-major weights in blocks of 64, weight = code · absmax; absmax of block b =
 * map[a_b] · scale[b div 256] + mean, with mean that of all absmaxes, scale the largest |absmax − mean| of 256. Codes are
 * packed two to a byte, the first in the upper half. A matrix is f32 mean, f32 scales, the packed codes, the a_b, padded to
 * 4 bytes. Values are those of `bitsandbytes.functional.dequantize_4bit`.
 */
export const nf4: MatrixCodec = {
  blockLength,
  wholeBlocks: false,
  bytesOf: (outer, inner) => layout(outer * inner).bytes,
  decode(bytes, outer, inner, to) {
    const count = outer * inner;
    const { blocks, weightsAt, absmaxAt } = layout(count);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const mean = view.getFloat32(0, true);
    for (let b = 0; b < blocks; b++) {
      const scale = view.getFloat32(4 + 4 * Math.floor(b / scaleBlock), true);
      const absmax = Math.fround(Math.fround(dynamicMap[bytes[absmaxAt + b]] * scale) + mean);
      const end = Math.min(count, (b + 1) * blockLength);
      for (let i = b * blockLength; i < end; i++) {
        const pair = bytes[weightsAt + (i >> 1)];
        to[i] = codebook[i % 2 === 0 ? pair >> 4 : pair & 15] * absmax;
      }
    }
  },
  encode(values, outer, inner, to) {
    const count = outer * inner;
    const { blocks, scales, weightsAt, absmaxAt } = layout(count);
    const view = new DataView(to.buffer, to.byteOffset, to.byteLength);
    const absmax = new Float32Array(blocks);
    for (let b = 0; b < blocks; b++) {
      const end = Math.min(count, (b + 1) * blockLength);
      for (let i = b * blockLength; i < end; i++) absmax[b] = Math.max(absmax[b], Math.abs(values[i]));
      const inverse = absmax[b] === 0 ? 0 : Math.fround(1 / absmax[b]);
      for (let i = b * blockLength; i < end; i++) {
        const code = nearest(codebook, Math.fround(values[i] * inverse));
        to[weightsAt + (i >> 1)] |= i % 2 === 0 ? code << 4 : code;
      }
    }
    const mean = Math.fround(absmax.reduce((sum, value) => sum + value, 0) / Math.max(1, blocks));
    view.setFloat32(0, mean, true);
    for (let s = 0; s < scales; s++) {
      const centred = absmax.subarray(s * scaleBlock, (s + 1) * scaleBlock).map((value) => value - mean);
      const scale = centred.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      view.setFloat32(4 + 4 * s, scale, true);
      centred.forEach((value, b) => {
        to[absmaxAt + s * scaleBlock + b] = nearest(dynamicMap, scale === 0 ? 0 : value / scale);
      });
    }
  },
};

/** Index of the entry of an ascending table that is nearest to `value`; the lower of two that are equally near. */
function nearest(table: Float32Array, value: number): number {
  let low = 0;
  let high = table.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value > (table[middle] + table[middle + 1]) / 2) low = middle + 1;
    else high = middle;
  }
  return low;
}

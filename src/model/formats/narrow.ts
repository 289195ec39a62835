/** f32 to the nearest bf16, ties to even, as its 16 bits. NaN stays NaN; what is too large becomes infinite. */
export function narrowBf16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const narrow = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    // Rounding up would carry a NaN's fraction into its exponent and sign.
    if ((word & 0x7fffffff) > 0x7f800000) narrow[i] = (word >>> 16) | 0x40;
    else narrow[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return narrow;
}

/** Place of the first value that is finite and would be infinite in f16; -1: there is none. */
export function firstBeyondF16(values: Float32Array): number {
  return values.findIndex((value) => Math.abs(value) >= 65520 && Number.isFinite(value));
}

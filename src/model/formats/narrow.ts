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

/** f32 to the nearest half, ties to even, as its 16 bits. NaN stays NaN; what is above 65,519 becomes infinite. */
export function narrowF16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const narrow = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) narrow[i] = f16Bits(bits[i]);
  return narrow;
}

function f16Bits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const exponent = ((word >>> 23) & 255) - 112;
  const fraction = word & 0x7fffff;
  if (exponent === 143) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  if (exponent > 30) return sign | 0x7c00;
  if (exponent < -10) return sign;
  // Below 2⁻¹⁴ the leading one becomes part of the fraction, and fewer of its bits remain.
  const [kept, dropped] = exponent > 0 ? [(exponent << 23) | fraction, 13] : [0x800000 | fraction, 14 - exponent];
  const half = kept >>> dropped;
  const rest = kept & ((1 << dropped) - 1);
  const middle = 1 << (dropped - 1);
  // A carry out of the fraction is the next exponent, and out of the last exponent infinity: both as they should be.
  return sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
}

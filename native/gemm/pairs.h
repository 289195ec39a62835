// Pairs of bf16 in 32-bit words, lower depth in the lower half: the operand layout of VDPBF16PS and of AMX tiles.
#pragma once
#include "engine.h"
#include "lanes.h"

namespace reckon {
namespace RECKON_ISA {

// Lanes there are in a vector when `rest` are left.
RECKON_INLINE int partOf(int64_t rest) { return static_cast<int>(rest < 0 ? 0 : rest < W ? rest : W); }

// Words for `depth` values; an odd depth ends with a zero.
RECKON_INLINE int64_t pairsOf(int64_t depth) { return (depth + 1) / 2; }

// W words from the next `count` (at most 2 · W are taken) values of a row.
RECKON_INLINE Vec pairAlong(const float* from, int64_t count) {
  const Vec low = load(from, partOf(count));
  const Vec high = count > W ? load(from + W, partOf(count - W)) : zero();
#if defined(__AVX512BF16__)
  return {(__m512)_mm512_cvtne2ps_pbh(high.v, low.v)};
#else
  const __m256i first = _mm512_cvtepi32_epi16(_mm512_srli_epi32((__m512i)roundToBf16(low).v, 16));
  const __m256i second = _mm512_cvtepi32_epi16(_mm512_srli_epi32((__m512i)roundToBf16(high).v, 16));
  return {(__m512)_mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1)};
#endif
}

// W words from W columns of two neighbouring rows.
RECKON_INLINE Vec pairAcross(Vec first, Vec second) {
#if defined(__AVX512BF16__)
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first.v));
  const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second.v));
  return {(__m512)_mm512_or_si512(low, _mm512_slli_epi32(high, 16))};
#else
  const __m512i low = _mm512_srli_epi32((__m512i)roundToBf16(first).v, 16);
  return {(__m512)_mm512_or_si512(low, (__m512i)roundToBf16(second).v)};
#endif
}

// square[i], lane n: the pair of outer rows 2i and 2i + 1 at inner column n, from a weight in the bf16 format whose outer and
// inner axes change places: `words` begins at the first row, a multiple of 2 · W, and the first column, an even one.
RECKON_INLINE void pairsAcrossBf16(const uint32_t* words, Vec (&square)[W]) {
  // Of two rows and two columns in 64 bits, those between change places.
  const __m512i swap = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
#pragma GCC unroll 2
  for (int half = 0; half < 2; half++) {
    __m512d a[8], b[8];
#pragma GCC unroll 8
    for (int p = 0; p < 8; p++) {
      const __m512i two = _mm512_loadu_si512(words + p * kBf16Panel + half * W);
      a[p] = (__m512d)_mm512_shuffle_epi8(two, swap);
    }
#pragma GCC unroll 4
    for (int p = 0; p < 8; p += 2) {
      b[p] = _mm512_unpacklo_pd(a[p], a[p + 1]);
      b[p + 1] = _mm512_unpackhi_pd(a[p], a[p + 1]);
    }
    // b[p] lane pair j: rows 4j (b[p + 1]: 4j + 2) of column pairs p and p + 1.
#pragma GCC unroll 2
    for (int odd = 0; odd < 2; odd++) {
      const __m512d low = _mm512_shuffle_f64x2(b[odd], b[odd + 2], 0x88), high = _mm512_shuffle_f64x2(b[odd], b[odd + 2], 0xdd);
      const __m512d lowNext = _mm512_shuffle_f64x2(b[odd + 4], b[odd + 6], 0x88);
      const __m512d highNext = _mm512_shuffle_f64x2(b[odd + 4], b[odd + 6], 0xdd);
      Vec* to = square + half * 8 + odd;
      to[0] = {(__m512)_mm512_shuffle_f64x2(low, lowNext, 0x88)};
      to[2] = {(__m512)_mm512_shuffle_f64x2(high, highNext, 0x88)};
      to[4] = {(__m512)_mm512_shuffle_f64x2(low, lowNext, 0xdd)};
      to[6] = {(__m512)_mm512_shuffle_f64x2(high, highNext, 0xdd)};
    }
  }
}

// The W words at column n of rows r and r + 1 of a matrix of `rows` × `columns`; zero beyond its edges.
RECKON_INLINE Vec pairAt(const float* from, int64_t stride, int64_t rows, int64_t columns, int64_t r, int64_t n) {
  const int count = partOf(columns - n);
  if (count == 0 || r >= rows) return zero();
  const Vec second = r + 1 < rows ? load(from + (r + 1) * stride + n, count) : zero();
  return pairAcross(load(from + r * stride + n, count), second);
}

}  // namespace RECKON_ISA
}  // namespace reckon

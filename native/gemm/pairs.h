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

// W words from W columns of two neighbouring depths of a weight in the bf16 format; `second` null: zero.
RECKON_INLINE Vec pairOfBf16(const uint16_t* first, const uint16_t* second) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first)));
  if (!second) return {(__m512)low};
  return {(__m512)_mm512_or_si512(low, (__m512i)loadUpperHalves(second).v)};
}

// square[i], lane n: the pair of outer rows r + 2i and r + 2i + 1 at inner column n of `columns`, from a weight in the bf16
// format: `words` begins at its panel of rows and first column, r is the panel's first row, so pairs lie side by side.
RECKON_INLINE void pairsAcrossBf16(const uint16_t* words, int64_t columns, Vec (&square)[W]) {
#pragma GCC unroll 16
  for (int n = 0; n < W; n++) {
    square[n] = n < columns ? load(reinterpret_cast<const float*>(words + n * kBf16Panel)) : zero();
  }
  transpose(square);
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

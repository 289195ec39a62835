// Eight lanes of f32 in a ymm register; masks are vectors of all-ones and all-zeros. Needs AVX2 and FMA.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace reckon {
namespace RECKON_ISA {

constexpr int W = 8;
struct Vec { __m256 v; };
struct Mask { __m256 m; };

inline Vec set1(float x) { return {_mm256_set1_ps(x)}; }
inline Vec zero() { return {_mm256_setzero_ps()}; }
inline Mask firstLanes(int n) {
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)))};
}
inline Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline Vec loadPartial(const float* p, int n) { return {_mm256_maskload_ps(p, _mm256_castps_si256(firstLanes(n).m))}; }
inline void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
inline void storePartial(float* p, Vec a, int n) { _mm256_maskstore_ps(p, _mm256_castps_si256(firstLanes(n).m), a.v); }
inline Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
inline Vec round(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
inline Mask lessThan(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
inline Vec select(Mask m, Vec a, Vec b) { return {_mm256_blendv_ps(b.v, a.v, m.m)}; }

// 2^n for whole n in [−126, 127].
inline Vec pow2(Vec n) {
  __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(biased, 23))};
}

// 1 / a within 1 ulp, for finite a that are not subnormal.
inline Vec reciprocal(Vec a) { return set1(1) / a; }

// x = m · 2^e with m in [√½, √2) and e whole, for x positive and normal. Returns e.
inline Vec splitExponent(Vec x, Vec* m) {
  const __m256i rootHalf = _mm256_set1_epi32(0x3f3504f3);
  const __m256i shifted = _mm256_sub_epi32(_mm256_castps_si256(x.v), rootHalf);
  m->v = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_and_si256(shifted, _mm256_set1_epi32(0x007fffff)), rootHalf));
  return {_mm256_cvtepi32_ps(_mm256_srai_epi32(shifted, 23))};
}

// Halves are folded onto each other: lane i with lane i + 4, then + 2, + 1.
inline float reduceAdd(Vec a) {
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}
inline float reduceMax(Vec a) {
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}

// Lane i becomes reduceAdd(rows[i]), by the same tree.
inline Vec reduceAddRows(const Vec* rows) {
  __m256 quads[4];
  for (int i = 0; i < 4; i++) {
    quads[i] = _mm256_add_ps(_mm256_permute2f128_ps(rows[i].v, rows[i + 4].v, 0x20),
                             _mm256_permute2f128_ps(rows[i].v, rows[i + 4].v, 0x31));
  }
  __m256 a = _mm256_add_ps(_mm256_shuffle_ps(quads[0], quads[1], 0x44), _mm256_shuffle_ps(quads[0], quads[1], 0xee));
  __m256 b = _mm256_add_ps(_mm256_shuffle_ps(quads[2], quads[3], 0x44), _mm256_shuffle_ps(quads[2], quads[3], 0xee));
  return {_mm256_add_ps(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xdd))};
}

// rows[i] is row i of a W × W matrix before, column i after.
inline void transpose(Vec* rows) {
  __m256 t[8];
  for (int i = 0; i < 8; i += 4) {
    __m256 a = _mm256_unpacklo_ps(rows[i].v, rows[i + 1].v), b = _mm256_unpackhi_ps(rows[i].v, rows[i + 1].v);
    __m256 c = _mm256_unpacklo_ps(rows[i + 2].v, rows[i + 3].v), d = _mm256_unpackhi_ps(rows[i + 2].v, rows[i + 3].v);
    t[i] = _mm256_shuffle_ps(a, c, 0x44);
    t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
    t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
    t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
  }
  for (int i = 0; i < 4; i++) {
    rows[i].v = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
    rows[i + 4].v = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
  }
}

}  // namespace RECKON_ISA
}  // namespace reckon

// Four lanes of f32 in an array, for any processor: plain loops, which the compiler may turn into whatever it has.
// A multiply-add is two roundings here: a fused one is a library call where the processor has no instruction for it.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace reckon {
namespace RECKON_ISA {

constexpr int W = 4;
struct Vec { float v[W]; };
struct Mask { bool m[W]; };

#define RECKON_LANES(expression) \
  Vec r;                         \
  for (int i = 0; i < W; i++) r.v[i] = (expression); \
  return r

inline Vec set1(float x) { RECKON_LANES(x); }
inline Vec zero() { return set1(0); }
inline Mask firstLanes(int n) {
  Mask r;
  for (int i = 0; i < W; i++) r.m[i] = i < n;
  return r;
}
inline Vec load(const float* p) { RECKON_LANES(p[i]); }
inline Vec loadPartial(const float* p, int n) { RECKON_LANES(i < n ? p[i] : 0.0f); }
inline void store(float* p, Vec a) {
  for (int i = 0; i < W; i++) p[i] = a.v[i];
}
inline void storePartial(float* p, Vec a, int n) {
  for (int i = 0; i < n; i++) p[i] = a.v[i];
}
inline Vec operator+(Vec a, Vec b) { RECKON_LANES(a.v[i] + b.v[i]); }
inline Vec operator-(Vec a, Vec b) { RECKON_LANES(a.v[i] - b.v[i]); }
inline Vec operator*(Vec a, Vec b) { RECKON_LANES(a.v[i] * b.v[i]); }
inline Vec operator/(Vec a, Vec b) { RECKON_LANES(a.v[i] / b.v[i]); }
inline Vec fma(Vec a, Vec b, Vec c) { RECKON_LANES(a.v[i] * b.v[i] + c.v[i]); }
inline Vec fnma(Vec a, Vec b, Vec c) { RECKON_LANES(c.v[i] - a.v[i] * b.v[i]); }
inline Vec max(Vec a, Vec b) { RECKON_LANES(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
inline Vec min(Vec a, Vec b) { RECKON_LANES(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
inline Vec sqrt(Vec a) { RECKON_LANES(__builtin_sqrtf(a.v[i])); }
// Adding and taking away 1.5 · 2^23 leaves the nearest whole number, ties to even, for |a| < 2^22.
inline Vec round(Vec a) { RECKON_LANES((a.v[i] + 12582912.0f) - 12582912.0f); }
inline Mask lessThan(Vec a, Vec b) {
  Mask r;
  for (int i = 0; i < W; i++) r.m[i] = a.v[i] < b.v[i];
  return r;
}
inline Vec select(Mask m, Vec a, Vec b) { RECKON_LANES(m.m[i] ? a.v[i] : b.v[i]); }

// 2^n for whole n in [−126, 127]: the low bits of n + 1.5 · 2^23 are n, whatever n is (even NaN).
inline Vec pow2(Vec n) {
  Vec r;
  for (int i = 0; i < W; i++) {
    float shifted = n.v[i] + 12582912.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, 4);
    bits = (bits + 127) << 23;
    memcpy(&r.v[i], &bits, 4);
  }
  return r;
}

// 1 / a within 1 ulp, for finite a that are not subnormal.
inline Vec reciprocal(Vec a) { return set1(1) / a; }

// x = m · 2^e with m in [√½, √2) and e whole, for x positive and normal. Returns e.
inline Vec splitExponent(Vec x, Vec* m) {
  Vec exponent;
  for (int i = 0; i < W; i++) {
    uint32_t bits;
    memcpy(&bits, &x.v[i], 4);
    const uint32_t shifted = bits - 0x3f3504f3, mantissa = (shifted & 0x007fffff) + 0x3f3504f3;
    memcpy(&m->v[i], &mantissa, 4);
    exponent.v[i] = static_cast<float>(static_cast<int32_t>(shifted) >> 23);
  }
  return exponent;
}

// Halves are folded onto each other: lane i with lane i + 2, then + 1.
inline float reduceAdd(Vec a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
inline float reduceMax(Vec a) {
  float x = a.v[0] > a.v[2] ? a.v[0] : a.v[2], y = a.v[1] > a.v[3] ? a.v[1] : a.v[3];
  return x > y ? x : y;
}

// Lane i becomes reduceAdd(rows[i]).
inline Vec reduceAddRows(const Vec* rows) { RECKON_LANES(reduceAdd(rows[i])); }

// rows[i] is row i of a W × W matrix before, column i after.
inline void transpose(Vec* rows) {
  for (int i = 0; i < W; i++)
    for (int j = 0; j < i; j++) {
      float t = rows[i].v[j];
      rows[i].v[j] = rows[j].v[i];
      rows[j].v[i] = t;
    }
}
#undef RECKON_LANES

}  // namespace RECKON_ISA
}  // namespace reckon

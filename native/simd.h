// One register of f32 lanes, `Vec` with W lanes, and the functions of it that every kernel is written in. Each
// instruction set has its own header; what follows here is the same for all.
//
// Multiply-adds happen only where they are written (the build passes -ffp-contract=off), and reductions over lanes fold
// halves in a fixed tree: the bits of a result follow from the source alone. max(a, b) and min(a, b) are b when either
// is NaN (on NEON: NaN), so a value passed second carries its NaN through.
#pragma once
#include "runtime.h"

#if defined(RECKON_ISA_AVX512)
#include "simd/avx512.h"
#elif defined(RECKON_ISA_AVX2)
#include "simd/avx2.h"
#elif defined(RECKON_ISA_NEON)
#include "simd/neon.h"
#else
#include "simd/portable.h"
#endif

namespace reckon {
namespace RECKON_ISA {

// The same value, computed here and now: keeps the compiler from putting off a long tree of sums until it has no registers
// left for the parts.
RECKON_INLINE Vec pinned(Vec a) {
#if defined(RECKON_ISA_AVX512)
  asm volatile("" : "+v"(a.v));
#elif defined(RECKON_ISA_AVX2)
  asm volatile("" : "+x"(a.v));
#elif defined(RECKON_ISA_NEON)
  asm volatile("" : "+w"(a.v));
#endif
  return a;
}

// With n the constant W these are whole loads and stores once inlined: one loop body serves both.
inline Vec load(const float* p, int n) { return n == W ? load(p) : loadPartial(p, n); }
inline void store(float* p, Vec a, int n) {
  if (n == W) store(p, a);
  else storePartial(p, a, n);
}
// Lanes n and above become zero.
inline Vec keep(Vec a, int n) { return n == W ? a : select(firstLanes(n), a, zero()); }

// body(i, lanes) for i = 0, W, 2W, … below n; lanes is W but for a shorter rest.
template <typename F>
inline void forVectors(int64_t n, F&& body) {
  int64_t i = 0;
  for (; i + W <= n; i += W) body(i, W);
  if (i < n) body(i, static_cast<int>(n - i));
}

// Σ term(i, lanes) over all lanes: four accumulators taken in turn, then a tree.
template <typename F>
inline float sumVectors(int64_t n, F&& term) {
  Vec a0 = zero(), a1 = zero(), a2 = zero(), a3 = zero();
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    a0 = a0 + term(i, W);
    a1 = a1 + term(i + W, W);
    a2 = a2 + term(i + 2 * W, W);
    a3 = a3 + term(i + 3 * W, W);
  }
  for (; i + W <= n; i += W) a0 = a0 + term(i, W);
  if (i < n) a1 = a1 + keep(term(i, static_cast<int>(n - i)), static_cast<int>(n - i));
  return reduceAdd((a0 + a1) + (a2 + a3));
}

// 0, 1, 2, …
inline Vec laneNumbers() {
  float lane[W];
  for (int i = 0; i < W; i++) lane[i] = static_cast<float>(i);
  return load(lane);
}

// max over x[0 … n); −inf for n = 0.
inline float maxOf(const float* x, int64_t n) {
  const Vec lowest = set1(-__builtin_inff());
  Vec a0 = lowest, a1 = lowest;
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    a0 = max(a0, load(x + i));
    a1 = max(a1, load(x + i + W));
  }
  for (; i + W <= n; i += W) a0 = max(a0, load(x + i));
  if (i < n) a1 = max(a1, select(firstLanes(static_cast<int>(n - i)), loadPartial(x + i, static_cast<int>(n - i)), lowest));
  return reduceMax(max(a0, a1));
}

// e^x within 1 ulp with fused multiply-adds: x = n ln 2 + r, |r| ≤ ln 2 / 2, minimax polynomial of degree 6 in r (relative
// error 3e-9). Below −87.33 the result, which would be subnormal, is 0; above 88.37 it stays at e^88.37. NaN stays NaN.
inline Vec exp(Vec x) {
  const Vec lowest = set1(-87.33654f);
  Vec y = min(set1(88.37f), max(lowest, x));
  Vec n = round(y * set1(1.44269504f));
  Vec r = fnma(n, set1(0.693145752f), y);
  r = fnma(n, set1(1.4286068e-6f), r);
  Vec p = fma(set1(0.0013814514968544245f), r, set1(0.00836875569075346f));
  p = fma(p, r, set1(0.04166839271783829f));
  p = fma(p, r, set1(0.1666651964187622f));
  p = fma(p, r, set1(0.4999999403953552f));
  p = fma(p * r, r, r) + set1(1.0f);
  return select(lessThan(x, lowest), zero(), p * pow2(n));
}

// ln x for x positive and normal, within 2 ulp or 1e-7: x = 2^e · m, ln m = 2 artanh s with s = (m − 1) / (m + 1), by a minimax
// polynomial in s² (relative error 5e-12). NaN for infinity and NaN.
inline Vec log(Vec x) {
  Vec m, exponent = splitExponent(x, &m);
  Vec s = (m - set1(1)) / (m + set1(1)), square = s * s;
  Vec p = fma(set1(0.23585017f), square, set1(0.285371661f));
  p = fma(p, square, set1(0.400003374f));
  p = fma(p, square, set1(0.666666627f));
  return fma(exponent, set1(0.693147181f), fma(s * square, p, s + s)) + (x - x);
}

// ln (1 + x) for x ≥ 0 that leaves 1 + x finite, within 3 ulp: ln u with u = 1 + x rounded, and what the rounding lost over u.
inline Vec log1p(Vec x) {
  const Vec one = set1(1), u = one + x;
  return log(u) + (x - (u - one)) / u;
}

// 1 / (1 + e^−x).
inline Vec sigmoid(Vec x) { return reciprocal(set1(1.0f) + exp(zero() - x)); }

}  // namespace RECKON_ISA
}  // namespace reckon

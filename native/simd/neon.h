// Four lanes of f32 in a q register (AArch64).
#pragma once
#include <arm_neon.h>

#include <cstdint>

namespace reckon {
namespace RECKON_ISA {

constexpr int W = 4;
struct Vec { float32x4_t v; };
struct Mask { uint32x4_t m; };

inline Vec set1(float x) { return {vdupq_n_f32(x)}; }
inline Vec zero() { return {vdupq_n_f32(0)}; }
inline Mask firstLanes(int n) {
  const uint32_t lanes[4] = {0, 1, 2, 3};
  return {vcltq_u32(vld1q_u32(lanes), vdupq_n_u32(static_cast<uint32_t>(n)))};
}
inline Vec load(const float* p) { return {vld1q_f32(p)}; }
inline Vec loadPartial(const float* p, int n) {
  float lanes[4] = {0, 0, 0, 0};
  for (int i = 0; i < n; i++) lanes[i] = p[i];
  return load(lanes);
}
inline void store(float* p, Vec a) { vst1q_f32(p, a.v); }
inline void storePartial(float* p, Vec a, int n) {
  float lanes[4];
  store(lanes, a);
  for (int i = 0; i < n; i++) p[i] = lanes[i];
}
inline Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {vmaxq_f32(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {vminq_f32(a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {vsqrtq_f32(a.v)}; }
inline Vec round(Vec a) { return {vrndnq_f32(a.v)}; }
inline Mask lessThan(Vec a, Vec b) { return {vcltq_f32(a.v, b.v)}; }
inline Vec select(Mask m, Vec a, Vec b) { return {vbslq_f32(m.m, a.v, b.v)}; }

// 2^n for whole n in [−126, 127].
inline Vec pow2(Vec n) {
  return {vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.v), vdupq_n_s32(127)), 23))};
}

// 1 / a within 1 ulp, for finite a that are not subnormal.
inline Vec reciprocal(Vec a) { return set1(1) / a; }

// x = m · 2^e with m in [√½, √2) and e whole, for x positive and normal. Returns e.
inline Vec splitExponent(Vec x, Vec* m) {
  const int32x4_t rootHalf = vdupq_n_s32(0x3f3504f3);
  const int32x4_t shifted = vsubq_s32(vreinterpretq_s32_f32(x.v), rootHalf);
  m->v = vreinterpretq_f32_s32(vaddq_s32(vandq_s32(shifted, vdupq_n_s32(0x007fffff)), rootHalf));
  return {vcvtq_f32_s32(vshrq_n_s32(shifted, 23))};
}

// Halves are folded onto each other: lane i with lane i + 2, then + 1.
inline float reduceAdd(Vec a) {
  float32x2_t h = vadd_f32(vget_low_f32(a.v), vget_high_f32(a.v));
  return vget_lane_f32(h, 0) + vget_lane_f32(h, 1);
}
inline float reduceMax(Vec a) { return vmaxvq_f32(a.v); }

// Lane i becomes reduceAdd(rows[i]), by the same tree.
inline Vec reduceAddRows(const Vec* rows) {
  float32x4_t pairs[2];
  for (int i = 0; i < 2; i++) {
    float32x4_t a = rows[2 * i].v, b = rows[2 * i + 1].v;
    pairs[i] = vaddq_f32(vcombine_f32(vget_low_f32(a), vget_low_f32(b)), vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
  }
  return {vaddq_f32(vuzp1q_f32(pairs[0], pairs[1]), vuzp2q_f32(pairs[0], pairs[1]))};
}

// rows[i] is row i of a W × W matrix before, column i after.
inline void transpose(Vec* rows) {
  float32x4x2_t a = vtrnq_f32(rows[0].v, rows[1].v), b = vtrnq_f32(rows[2].v, rows[3].v);
  rows[0].v = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
  rows[1].v = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
  rows[2].v = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
  rows[3].v = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

}  // namespace RECKON_ISA
}  // namespace reckon

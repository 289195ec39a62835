// Sizes of the register tile and of packed panels on this instruction set, and rounding to bf16.
#pragma once
#include <cstdint>
#include <cstring>

#include "../simd.h"

namespace reckon {
namespace RECKON_ISA {

// Every accumulator of a tile stays in a register: rows × vectors of them, the vectors of one step, one broadcast.
#if defined(RECKON_ISA_AVX512)
constexpr int kRegisters = 32, kTileRows = 14, kTileVectors = 2;
#elif defined(RECKON_ISA_AVX2)
constexpr int kRegisters = 16, kTileRows = 6, kTileVectors = 2;
#elif defined(RECKON_ISA_NEON)
constexpr int kRegisters = 32, kTileRows = 7, kTileVectors = 3;
#else
constexpr int kRegisters = 16, kTileRows = 6, kTileVectors = 2;
#endif
#if defined(RECKON_ISA_AVX512)
constexpr bool kMaskingIsFree = true;  // loads under a mask cost what others do
#else
constexpr bool kMaskingIsFree = false;
#endif
// Columns of a packed panel.
constexpr int kPanel = W * kTileVectors;

// Words of a row of `depth` words that is copied beside others: whole vectors, and not a multiple of a page, so that rows
// spread over the cache sets.
RECKON_INLINE int64_t copyStride(int64_t depth) { return (depth + W - 1) / W * W + 16; }

// The f32 numbers whose upper halves are the lower or the upper halves of words.
RECKON_INLINE Vec fromLowerHalves(Vec words) {
  typedef uint32_t Bits __attribute__((vector_size(sizeof(Vec))));
  Bits bits;
  memcpy(&bits, &words, sizeof(bits));
  bits <<= 16;
  memcpy(&words, &bits, sizeof(bits));
  return words;
}
RECKON_INLINE Vec fromUpperHalves(Vec words) {
  typedef uint32_t Bits __attribute__((vector_size(sizeof(Vec))));
  Bits bits;
  memcpy(&bits, &words, sizeof(bits));
  bits &= 0xffff0000u;
  memcpy(&words, &bits, sizeof(bits));
  return words;
}
RECKON_INLINE Vec loadWords(const uint32_t* from) { return load(reinterpret_cast<const float*>(from)); }

// Rounds to the nearest bf16, ties to even; the value stays an f32. NaN stays NaN.
RECKON_INLINE Vec roundToBf16(Vec value) {
  typedef uint32_t Bits __attribute__((vector_size(sizeof(Vec))));
  Bits bits;
  memcpy(&bits, &value, sizeof(bits));
  const Bits isNan = (Bits)((bits & 0x7fffffffu) > 0x7f800000u);
  bits = (((bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u) & ~isNan) | ((bits | 0x00400000u) & isNan);
  memcpy(&value, &bits, sizeof(bits));
  return value;
}

}  // namespace RECKON_ISA
}  // namespace reckon

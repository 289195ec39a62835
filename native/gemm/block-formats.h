// Frozen weights in the formats of src/engine/weight-formats.ts, decoded to f32: the same bits as `decodeWeight` gives.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../simd.h"

namespace reckon {
namespace RECKON_ISA {

// Elements that decoding goes by: what is asked for begins at a multiple of it.
constexpr int64_t kDecodeStep = 32;

struct BlockFormat {
  // Bytes of a matrix [outer, inner]; an expert's matrix follows the one before it.
  size_t (*bytes)(int64_t outer, int64_t inner);
  // to[i] = element (row, begin + i) for i < count; begin is a multiple of kDecodeStep, and `to` has room for count rounded up
  // to whole steps, of which the rest is undefined.
  void (*decode)(const uint8_t* matrix, int64_t outer, int64_t inner, int64_t row, int64_t begin, int64_t count, float* to);
};

// The parts of a weight in NF4: element i is values[code i] · (map[absmaxes[b]] · scales[b div 256] + mean) for b = i div 64;
// code i lies in the upper half of byte i div 2 when i is even, else in the lower.
struct Nf4Parts {
  const float *values, *map;
  const uint8_t *scales, *codes, *absmaxes;
  float mean;
};
Nf4Parts nf4Parts(const uint8_t* matrix, int64_t count);

// By the number that calls name a format with.
const BlockFormat& blockFormat(int64_t number);
// The format whose panels engines read themselves (see engine.h).
constexpr int64_t kBf16Format = 0;
// Formats that panels of pairs are made from directly (block-pairs.h).
constexpr int64_t kInt8Format = 2, kNf4Format = 3, kQ8_0Format = 4, kQ4_0Format = 5, kQ4_1Format = 6;

}  // namespace RECKON_ISA
}  // namespace reckon

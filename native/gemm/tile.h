// The register tile: ROWS × (PANELS · VECTORS · W) outputs, f32, each one chain of multiply-adds over the depth in
// ascending order, from zero. Every tile shape keeps that chain, so the shape never shows in the result.
#pragma once
#include "lanes.h"

namespace reckon {
namespace RECKON_ISA {

// The left operand: element (row r, depth k) at data[r·stride + k], or at data[k·stride + r] when BY_DEPTH.
struct Left {
  const float* data;
  int64_t stride;
};

// The right operand: vector v of panel p at depth k lies at data[p·panelStride + k·stride + v·W].
// `columns` counts the columns that exist, from the tile's first; only tiles with MASKED heed it on loading.
struct Right {
  const float* data;
  int64_t stride;
  int64_t panelStride;
  int64_t columns;
};

template <int ROWS, int VECTORS, int PANELS, bool BY_DEPTH, bool MASKED>
RECKON_INLINE void accumulate(const Left& left, const Right& right, int64_t depth,
                              Vec (&sums)[ROWS][VECTORS * PANELS]) {
#pragma GCC unroll 14
  for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS * PANELS; v++) sums[r][v] = zero();
  }
  const float* a = left.data;
  const float* b = right.data;
  const int lastLanes = static_cast<int>(right.columns - (VECTORS - 1) * W);
  for (int64_t k = 0; k < depth; k++) {
    Vec step[VECTORS * PANELS];
#pragma GCC unroll 8
    for (int p = 0; p < PANELS; p++) {
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++) {
        const float* from = b + p * right.panelStride + v * W;
        step[p * VECTORS + v] = MASKED && v == VECTORS - 1 ? load(from, lastLanes) : load(from);
      }
    }
#pragma GCC unroll 14
    for (int r = 0; r < ROWS; r++) {
      const Vec value = set1(BY_DEPTH ? a[r] : a[r * left.stride]);
#pragma GCC unroll 8
      for (int v = 0; v < VECTORS * PANELS; v++) sums[r][v] = fma(value, step[v], sums[r][v]);
    }
    a += BY_DEPTH ? left.stride : 1;
    b += right.stride;
  }
}

}  // namespace RECKON_ISA
}  // namespace reckon

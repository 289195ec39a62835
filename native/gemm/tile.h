// The register tile: ROWS × (PANELS · VECTORS · W) outputs, f32, each one chain of multiply-adds over the depth in
// ascending order, from zero. Every tile shape keeps that chain, so the shape never shows in the result.
//
// Operands are 32-bit words, one for each step of the depth: an f32, or two bf16 of neighbouring depths.
// Multiply::add(a, b, sum) is sum + a·b for one word in each lane.
#pragma once
#include "lanes.h"

namespace reckon {
namespace RECKON_ISA {

// How the left operand of a tile lies: element (row r, depth k) at data[r·stride + k] (byRow), or at data[k·stride + r], far
// from the next depth's (byDepth) or beside it (packedByDepth).
enum class Layout { byRow, byDepth, packedByDepth };

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

// Steps that operands read by depth are fetched ahead of their use.
constexpr int kAhead = 16;

// What the tile after this one will read and is not near yet: fetched into the second-level cache a little at each step.
struct Ahead {
  const char* data;
  int64_t bytesPerStep;
};

template <class Multiply, int ROWS, int VECTORS, int PANELS, Layout LAYOUT, bool MASKED>
RECKON_INLINE void accumulate(const Left& left, const Right& right, int64_t depth, Ahead ahead,
                              Vec (&sums)[ROWS][VECTORS * PANELS]) {
#pragma GCC unroll 14
  for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS * PANELS; v++) sums[r][v] = zero();
  }
  const float* a = left.data;
  const float* b = right.data;
  [[maybe_unused]] const int lastLanes = static_cast<int>(right.columns - (VECTORS - 1) * W);
  // Twice, so that the row addresses that do not fit the registers are fetched once for two steps.
#pragma GCC unroll 2
  for (int64_t k = 0; k < depth; k++) {
    if (LAYOUT == Layout::byDepth) {
      // The rows' words may lie in two cache lines.
      __builtin_prefetch(a + kAhead * left.stride);
      __builtin_prefetch(a + kAhead * left.stride + ROWS - 1);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++) __builtin_prefetch(b + kAhead * right.stride + v * W);
    } else if (PANELS == 1) {
      __builtin_prefetch(ahead.data, 0, 2);
      __builtin_prefetch(ahead.data + 64, 0, 2);
      ahead.data += ahead.bytesPerStep;
    }
    Vec step[VECTORS * PANELS];
#pragma GCC unroll 8
    for (int p = 0; p < PANELS; p++) {
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++) {
        const float* from = b + p * right.panelStride + v * W;
        if constexpr (MASKED) step[p * VECTORS + v] = v == VECTORS - 1 ? load(from, lastLanes) : load(from);
        else step[p * VECTORS + v] = load(from);
      }
    }
#pragma GCC unroll 14
    for (int r = 0; r < ROWS; r++) {
      const Vec value = set1(LAYOUT == Layout::byRow ? a[r * left.stride] : a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < VECTORS * PANELS; v++) sums[r][v] = Multiply::add(value, step[v], sums[r][v]);
    }
    a += LAYOUT == Layout::byRow ? 1 : left.stride;
    b += right.stride;
  }
}

}  // namespace RECKON_ISA
}  // namespace reckon

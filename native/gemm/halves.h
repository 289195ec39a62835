// Products in f32 with a weight in the bf16 format, read where it lies: each load brings two depths, which are widened in
// registers. The chain of an output is that of tile.h.
#pragma once
#include "blocks.h"

namespace reckon {
namespace RECKON_ISA {

template <int ROWS, int VECTORS>
RECKON_INLINE void addDepth(const float* a, int64_t stride, const Vec (&b)[VECTORS], Vec (&sums)[ROWS][VECTORS]) {
#pragma GCC unroll 14
  for (int r = 0; r < ROWS; r++) {
    const Vec value = set1(a[r * stride]);
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) sums[r][v] = fma(value, b[v], sums[r][v]);
  }
}

template <int ROWS, int VECTORS>
void halvesTile(const Left& left, const uint32_t* words, int64_t columns, int64_t depth, Ahead ahead, const Output& output) {
  for (int r = 0; r < ROWS; r++) {
    for (int v = 0; v < VECTORS; v++) __builtin_prefetch(output.c + r * output.stride + v * W, 1);
  }
  Vec sums[ROWS][VECTORS];
#pragma GCC unroll 14
  for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) sums[r][v] = zero();
  }
  const float* a = left.data;
  for (int64_t k = 0; k < depth; k += 2, a += 2, words += kBf16Panel) {
    __builtin_prefetch(ahead.data, 0, 2);
    __builtin_prefetch(ahead.data + 64, 0, 2);
    ahead.data += ahead.bytesPerStep;
    Vec b[VECTORS];
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) b[v] = fromLowerHalves(loadWords(words + v * W));
    addDepth<ROWS, VECTORS>(a, left.stride, b, sums);
    if (k + 1 == depth) break;
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) b[v] = fromUpperHalves(loadWords(words + v * W));
    addDepth<ROWS, VECTORS>(a + 1, left.stride, b, sums);
  }
  finish<ROWS, VECTORS>(sums, columns, output);
}

using HalvesTile = void (*)(const Left&, const uint32_t*, int64_t columns, int64_t depth, Ahead, const Output&);

// Tiles by rows − 1 and vectors − 1.
struct HalvesTable {
  HalvesTile tiles[kTileRows][kTileVectors];
};

template <int ROWS>
constexpr void fillHalves(HalvesTable& table) {
  table.tiles[ROWS - 1][0] = halvesTile<ROWS, 1>;
  table.tiles[ROWS - 1][1] = halvesTile<ROWS, 2>;
  if constexpr (ROWS > 1) fillHalves<ROWS - 1>(table);
}

constexpr HalvesTable makeHalvesTable() {
  HalvesTable table{};
  fillHalves<kTileRows>(table);
  return table;
}

constexpr HalvesTable kHalvesTiles = makeHalvesTable();

// c = A · B, as Engine::multiplyBf16 wants it. The next panel is fetched while one is worked on.
inline void multiplyHalves(const float* left, int64_t stride, int64_t rows, const uint32_t* panels, int64_t panelStride,
                           int64_t depth, int64_t columns, const Output& output) {
  static_assert(kTileVectors == 2 && kPanel == kBf16Panel, "a tile's columns are a panel's");
  const RowTiles rowTiles(rows);
  constexpr int64_t kStepBytes = sizeof(uint32_t) * kPanel, kNearAhead = 4096;
  const int64_t share = ceilDivide(kStepBytes, rowTiles.count);
  for (int64_t column = 0; column < columns; column += kPanel, panels += panelStride) {
    const int64_t width = columns - column < kPanel ? columns - column : kPanel;
    // One tile of rows goes as fast as memory brings the panel: what it needs next is then fetched a little ahead.
    const char* next = reinterpret_cast<const char*>(panels) + (rowTiles.count == 1 ? kNearAhead : sizeof(uint32_t) * panelStride);
    rowTiles.each([&](int64_t row, int count) {
      kHalvesTiles.tiles[count - 1][(width - 1) / W]({left + row * stride, stride}, panels, width, depth, {next, share},
                                                     shifted(output, row, column));
      next += share * ceilDivide(depth, 2);
    });
  }
}

}  // namespace RECKON_ISA
}  // namespace reckon

// Blocks of a product, cut into register tiles: which tile does which rows and panels, in which order. Operands are 32-bit
// words, so the same blocks serve f32 and pairs of bf16; a depth counts words.
#pragma once
#include "engine.h"
#include "tile.h"

namespace reckon {
namespace RECKON_ISA {

// With few rows one panel has too few accumulators to hide the latency of a multiply-add: take several panels at once.
constexpr int panelsAtOnce(int rows) {
  for (int panels = 4; panels > 1; panels /= 2) {
    const int vectors = panels * kTileVectors;
    if (rows * vectors + (rows > 1 ? vectors : 0) + 1 <= kRegisters) return panels;
  }
  return 1;
}

// Writes a tile's sums to `output`, whose pointers are those of the tile's first element.
template <int ROWS, int VECTORS>
RECKON_INLINE void finish(Vec (&sums)[ROWS][VECTORS], int64_t columns, const Output& output) {
  const int lastLanes = static_cast<int>(columns - (VECTORS - 1) * W);
#pragma GCC unroll 14
  for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
      const int count = v == VECTORS - 1 ? lastLanes : W;
      const int64_t at = r * output.stride + v * W;
      Vec value = sums[r][v];
      if (output.bias) value = value + load(output.bias + v * W, count);
      if (output.residual) value = value + load(output.residual + at, count);
      store(output.c + at, value, count);
    }
  }
}

using Tile = void (*)(const Left&, const Right&, int64_t depth, const Ahead&, const Output&);

template <class Multiply, int ROWS, int VECTORS, int PANELS, Layout LAYOUT, bool MASKED>
void tile(const Left& left, const Right& right, int64_t depth, const Ahead& ahead, const Output& output) {
  for (int r = 0; r < ROWS; r++) {
    for (int v = 0; v < VECTORS * PANELS; v++) __builtin_prefetch(output.c + r * output.stride + v * W, 1);
  }
  Vec sums[ROWS][VECTORS * PANELS];
  accumulate<Multiply, ROWS, VECTORS, PANELS, LAYOUT, MASKED>(left, right, depth, ahead, sums);
  finish<ROWS, VECTORS * PANELS>(sums, right.columns, output);
}

// Tiles by rows − 1 and vectors − 1.
struct TileTable {
  Tile tiles[kTileRows][kTileVectors];
};

template <class Multiply, Layout LAYOUT, bool MASKED, int ROWS, int VECTORS>
constexpr void fill(TileTable& table) {
  table.tiles[ROWS - 1][VECTORS - 1] = tile<Multiply, ROWS, VECTORS, 1, LAYOUT, MASKED>;
  if constexpr (VECTORS > 1) {
    fill<Multiply, LAYOUT, MASKED, ROWS, VECTORS - 1>(table);
  } else if constexpr (ROWS > 1) {
    fill<Multiply, LAYOUT, MASKED, ROWS - 1, kTileVectors>(table);
  }
}

template <class Multiply, Layout LAYOUT, bool MASKED>
constexpr TileTable makeTable() {
  TileTable table{};
  fill<Multiply, LAYOUT, MASKED, kTileRows, kTileVectors>(table);
  return table;
}

// Tiles of several panels by rows − 1; null where one panel is enough.
struct WideTable {
  Tile tiles[kTileRows];
};

template <class Multiply, int ROWS>
constexpr void fillWide(WideTable& table) {
  if constexpr (panelsAtOnce(ROWS) > 1) {
    table.tiles[ROWS - 1] = tile<Multiply, ROWS, kTileVectors, panelsAtOnce(ROWS), Layout::byRow, false>;
  }
  if constexpr (ROWS > 1) fillWide<Multiply, ROWS - 1>(table);
}

template <class Multiply>
constexpr WideTable makeWideTable() {
  WideTable table{};
  fillWide<Multiply, kTileRows>(table);
  return table;
}

template <class Multiply>
constexpr TileTable kPackedTiles = makeTable<Multiply, Layout::byRow, false>();
template <class Multiply>
constexpr TileTable kGradientTiles = makeTable<Multiply, Layout::byDepth, kMaskingIsFree>();
template <class Multiply>
constexpr TileTable kGradientEdgeTiles = makeTable<Multiply, Layout::byDepth, true>();
template <class Multiply>
constexpr TileTable kPackedGradientTiles = makeTable<Multiply, Layout::packedByDepth, false>();
template <class Multiply>
constexpr WideTable kWideTiles = makeWideTable<Multiply>();

// Splits `rows` into as few tiles as there can be, of sizes that differ by one at most.
struct RowTiles {
  int64_t count, size, larger;
  explicit RowTiles(int64_t rows) : count((rows + kTileRows - 1) / kTileRows) {
    size = count ? rows / count : 0;
    larger = count ? rows % count : 0;
  }
  template <typename F>
  RECKON_INLINE void each(F&& body) const {
    int64_t row = 0;
    for (int64_t i = 0; i < count; i++) {
      const int64_t here = size + (i < larger);
      body(row, static_cast<int>(here));
      row += here;
    }
  }
};

// c = A · B, whose panels lie panelSize words apart. `rowsAreNear`: the rows were copied into this core's cache just now.
template <class Multiply>
void multiplyBlock(const float* left, int64_t stride, bool rowsAreNear, int64_t rows, const float* packed, int64_t panelSize,
                   int64_t depth, int64_t columns, const Output& output) {
  const RowTiles rowTiles(rows);
  int64_t column = 0;
  if (const int wide = rowTiles.count == 1 ? panelsAtOnce(static_cast<int>(rows)) : 1; wide > 1) {
    for (; column + wide * kPanel <= columns; column += wide * kPanel) {
      const Right right{packed + column / kPanel * panelSize, kPanel, panelSize, wide * kPanel};
      kWideTiles<Multiply>.tiles[rows - 1]({left, stride}, right, depth, {}, shifted(output, 0, column));
    }
  }
  auto product = [&](int64_t row, int count, int64_t column, const Ahead& ahead) {
    const int64_t width = columns - column < kPanel ? columns - column : kPanel;
    const Right right{packed + column / kPanel * panelSize, kPanel, panelSize, width};
    kPackedTiles<Multiply>.tiles[count - 1][(width - 1) / W]({left + row * stride, stride}, right, depth, ahead,
                                                             shifted(output, row, column));
  };
  if (rowTiles.count <= 4 || rowsAreNear) {
    // The rows are few, or near: each panel is fetched once, while the one before it is worked on.
    const int64_t share = (sizeof(float) * kPanel + rowTiles.count - 1) / (rowTiles.count ? rowTiles.count : 1);
    for (; column < columns; column += kPanel) {
      const char* next = reinterpret_cast<const char*>(packed + (column / kPanel + 1) * panelSize);
      rowTiles.each([&](int64_t row, int count) {
        product(row, count, column, {next, share});
        next += share * depth;
      });
    }
  } else {
    // The panels are near: each row is fetched once.
    const int64_t panels = (columns + kPanel - 1) / kPanel;
    const int64_t share = (sizeof(float) * kTileRows + panels - 1) / panels;
    rowTiles.each([&](int64_t row, int count) {
      const char* next = reinterpret_cast<const char*>(left + (row + count) * stride);
      for (int64_t c = 0; c < columns; c += kPanel) {
        product(row, count, c, {next, share});
        next += share * depth;
      }
    });
  }
}

// c[m, n] += Σ_k a[k·aStride + m] · b[k·bStride + n].
template <class Multiply>
void gradientBlock(const float* a, int64_t aStride, const float* b, int64_t bStride, int64_t depth, int64_t m, int64_t n,
                   float* c, int64_t cStride) {
  const Output output{c, cStride, nullptr, c};
  const RowTiles rowTiles(m);
  for (int64_t column = 0; column < n; column += kPanel) {
    const int64_t width = n - column < kPanel ? n - column : kPanel;
    const int vectors = static_cast<int>((width + W - 1) / W);
    const TileTable& table = width % W ? kGradientEdgeTiles<Multiply> : kGradientTiles<Multiply>;
    const Right right{b + column, bStride, 0, width};
    rowTiles.each([&](int64_t row, int count) {
      table.tiles[count - 1][vectors - 1]({a + row, aStride}, right, depth, {}, shifted(output, row, column));
    });
  }
}

// Words from step to step of a packed tile of the left operand of a gradient: whole vectors.
constexpr int kLeftStride = (kTileRows + W - 1) / W * W;

// Packs a left or right operand of a gradient: `steps` steps of `columns` columns, in tiles of TILE columns and STRIDE words a
// step, zero-padded, the i-th beginning at to + i · bytes. word(step, column, count) gives W words, of which `count` exist.
template <int TILE, int STRIDE, typename F>
RECKON_INLINE void packSteps(int64_t steps, int64_t columns, char* to, size_t bytes, F&& word) {
  for (int64_t k = 0; k < steps; k++) {
    char* tile = to + k * STRIDE * sizeof(float);
    for (int64_t column = 0; column < columns; column += TILE, tile += bytes) {
      float* at = reinterpret_cast<float*>(tile);
      if (columns - column >= STRIDE) {
#pragma GCC unroll 8
        for (int v = 0; v < STRIDE; v += W) store(at + v, word(k, column + v, W));
        continue;
      }
      for (int v = 0; v < STRIDE; v += W) {
        const int64_t left = columns - column - v;
        store(at + v, left > 0 ? word(k, column + v, static_cast<int>(left < W ? left : W)) : zero());
      }
    }
  }
}

// The same from tiles and panels that lie packed in the order of their use, `depth` words deep.
template <class Multiply>
void packedGradientBlock(const float* a, const float* b, int64_t depth, int64_t m, int64_t n, float* c, int64_t cStride) {
  const Output output{c, cStride, nullptr, c};
  for (int64_t column = 0; column < n; column += kPanel, b += depth * kPanel) {
    const int64_t width = n - column < kPanel ? n - column : kPanel;
    const float* tile = a;
    for (int64_t row = 0; row < m; row += kTileRows, tile += depth * kLeftStride) {
      const int64_t count = m - row < kTileRows ? m - row : kTileRows;
      kPackedGradientTiles<Multiply>.tiles[count - 1][(width - 1) / W](
          {tile, kLeftStride}, {b, kPanel, 0, width}, depth,
          {reinterpret_cast<const char*>(tile + depth * kLeftStride), kLeftStride * sizeof(float)}, shifted(output, row, column));
    }
  }
}

}  // namespace RECKON_ISA
}  // namespace reckon

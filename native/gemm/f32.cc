// Matrix products in f32. Weights are packed into panels [depth][kPanel]; rows are read where they lie, or copied where
// their stride would make them fight for the same cache sets. ROUND rounds both operands to bf16 while they are copied.
#include "f32.h"
#include "tile.h"

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined source operand inside its own AVX-512 intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace reckon {
namespace RECKON_ISA {
namespace {

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

template <int ROWS, int VECTORS, int PANELS, bool BY_DEPTH, bool MASKED>
void tile(const Left& left, const Right& right, int64_t depth, const Ahead& ahead, const Output& output) {
  for (int r = 0; r < ROWS; r++) {
    for (int v = 0; v < VECTORS * PANELS; v++) __builtin_prefetch(output.c + r * output.stride + v * W, 1);
  }
  Vec sums[ROWS][VECTORS * PANELS];
  accumulate<ROWS, VECTORS, PANELS, BY_DEPTH, MASKED>(left, right, depth, ahead, sums);
  finish<ROWS, VECTORS * PANELS>(sums, right.columns, output);
}

// Tiles by rows − 1 and vectors − 1.
struct TileTable {
  Tile tiles[kTileRows][kTileVectors];
};

template <bool BY_DEPTH, bool MASKED, int ROWS, int VECTORS>
constexpr void fill(TileTable& table) {
  table.tiles[ROWS - 1][VECTORS - 1] = tile<ROWS, VECTORS, 1, BY_DEPTH, MASKED>;
  if constexpr (VECTORS > 1) {
    fill<BY_DEPTH, MASKED, ROWS, VECTORS - 1>(table);
  } else if constexpr (ROWS > 1) {
    fill<BY_DEPTH, MASKED, ROWS - 1, kTileVectors>(table);
  }
}

template <bool BY_DEPTH, bool MASKED>
constexpr TileTable makeTable() {
  TileTable table{};
  fill<BY_DEPTH, MASKED, kTileRows, kTileVectors>(table);
  return table;
}

struct WideTable {
  Tile tiles[kTileRows];
};

template <int ROWS>
constexpr void fillWide(WideTable& table) {
  table.tiles[ROWS - 1] = tile<ROWS, kTileVectors, panelsAtOnce(ROWS), false, false>;
  if constexpr (ROWS > 1) fillWide<ROWS - 1>(table);
}

constexpr WideTable makeWideTable() {
  WideTable table{};
  fillWide<kTileRows>(table);
  return table;
}

constexpr TileTable kPackedTiles = makeTable<false, false>();
constexpr TileTable kGradientTiles = makeTable<true, false>();
constexpr TileTable kGradientEdgeTiles = makeTable<true, true>();
constexpr WideTable kWideTiles = makeWideTable();

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

Output shifted(const Output& output, int64_t row, int64_t column) {
  const int64_t at = row * output.stride + column;
  return {output.c + at, output.stride, output.bias ? output.bias + column : nullptr,
          output.residual ? output.residual + at : nullptr};
}

size_t panelBytes(int64_t depth) { return sizeof(float) * depth * kPanel; }

template <bool ROUND>
RECKON_INLINE Vec rounded(Vec value) {
  return ROUND ? roundToBf16(value) : value;
}

template <bool ROUND>
void packPanel(const float* w, int64_t stride, bool byColumn, int64_t depth, int64_t columns, void* panel) {
  float* to = static_cast<float*>(panel);
  if (!byColumn) {
    for (int64_t k = 0; k < depth; k++) {
      for (int v = 0; v < kTileVectors; v++) {
        const int64_t left = columns - v * W;
        const int count = static_cast<int>(left < 0 ? 0 : left < W ? left : W);
        const Vec value = count ? load(w + k * stride + v * W, count) : zero();
        store(to + k * kPanel + v * W, rounded<ROUND>(value));
      }
    }
    return;
  }
  for (int v = 0; v < kTileVectors; v++) {
    for (int64_t k = 0; k < depth; k += W) {
      const int count = static_cast<int>(depth - k < W ? depth - k : W);
      Vec square[W];
#pragma GCC unroll 16
      for (int n = 0; n < W; n++) {
        const int64_t column = v * W + n;
        square[n] = column < columns ? rounded<ROUND>(load(w + column * stride + k, count)) : zero();
      }
      transpose(square);
      if (count == W) {
#pragma GCC unroll 16
        for (int i = 0; i < W; i++) store(to + (k + i) * kPanel + v * W, square[i]);
      } else {
        for (int i = 0; i < count; i++) store(to + (k + i) * kPanel + v * W, square[i]);
      }
    }
  }
}

// Stride of copied rows: not a multiple of a page, so that they spread over the cache sets.
int64_t copyStride(int64_t depth) { return (depth + W - 1) / W * W + 16; }

template <bool ROUND>
size_t rowsBytes(int64_t rows, int64_t depth) {
  const bool crowded = depth >= 512;
  return ROUND || crowded ? sizeof(float) * rows * copyStride(depth) : 0;
}

template <bool ROUND>
void packRows(const float* x, int64_t stride, int64_t rows, int64_t depth, void* copy) {
  float* to = static_cast<float*>(copy);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t k = 0; k < depth; k += W) {
      const int count = static_cast<int>(depth - k < W ? depth - k : W);
      store(to + r * copyStride(depth) + k, rounded<ROUND>(load(x + r * stride + k, count)));
    }
  }
}

template <bool ROUND>
void multiply(const void* a, int64_t stride, int64_t rows, const void* panels, int64_t depth, int64_t columns,
              const Output& output) {
  const float* left = static_cast<const float*>(a);
  const float* packed = static_cast<const float*>(panels);
  if (rowsBytes<ROUND>(rows, depth)) stride = copyStride(depth);
  const int64_t panelSize = depth * kPanel;
  const RowTiles rowTiles(rows);
  int64_t column = 0;
  if (const int wide = rowTiles.count == 1 ? panelsAtOnce(static_cast<int>(rows)) : 1; wide > 1) {
    for (; column + wide * kPanel <= columns; column += wide * kPanel) {
      kWideTiles.tiles[rows - 1]({left, stride}, {packed + column * depth, kPanel, panelSize, wide * kPanel}, depth, {},
                                 shifted(output, 0, column));
    }
  }
  auto product = [&](int64_t row, int count, int64_t column, const Ahead& ahead) {
    const int64_t width = columns - column < kPanel ? columns - column : kPanel;
    kPackedTiles.tiles[count - 1][(width - 1) / W]({left + row * stride, stride},
                                                   {packed + column * depth, kPanel, panelSize, width}, depth, ahead,
                                                   shifted(output, row, column));
  };
  if (rowTiles.count <= 4 || rowsBytes<ROUND>(rows, depth)) {
    // The rows are few, or near: each panel is fetched once, while the one before it is worked on.
    const int64_t share = (sizeof(float) * kPanel + rowTiles.count - 1) / (rowTiles.count ? rowTiles.count : 1);
    for (; column < columns; column += kPanel) {
      const char* next = reinterpret_cast<const char*>(packed + (column + kPanel) * depth);
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

constexpr int kGradientDepth = 256;

template <bool ROUND>
size_t gradientBytes(int64_t m, int64_t n) {
  return ROUND ? sizeof(float) * kGradientDepth * (copyStride(m) + copyStride(n)) : 0;
}

template <bool ROUND>
void gradient(const float* a, int64_t aStride, const float* b, int64_t bStride, int64_t depth, int64_t m, int64_t n,
              float* c, int64_t cStride, void* scratch) {
  if (ROUND) {
    float* aCopy = static_cast<float*>(scratch);
    float* bCopy = aCopy + kGradientDepth * copyStride(m);
    packRows<true>(a, aStride, depth, m, aCopy);
    packRows<true>(b, bStride, depth, n, bCopy);
    a = aCopy, aStride = copyStride(m), b = bCopy, bStride = copyStride(n);
  }
  const Output output{c, cStride, nullptr, c};
  const RowTiles rowTiles(m);
  for (int64_t column = 0; column < n; column += kPanel) {
    const int64_t width = n - column < kPanel ? n - column : kPanel;
    const int vectors = static_cast<int>((width + W - 1) / W);
    const TileTable& table = width % W ? kGradientEdgeTiles : kGradientTiles;
    const Right right{b + column, bStride, 0, width};
    rowTiles.each([&](int64_t row, int count) {
      table.tiles[count - 1][vectors - 1]({a + row, aStride}, right, depth, {}, shifted(output, row, column));
    });
  }
}

template <bool ROUND>
constexpr Engine engine() {
  return {ROUND ? 1 : 0,          kTileRows * 8,       kPanel,          panelBytes,         packPanel<ROUND>,
          rowsBytes<ROUND>,       packRows<ROUND>,     multiply<ROUND>, kGradientDepth,     gradientBytes<ROUND>,
          gradient<ROUND>};
}

constexpr Engine kF32 = engine<false>();
constexpr Engine kRounded = engine<true>();

}  // namespace

const Engine& f32Engine() { return kF32; }
const Engine& roundedEngine() { return kRounded; }

}  // namespace RECKON_ISA
}  // namespace reckon

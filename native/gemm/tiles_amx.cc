// Matrix products with AMX-BF16: tiles of 16 rows × 64 bytes. A tile of the left operand holds 16 rows × 32 depths; one of
// the right operand 16 pairs of depths × 16 columns; their product is added to a tile of 16 × 16 f32.
//
// Packed operands are tiles of 1 KB in the order of their use, so that loads run through memory:
//   rows    [tile of 16 rows][step of 32 depths][16][32] bf16
//   panel   [step][16 pairs][32 columns][2] bf16: the rows of two tiles side by side
// A panel is that of a weight in the bf16 format, which is therefore multiplied where it lies.
// Rows, columns and depth are padded with zeros to whole tiles.
//
// Four accumulators: 2 × 2 tiles, or 1 × 4 for a last odd tile of rows, which is what decoding a few rows is. A step
// of 2 × 2 is 64 cycles of multiplication on 4 KB, the second-level cache gives about 3 KB in that time: so the depth is
// cut into blocks whose panel (kDepthSteps · 2 KB) stays in the first-level cache over all rows, while rows stream in and
// partial sums rest in a buffer. A sum kept in memory goes on as it was: the chain of an output does not depend on blocks.
#include "bf16.h"
#include "block-pairs.h"
#include "pairs.h"

#if defined(RECKON_EMULATE_AMX)
#include "test/amx-emulation.h"
#endif

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined source operand inside its own AVX-512 intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace reckon {
namespace RECKON_ISA {
namespace {

constexpr int kTile = 16;         // rows of a tile, and columns of a tile of sums
constexpr int kStep = 32;         // depths of a step
constexpr int kTileBytes = 1024;  // kTile rows × 64 bytes
constexpr int kColumns = 2 * kTile;
constexpr int kTileWidth = 64, kPanelRowBytes = 2 * kTileWidth;  // bytes of a row of a tile, and of a panel
constexpr int kPanelStepBytes = 2 * kTileBytes;
constexpr int kDepthSteps = 16;
constexpr int kRowsAtOnce = 256;

static_assert(W == kTile, "a tile row is one vector");

int64_t stepsOf(int64_t depth) { return ceilDivide(depth, kStep); }

// Tiles may be used while one of these lives.
class TileConfig {
 public:
  TileConfig() {
    struct alignas(64) {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t bytesPerRow[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } shape;
    // The instruction's asm does not tell the compiler that it reads the shape.
    asm volatile("" : : "r"(&shape) : "memory");
    _tile_loadconfig(&shape);
  }
  ~TileConfig() { _tile_release(); }
};

size_t panelBytes(int64_t depth) { return static_cast<size_t>(stepsOf(depth)) * kPanelStepBytes; }

void packPanel(const float* w, int64_t stride, bool byColumn, int64_t depth, int64_t columns, void* panel) {
  float* to = static_cast<float*>(panel);
  for (int64_t k = 0; k < depth; k += kStep, to += kTile * kColumns) {
    for (int64_t n = 0; n < kColumns; n += kTile) {
      if (!byColumn) {
        for (int i = 0; i < kTile; i++) store(to + n + i * kColumns, pairAt(w, stride, depth, columns, k + 2 * i, n));
        continue;
      }
      Vec square[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; i++) square[i] = n + i < columns ? pairAlong(w + (n + i) * stride + k, depth - k) : zero();
      transpose(square);
      for (int i = 0; i < W; i++) store(to + n + i * kColumns, square[i]);
    }
  }
}

void packBf16Panel(const uint32_t* matrix, int64_t inner, bool byColumn, int64_t column, int64_t, int64_t from, int64_t depth,
                   void* panel) {
  if (byColumn) {
    std::memcpy(panel, matrix + bf16Word(inner, column, from), panelBytes(depth));
    return;
  }
  float* to = static_cast<float*>(panel);
  for (int64_t k = 0; k < depth; k += kStep, to += kTile * kColumns) {
    for (int64_t n = 0; n < kColumns; n += kTile) {
      Vec square[W];
      pairsAcrossBf16(matrix + bf16Word(inner, from + k, column + n), square);
      for (int i = 0; i < W; i++) store(to + n + i * kColumns, square[i]);
    }
  }
}

size_t rowsBytes(int64_t rows, int64_t depth, int64_t) {
  return static_cast<size_t>(ceilDivide(rows, kTile)) * stepsOf(depth) * kTileBytes;
}

int64_t copiedStride(int64_t depth) { return stepsOf(depth) * kTileBytes / kTile / static_cast<int64_t>(sizeof(float)); }

size_t sumsBytes(int64_t rows) { return static_cast<size_t>(ceilDivide(rows, kTile)) * 4 * kTileBytes; }

void packRows(const float* x, int64_t stride, int64_t rows, int64_t depth, void* copy) {
  float* to = static_cast<float*>(copy);
  for (int64_t r = 0; r < rows; r += kTile) {
    for (int64_t k = 0; k < depth; k += kStep) {
      for (int i = 0; i < kTile; i++, to += W) {
        store(to, r + i < rows ? pairAlong(x + (r + i) * stride + k, depth - k) : zero());
      }
    }
  }
}

// Streams through the second-level cache: `bytes` from `at` on, for the panel after this one.
RECKON_INLINE void fetchAhead(const char*& at, int bytes) {
  for (int i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
  at += bytes;
}

// sums (2 × 2 tiles, each 1 KB, or from zero) += 2 tiles of rows · 1 panel over `steps`.
void multiply2x2(const char* rows, int64_t rowTileBytes, const char* panel, int64_t steps, char* sums, bool fromZero,
                 const char* ahead, int aheadBytes) {
  if (fromZero) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, 64);
    _tile_loadd(1, sums + kTileBytes, 64);
    _tile_loadd(2, sums + 2 * kTileBytes, 64);
    _tile_loadd(3, sums + 3 * kTileBytes, 64);
  }
  const char* second = rows + rowTileBytes;
  for (int64_t s = 0; s < steps; s++) {
    _tile_loadd(6, panel, kPanelRowBytes);
    _tile_loadd(4, rows, 64);
    _tile_loadd(7, panel + kTileWidth, kPanelRowBytes);
    _tile_loadd(5, second, 64);
    fetchAhead(ahead, aheadBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    rows += kTileBytes;
    second += kTileBytes;
    panel += kPanelStepBytes;
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + kTileBytes, 64);
  _tile_stored(2, sums + 2 * kTileBytes, 64);
  _tile_stored(3, sums + 3 * kTileBytes, 64);
}

// sums (1 × 4 tiles) = 1 tile of rows · 2 panels.
void multiply1x4(const char* rows, const char* panel, int64_t panelSize, int64_t steps, char* sums) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const char* other = panel + panelSize;
  for (int64_t s = 0; s < steps; s++) {
    _tile_loadd(4, rows, 64);
    _tile_loadd(5, panel, kPanelRowBytes);
    _tile_loadd(6, panel + kTileWidth, kPanelRowBytes);
    _tile_loadd(7, other, kPanelRowBytes);
    _tile_dpbf16ps(0, 4, 5);
    _tile_loadd(5, other + kTileWidth, kPanelRowBytes);
    _tile_dpbf16ps(1, 4, 6);
    _tile_dpbf16ps(2, 4, 7);
    _tile_dpbf16ps(3, 4, 5);
    rows += kTileBytes;
    panel += kPanelStepBytes;
    other += kPanelStepBytes;
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + kTileBytes, 64);
  _tile_stored(2, sums + 2 * kTileBytes, 64);
  _tile_stored(3, sums + 3 * kTileBytes, 64);
}

// sums (1 × 2 tiles) = 1 tile of rows · 1 panel.
void multiply1x2(const char* rows, const char* panel, int64_t steps, char* sums) {
  _tile_zero(0);
  _tile_zero(1);
  for (int64_t s = 0; s < steps; s++) {
    _tile_loadd(4, rows, 64);
    _tile_loadd(5, panel, kPanelRowBytes);
    _tile_loadd(6, panel + kTileWidth, kPanelRowBytes);
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 6);
    rows += kTileBytes;
    panel += kPanelStepBytes;
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + kTileBytes, 64);
}

// Writes up to 16 rows of the two tiles at `sums` to the output, whose pointers are those of their first element.
void finish(const char* sums, int64_t rows, int64_t columns, const Output& output) {
  for (int64_t n = 0; n < columns && n < kColumns; n += kTile) {
    const float* tile = reinterpret_cast<const float*>(sums + n / kTile * kTileBytes);
    const int count = partOf(columns - n);
    const Vec bias = output.bias ? load(output.bias + n, count) : zero();
    for (int64_t r = 0; r < rows && r < kTile; r++) {
      Vec value = load(tile + r * W);
      const int64_t at = r * output.stride + n;
      if (output.bias) value = value + bias;
      if (output.residual) value = value + load(output.residual + at, count);
      store(output.c + at, value, count);
    }
  }
}

// `sums` holds 2 KB for each tile of rows, and 4 KB for the last; panels lie `panelSize` bytes apart.
void multiplyTiles(const char* left, char* sums, int64_t rows, const char* panels, int64_t panelSize, int64_t depth,
                   int64_t columns, const Output& output) {
  const TileConfig tiles;
  const int64_t steps = stepsOf(depth), rowTileBytes = steps * kTileBytes;
  const int64_t rowTiles = ceilDivide(rows, kTile), pairs = rowTiles / 2;
  const char* oddRows = left + pairs * 2 * rowTileBytes;
  char* oddSums = sums + pairs * 4 * kTileBytes;
  for (int64_t column = 0; column < columns; column += kColumns) {
    const char* panel = panels + column / kColumns * panelSize;
    const int64_t width = columns - column;
    if (pairs > 0) {
      // The next panel comes near while this one is in use, an equal part of it at each step.
      const char* ahead = panel + panelSize;
      const int aheadBytes = static_cast<int>(ceilDivide(kPanelStepBytes / 64, pairs) * 64);
      // Once without any steps: a product of no depth is zero.
      for (int64_t from = 0; from == 0 || from < steps; from += kDepthSteps) {
        const int64_t count = steps - from < kDepthSteps ? steps - from : kDepthSteps;
        for (int64_t p = 0; p < pairs; p++) {
          multiply2x2(left + 2 * p * rowTileBytes + from * kTileBytes, rowTileBytes, panel + from * kPanelStepBytes,
                      count, sums + p * 4 * kTileBytes, from == 0, ahead, aheadBytes);
          ahead += count * aheadBytes;
        }
      }
      for (int64_t r = 0; r < 2 * pairs; r++) {
        finish(sums + r * 2 * kTileBytes, rows - r * kTile, width, shifted(output, r * kTile, column));
      }
    }
    if (rowTiles % 2 == 0) continue;
    const Output last = shifted(output, pairs * 2 * kTile, column);
    const int64_t lastRows = rows - pairs * 2 * kTile;
    if (pairs == 0 && width > kColumns) {
      multiply1x4(oddRows, panel, panelSize, steps, oddSums);
      finish(oddSums, lastRows, width, last);
      finish(oddSums + 2 * kTileBytes, lastRows, width - kColumns, shifted(last, 0, kColumns));
      column += kColumns;
    } else {
      multiply1x2(oddRows, panel, steps, oddSums);
      finish(oddSums, lastRows, width, last);
    }
  }
}

void multiply(const void* a, int64_t, int64_t rows, const void* panels, int64_t depth, int64_t columns,
              const Output& output, void* sums) {
  multiplyTiles(static_cast<const char*>(a), static_cast<char*>(sums), rows, static_cast<const char*>(panels),
                static_cast<int64_t>(panelBytes(depth)), depth, columns, output);
}

void multiplyBf16(const void* a, int64_t, int64_t rows, const uint32_t* panels, int64_t panelStride, int64_t depth,
                  int64_t columns, const Output& output, void* sums) {
  static_assert(kColumns == kBf16Panel && kStep == kBf16Panel, "a weight is padded to whole tiles");
  multiplyTiles(static_cast<const char*>(a), static_cast<char*>(sums), rows, reinterpret_cast<const char*>(panels),
                panelStride * static_cast<int64_t>(sizeof(uint32_t)), depth, columns, output);
}

constexpr int kGradientDepth = 512;

size_t gradientTileBytes(int64_t depth) { return static_cast<size_t>(stepsOf(depth)) * kTileBytes; }

// The left operand comes by depth: its pairs are transposed into tiles.
void packLeft(const float* from, int64_t stride, int64_t rows, int64_t columns, char* to, size_t bytes) {
  for (int64_t k = 0; k < rows; k += kStep, to += kTileBytes) {
    for (int64_t r = 0; r < columns; r += kTile) {
      Vec square[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; i++) square[i] = pairAt(from, stride, rows, columns, k + 2 * i, r);
      transpose(square);
      float* tile = reinterpret_cast<float*>(to + r / kTile * bytes);
      for (int i = 0; i < W; i++) store(tile + i * W, square[i]);
    }
  }
}

void packRight(const float* from, int64_t stride, int64_t rows, int64_t columns, char* to, size_t bytes) {
  for (int64_t n = 0; n < columns; n += kColumns, to += bytes) packPanel(from + n, stride, false, rows, columns - n, to);
}

void gradient(const void* a, int64_t, const void* b, int64_t, int64_t depth, int64_t m, int64_t n, float* c,
              int64_t cStride, void* sums) {
  // Tile loads do not tell the compiler what they read.
  asm volatile("" : : : "memory");
  multiplyTiles(static_cast<const char*>(a), static_cast<char*>(sums), m, static_cast<const char*>(b),
                static_cast<int64_t>(panelBytes(depth)), depth, n, {c, cStride, nullptr, c});
}

constexpr Engine engine() {
  Engine engine{};
  engine.layout = 3;
  engine.rowsAtOnce = kRowsAtOnce;
  engine.panel = kColumns;
  engine.panelBytes = panelBytes;
  engine.packPanel = packPanel;
  engine.packBf16Panel = packBf16Panel;
  engine.rowsBytes = rowsBytes;
  engine.packRows = packRows;
  engine.copiedStride = copiedStride;
  engine.sumsBytes = sumsBytes;
  engine.multiply = multiply;
  // Every processor with AMX has AVX512_BF16; not every one that emulates it.
#if defined(__AVX512BF16__)
  engine.packBlocks = packBlockTiles;
#endif
  engine.multiplyBf16 = multiplyBf16;
  engine.bf16Rows = INT64_MAX;
  engine.gradientDepth = kGradientDepth;
  engine.gradientRows = 8 * kTile;
  engine.gradientColumns = 4 * kColumns;
  engine.gradientTile = kTile;
  engine.gradientTileBytes = gradientTileBytes;
  engine.packLeft = packLeft;
  engine.packRight = packRight;
  engine.gradient = gradient;
  return engine;
}

constexpr Engine kEngine = engine();

}  // namespace
}  // namespace RECKON_ISA

const Engine& amxEngine() { return RECKON_ISA::kEngine; }

}  // namespace reckon

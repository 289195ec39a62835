// Matrix products with VDPBF16PS (AVX512_BF16): each lane adds the products of a pair of bf16 to an f32. The operands are
// packed in pairs of neighbouring depths, lower depth in the lower half of a 32-bit word; an odd depth ends with a zero.
//
// Zen 4 does twice the work of f32 this way. Intel's cores do half (one instruction in two cycles): there it is AMX or f32.
#include "bf16.h"
#include "block-pairs.h"
#include "blocks.h"
#include "pairs.h"

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined source operand inside its own AVX-512 intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace reckon {
namespace RECKON_ISA {
namespace {

struct MultiplyPairs {
  static RECKON_INLINE Vec add(Vec a, Vec b, Vec sum) {
    return {_mm512_dpbf16_ps(sum.v, (__m512bh)a.v, (__m512bh)b.v)};
  }
};

// Bytes of one packed panel.
size_t panelBytes(int64_t depth) { return sizeof(float) * pairsOf(depth) * kPanel; }

// Packs `rows` rows of `columns` columns in pairs of rows: word (i, n) at to[i · toStride + n].
void packAcross(const float* from, int64_t stride, int64_t rows, int64_t columns, int64_t padded, float* to,
                int64_t toStride) {
  for (int64_t r = 0; r < rows; r += 2) {
    for (int64_t n = 0; n < padded; n += W) {
      store(to + r / 2 * toStride + n, pairAt(from, stride, rows, columns, r, n));
    }
  }
}

void packPanel(const float* w, int64_t stride, bool byColumn, int64_t depth, int64_t columns, void* panel) {
  float* to = static_cast<float*>(panel);
  if (!byColumn) {
    packAcross(w, stride, depth, columns, kPanel, to, kPanel);
    return;
  }
  for (int v = 0; v < kTileVectors; v++) {
    for (int64_t k = 0; k < pairsOf(depth); k += W) {
      const int count = partOf(pairsOf(depth) - k);
      Vec square[W];
#pragma GCC unroll 16
      for (int n = 0; n < W; n++) {
        const int64_t column = v * W + n;
        square[n] = column < columns ? pairAlong(w + column * stride + 2 * k, depth - 2 * k) : zero();
      }
      transpose(square);
      for (int i = 0; i < count; i++) store(to + (k + i) * kPanel + v * W, square[i]);
    }
  }
}

void packBf16Panel(const uint32_t* matrix, int64_t inner, bool byColumn, int64_t column, int64_t, int64_t from, int64_t depth,
                   void* panel) {
  if (byColumn) {
    std::memcpy(panel, matrix + bf16Word(inner, column, from), panelBytes(depth));
    return;
  }
  // Both axes are padded with zeros to whole panels.
  float* to = static_cast<float*>(panel);
  for (int64_t k = 0; k < depth; k += kBf16Panel, to += W * kPanel) {
    const int count = partOf(pairsOf(depth - k));
    for (int v = 0; v < kTileVectors; v++) {
      Vec square[W];
      pairsAcrossBf16(matrix + bf16Word(inner, from + k, column + v * W), square);
      for (int i = 0; i < count; i++) store(to + i * kPanel + v * W, square[i]);
    }
  }
}

size_t rowsBytes(int64_t rows, int64_t depth, int64_t) { return sizeof(float) * rows * copyStride(pairsOf(depth)); }

void packRows(const float* x, int64_t stride, int64_t rows, int64_t depth, void* copy) {
  float* to = static_cast<float*>(copy);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t k = 0; k < pairsOf(depth); k += W) {
      store(to + r * copyStride(pairsOf(depth)) + k, pairAlong(x + r * stride + 2 * k, depth - 2 * k));
    }
  }
}

int64_t copiedStride(int64_t depth) { return copyStride(pairsOf(depth)); }

size_t sumsBytes(int64_t) { return 0; }

void multiply(const void* a, int64_t stride, int64_t rows, const void* panels, int64_t depth, int64_t columns,
              const Output& output, void*) {
  multiplyBlock<MultiplyPairs>(static_cast<const float*>(a), copiedStride(depth), stride == 0, rows,
                               static_cast<const float*>(panels), pairsOf(depth) * kPanel, pairsOf(depth), columns, output);
}

// The format is the packed layout itself.
void multiplyBf16(const void* a, int64_t stride, int64_t rows, const uint32_t* panels, int64_t panelStride, int64_t depth,
                  int64_t columns, const Output& output, void*) {
  static_assert(kPanel == kBf16Panel, "a panel's columns are a tile's");
  multiplyBlock<MultiplyPairs>(static_cast<const float*>(a), copiedStride(depth), stride == 0, rows,
                               reinterpret_cast<const float*>(panels), panelStride, pairsOf(depth), columns, output);
}

constexpr int kGradientDepth = 256;

size_t gradientTileBytes(int64_t depth) { return sizeof(float) * pairsOf(depth) * kLeftStride; }

// Rows that are fetched ahead of their packing: they come from memory, a page or less apart.
constexpr int kPackAhead = 16;

template <int TILE, int STRIDE>
void packSide(const float* from, int64_t stride, int64_t rows, int64_t columns, char* to, size_t bytes) {
  packSteps<TILE, STRIDE>(pairsOf(rows), columns, to, bytes, [&](int64_t k, int64_t column, int count) {
    const float* first = from + 2 * k * stride + column;
    __builtin_prefetch(first + kPackAhead * stride);
    __builtin_prefetch(first + (kPackAhead + 1) * stride);
    return pairAcross(load(first, count), 2 * k + 1 < rows ? load(first + stride, count) : zero());
  });
}

void gradient(const void* a, int64_t, const void* b, int64_t, int64_t depth, int64_t m, int64_t n, float* c,
              int64_t cStride, void*) {
  packedGradientBlock<MultiplyPairs>(static_cast<const float*>(a), static_cast<const float*>(b), pairsOf(depth), m, n, c,
                                     cStride);
}

constexpr Engine engine() {
  Engine engine{};
  engine.layout = 2;
  engine.rowsAtOnce = 16 * kTileRows;
  engine.panel = kPanel;
  engine.panelBytes = panelBytes;
  engine.packPanel = packPanel;
  engine.packBf16Panel = packBf16Panel;
  engine.rowsBytes = rowsBytes;
  engine.packRows = packRows;
  engine.copiedStride = copiedStride;
  engine.sumsBytes = sumsBytes;
  engine.multiply = multiply;
  engine.packBlocks = packBlockPairs;
  engine.multiplyBf16 = multiplyBf16;
  engine.bf16Rows = INT64_MAX;
  engine.gradientDepth = kGradientDepth;
  engine.gradientRows = 8 * kTileRows;
  engine.gradientColumns = 4 * kPanel;
  engine.gradientTile = kTileRows;
  engine.gradientTileBytes = gradientTileBytes;
  engine.packLeft = packSide<kTileRows, kLeftStride>;
  engine.packRight = packSide<kPanel, kPanel>;
  engine.gradient = gradient;
  return engine;
}

constexpr Engine kEngine = engine();

}  // namespace
}  // namespace RECKON_ISA

const Engine& avx512bf16Engine() { return RECKON_ISA::kEngine; }

}  // namespace reckon

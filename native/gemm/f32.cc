// Matrix products in f32. Weights are packed into panels [depth][kPanel]; rows are read where they lie, or copied where
// their stride would make them fight for the same cache sets. ROUND rounds both operands to bf16 while they are copied.
#include "f32.h"

#include "blocks.h"
#if defined(RECKON_ISA_AVX512)
#include "halves.h"
#endif

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined source operand inside its own AVX-512 intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace reckon {
namespace RECKON_ISA {
namespace {

struct MultiplyF32 {
  static RECKON_INLINE Vec add(Vec a, Vec b, Vec sum) { return fma(a, b, sum); }
};

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

// Widening is all there is to do: bf16 numbers are not changed by rounding.
void packBf16Panel(const uint32_t* matrix, int64_t inner, bool byColumn, int64_t column, int64_t columns, int64_t from,
                   int64_t depth, void* panel) {
  float* to = static_cast<float*>(panel);
  if (byColumn) {
    // Columns beyond the last are zeros of the weight's last panel, or the panel after it, which must not be read.
    for (int v = 0; v < kTileVectors; v++) {
      const uint32_t* words = matrix + bf16Word(inner, column + v * W, from);
      for (int64_t k = 0; k < depth; k += 2, words += kBf16Panel) {
        const Vec both = v * W < columns ? loadWords(words) : zero();
        store(to + k * kPanel + v * W, fromLowerHalves(both));
        if (k + 1 < depth) store(to + (k + 1) * kPanel + v * W, fromUpperHalves(both));
      }
    }
    return;
  }
  for (int64_t k = 0; k < depth; k += W) {
    const int count = static_cast<int>(depth - k < W ? depth - k : W);
    for (int v = 0; v < kTileVectors; v++) {
      const uint32_t* words = matrix + bf16Word(inner, from + k, column + v * W);
      Vec square[W];
#pragma GCC unroll 8
      for (int n = 0; n < W; n += 2) {
        const Vec both = v * W + n < columns ? loadWords(words + n / 2 * kBf16Panel) : zero();
        square[n] = fromLowerHalves(both);
        square[n + 1] = fromUpperHalves(both);
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

template <bool ROUND>
size_t rowsBytes(int64_t rows, int64_t depth, int64_t columns) {
  // Rows about a page apart share a few cache sets; long rows are worth having near when they are read many times.
  const bool crowded = depth >= 512 && (depth + 64) % 1024 < 128;
  const bool reread = depth >= 512 && columns >= 512;
  return ROUND || crowded || reread ? sizeof(float) * rows * copyStride(depth) : 0;
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

size_t sumsBytes(int64_t) { return 0; }

void multiply(const void* a, int64_t stride, int64_t rows, const void* panels, int64_t depth, int64_t columns,
              const Output& output, void*) {
  const float* left = static_cast<const float*>(a);
  const float* packed = static_cast<const float*>(panels);
  const bool copied = stride == 0;
  if (copied) stride = copyStride(depth);
  multiplyBlock<MultiplyF32>(left, stride, copied, rows, packed, depth * kPanel, depth, columns, output);
}

#if defined(RECKON_ISA_AVX512)
void multiplyBf16(const void* a, int64_t stride, int64_t rows, const uint32_t* panels, int64_t panelStride, int64_t depth,
                  int64_t columns, const Output& output, void*) {
  multiplyHalves(static_cast<const float*>(a), stride ? stride : copyStride(depth), rows, panels, panelStride, depth, columns,
                 output);
}
#endif

constexpr int kGradientDepth = 256;

size_t gradientTileBytes(int64_t depth) { return sizeof(float) * depth * kLeftStride; }

template <int TILE, int STRIDE>
void packSide(const float* from, int64_t stride, int64_t rows, int64_t columns, char* to, size_t bytes) {
  packSteps<TILE, STRIDE>(rows, columns, to, bytes, [&](int64_t k, int64_t column, int count) {
    return roundToBf16(load(from + k * stride + column, count));
  });
}

template <bool ROUND>
void gradient(const void* left, int64_t aStride, const void* right, int64_t bStride, int64_t depth, int64_t m, int64_t n,
              float* c, int64_t cStride, void*) {
  const float* a = static_cast<const float*>(left);
  const float* b = static_cast<const float*>(right);
  if (ROUND) packedGradientBlock<MultiplyF32>(a, b, depth, m, n, c, cStride);
  else gradientBlock<MultiplyF32>(a, aStride, b, bStride, depth, m, n, c, cStride);
}

template <bool ROUND>
constexpr Engine engine() {
  Engine engine{};
  engine.layout = ROUND ? 1 : 0;
  engine.rowsAtOnce = 8 * kTileRows;
  engine.panel = kPanel;
  engine.panelBytes = panelBytes;
  engine.packPanel = packPanel<ROUND>;
  engine.packBf16Panel = packBf16Panel;
  engine.rowsBytes = rowsBytes<ROUND>;
  engine.packRows = packRows<ROUND>;
  engine.copiedStride = copyStride;
  engine.sumsBytes = sumsBytes;
  engine.multiply = multiply;
#if defined(RECKON_ISA_AVX512)
  engine.multiplyBf16 = multiplyBf16;
  engine.bf16Rows = 3 * kTileRows;
#endif
  engine.gradientDepth = kGradientDepth;
  engine.gradientRows = 8 * kTileRows;
  engine.gradientColumns = (ROUND ? 4 : 2) * kPanel;
  engine.gradientTile = kTileRows;
  if (ROUND) {
    engine.gradientTileBytes = gradientTileBytes;
    engine.packLeft = packSide<kTileRows, kLeftStride>;
    engine.packRight = packSide<kPanel, kPanel>;
  }
  engine.gradient = gradient<ROUND>;
  return engine;
}

constexpr Engine kF32 = engine<false>();
constexpr Engine kRounded = engine<true>();

}  // namespace

const Engine& f32Engine() { return kF32; }
const Engine& roundedEngine() { return kRounded; }

}  // namespace RECKON_ISA
}  // namespace reckon

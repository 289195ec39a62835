// What the drivers (linear.cc, weight-gradient.cc) ask of a way to multiply matrices: operand layout and inner loops for
// one operand type on one kind of processor. The drivers share the work out; an engine works on one thread.
//
// The law: an output element is one chain of operations over the depth, in an order that the depth alone decides.
// Whatever an engine does at edges (masked vectors, zero padding, fewer rows in a tile) leaves that chain as it is.
#pragma once
#include "../runtime.h"

namespace reckon {

// Where a product goes: c[r, n] = product[r, n] (+ bias[n]) (+ residual[r, n]), added in this order.
// residual may be c itself; it has c's row stride.
struct Output {
  float* c;
  int64_t stride;
  const float* bias;
  const float* residual;
};

// The same from row and column on.
RECKON_INLINE Output shifted(const Output& output, int64_t row, int64_t column) {
  const int64_t at = row * output.stride + column;
  return {output.c + at, output.stride, output.bias ? output.bias + column : nullptr,
          output.residual ? output.residual + at : nullptr};
}

RECKON_INLINE int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A weight [outer, inner] in the bf16 format: 32-bit words of two neighbouring elements of a row, the upper halves of f32
// numbers, the first in the lower half. A panel of kBf16Panel rows has bf16PanelWords(inner) of them: for each pair of columns
// a word of each row. Rows and columns are padded with zeros to multiples of kBf16Panel.
constexpr int64_t kBf16Panel = 32;
RECKON_INLINE int64_t bf16PanelWords(int64_t inner) { return ceilDivide(inner, kBf16Panel) * kBf16Panel / 2 * kBf16Panel; }
// The word of elements (o, i) and (o, i + 1), i even.
RECKON_INLINE int64_t bf16Word(int64_t inner, int64_t o, int64_t i) {
  return o / kBf16Panel * bf16PanelWords(inner) + i / 2 * kBf16Panel + o % kBf16Panel;
}

// Rows of a block of a weight gradient that are packed at once: steps of every layout end there.
constexpr int64_t kGradientPiece = 32;

struct Engine {
  // Tells the layouts of packed weights apart in the pack cache.
  int layout;
  // Rows that one call of `multiply` should at most be given: with their depth they fit the second-level cache.
  int rowsAtOnce;
  // Columns of a packed panel.
  int panel;

  // Bytes of one packed panel of `depth`.
  size_t (*panelBytes)(int64_t depth);
  // Packs `columns` (≤ panel) columns of an operand B [depth, columns] into a panel, zero-padded. Element (k, n) lies at
  // w[k + n·stride] when `byColumn`, else at w[k·stride + n].
  void (*packPanel)(const float* w, int64_t stride, bool byColumn, int64_t depth, int64_t columns, void* panel);

  // packPanel from a weight in the bf16 format, `matrix` [outer, inner]: the panel of columns column … column + columns − 1
  // over the depths from … from + depth − 1, where the depth is the inner axis when byColumn, else the outer one. `from` is a
  // multiple of kBf16Panel.
  void (*packBf16Panel)(const uint32_t* matrix, int64_t inner, bool byColumn, int64_t column, int64_t columns, int64_t from,
                        int64_t depth, void* panel);

  // packPanel by column from a weight in another format (block-formats.h), without its values in f32; null: there is no such
  // way. `from` is a multiple of kBf16Panel.
  void (*packBlocks)(int64_t formatNumber, const uint8_t* matrix, int64_t outer, int64_t inner, int64_t column,
                     int64_t columns, int64_t from, int64_t depth, void* panel);

  // Bytes of the copy that `multiply` should be given of `rows` rows, to multiply them with `columns` columns in all; 0: it
  // reads x itself.
  size_t (*rowsBytes)(int64_t rows, int64_t depth, int64_t columns);
  void (*packRows)(const float* x, int64_t stride, int64_t rows, int64_t depth, void* copy);
  // Words from row to row of packRows' copy.
  int64_t (*copiedStride)(int64_t depth);

  // Bytes of scratch that `multiply` needs for `rows` rows.
  size_t (*sumsBytes)(int64_t rows);
  // c = A · B for `rows` rows and `columns` columns that begin at a panel's edge. `a` is packRows' copy, with
  // stride 0 when it was made just now, else copiedStride; or it is x with its stride, where rowsBytes is 0.
  void (*multiply)(const void* a, int64_t stride, int64_t rows, const void* panels, int64_t depth, int64_t columns,
                   const Output& output, void* sums);

  // `multiply` by column on a weight in the bf16 format, read where it lies: worth it for up to bf16Rows rows; null where that
  // never is. `panels` begins at the first column and depth; the next 32 columns follow panelStride words later.
  void (*multiplyBf16)(const void* a, int64_t stride, int64_t rows, const uint32_t* panels, int64_t panelStride,
                       int64_t depth, int64_t columns, const Output& output, void* sums);
  int64_t bf16Rows;

  // Rows of a block of a weight gradient: its sum over rows is one chain per block.
  int gradientDepth;
  // Outputs m × n that one call of `gradient` should at most be given: what they are made from fits the second-level cache.
  int gradientRows, gradientColumns;
  // The left operand of a gradient is packed in tiles of so many columns, the right one in panels; a region of outputs begins at
  // the edge of both.
  int gradientTile;
  // Bytes of a packed tile of the left operand over `depth` rows; null: `gradient` reads both operands where they lie. The right
  // operand's panels are those of panelBytes. Both grow in proportion to depths that are multiples of kGradientPiece.
  size_t (*gradientTileBytes)(int64_t depth);
  // Pack `rows` rows of `columns` columns for the left and the right side; the i-th tile or panel begins at to + i · bytes.
  void (*packLeft)(const float* from, int64_t stride, int64_t rows, int64_t columns, char* to, size_t bytes);
  void (*packRight)(const float* from, int64_t stride, int64_t rows, int64_t columns, char* to, size_t bytes);
  // c[m, n] += Σ_k a[k, m] · b[k, n] over one block of `depth` ≤ gradientDepth rows: of packed tiles and panels, or of
  // a[k·aStride + m] and b[k·bStride + n]. `sums` has sumsBytes(m) bytes.
  void (*gradient)(const void* a, int64_t aStride, const void* b, int64_t bStride, int64_t depth, int64_t m, int64_t n,
                   float* c, int64_t cStride, void* sums);
};

}  // namespace reckon

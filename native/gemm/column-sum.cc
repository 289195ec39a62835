// Sums over rows: the gradients of biases. Each column is one chain per block of rows, blocks counted from the group's
// first row; blocks are added in order.
#include "../kernels.h"
#include "lanes.h"

namespace reckon {
namespace RECKON_ISA {
namespace {

constexpr int64_t kBlockRows = 256;

// out[n] += Σ_r x[r, n] for `columns` (≤ VECTORS · W, more than one vector less) columns.
template <int VECTORS>
void addColumns(const float* x, int64_t stride, int64_t rows, int64_t columns, float* out) {
  const int lastLanes = static_cast<int>(columns - (VECTORS - 1) * W);
  Vec totals[VECTORS];
#pragma GCC unroll 8
  for (int v = 0; v < VECTORS; v++) totals[v] = load(out + v * W, v == VECTORS - 1 ? lastLanes : W);
  for (int64_t block = 0; block < rows; block += kBlockRows) {
    const int64_t end = block + kBlockRows < rows ? block + kBlockRows : rows;
    Vec sums[VECTORS];
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) sums[v] = zero();
    for (int64_t r = block; r < end; r++) {
#pragma GCC unroll 8
      for (int v = 0; v < VECTORS; v++) {
        sums[v] = sums[v] + load(x + r * stride + v * W, v == VECTORS - 1 ? lastLanes : W);
      }
    }
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) totals[v] = totals[v] + sums[v];
  }
#pragma GCC unroll 8
  for (int v = 0; v < VECTORS; v++) store(out + v * W, totals[v], v == VECTORS - 1 ? lastLanes : W);
}

void sum(const float* x, const int32_t* offsets, float* out, int64_t rows, int64_t width, int64_t groups,
         Thread& thread) {
  constexpr int64_t kWidth = 4 * W;
  const int64_t runs = (width + kWidth - 1) / kWidth;
  thread.share(groups * runs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t group = task / runs, column = task % runs * kWidth;
      const int64_t first = offsets ? offsets[group] : 0;
      const int64_t count = offsets ? offsets[group + 1] - first : rows;
      const int64_t columns = width - column < kWidth ? width - column : kWidth;
      const float* from = x + first * width + column;
      float* to = out + group * width + column;
      switch ((columns + W - 1) / W) {
        case 1: addColumns<1>(from, width, count, columns, to); break;
        case 2: addColumns<2>(from, width, count, columns, to); break;
        case 3: addColumns<3>(from, width, count, columns, to); break;
        default: addColumns<4>(from, width, count, columns, to);
      }
    }
  }, false);
}

}  // namespace

// x out | rows width
void columnSum(const Arguments& arguments, Thread& thread) {
  sum(arguments.buffer(0), nullptr, arguments.buffer(1), arguments.integer(2), arguments.integer(3), 1, thread);
}

// x offsets out | rows width experts
void groupedColumnSum(const Arguments& arguments, Thread& thread) {
  sum(arguments.buffer(0), arguments.buffer<int32_t>(1), arguments.buffer(2), arguments.integer(3),
      arguments.integer(4), arguments.integer(5), thread);
}

}  // namespace RECKON_ISA
}  // namespace reckon

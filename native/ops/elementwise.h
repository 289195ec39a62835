// Loops over elements that do not depend on each other, shared out in runs long enough to be worth a thread. None ends
// with a barrier: what follows one in the same kernel and needs its results waits by itself.
#pragma once
#include "../kernels.h"
#include "../simd.h"

namespace reckon {
namespace RECKON_ISA {

// Elements of a run: 32 KiB of each operand, a few microseconds. A shorter loop is one thread's.
constexpr int64_t elementRun = 8192;

// body(i, lanes) over [0, count), see forVectors.
template <typename F>
inline void shareVectors(Thread& thread, int64_t count, F&& body) {
  thread.shareNear(count, elementRun, [&](int64_t begin, int64_t end) {
    forVectors(end - begin, [&](int64_t i, int lanes) { body(begin + i, lanes); });
  });
}

// Rows of a run that make it as long as `elementRun` elements would.
inline int64_t rowRun(int64_t width) { return width >= elementRun ? 1 : elementRun / (width > 0 ? width : 1); }

// body(row) over [0, rows) of `width` elements each.
template <typename F>
inline void shareRows(Thread& thread, int64_t rows, int64_t width, F&& body) {
  thread.shareNear(rows, rowRun(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) body(row);
  });
}

// body(begin, end) over the columns of a matrix that is walked row by row: a column's sum keeps the order of the rows.
template <typename F>
inline void shareColumns(Thread& thread, int64_t rows, int64_t width, F&& body) {
  thread.share(width, rows * width <= elementRun ? width : 64, body, false);
}

inline void copyRow(float* out, const float* x, int64_t width) {
  forVectors(width, [&](int64_t i, int lanes) { store(out + i, load(x + i, lanes), lanes); });
}

}  // namespace RECKON_ISA
}  // namespace reckon

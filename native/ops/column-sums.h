// Gradients of a vector that all rows share: sums over rows, the same for any number of threads.
#pragma once
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// Rows summed into one partial row. Part of the result's definition: blocks add up in order.
constexpr int64_t columnBlock = 64;

// body(row, partial) over all rows, where it adds what it has for sums[s] to partial[s], `width` wide; the partial rows
// of blocks of `columnBlock` rows are then added to sums[s] in order. A null sum is left out (its partial is scratch).
template <int S, typename F>
inline void shareRowsWithColumnSums(Thread& thread, int64_t rows, int64_t width, float* const* sums, F&& body) {
  const int64_t blocks = (rows + columnBlock - 1) / columnBlock;
  float* partials = static_cast<float*>(thread.sharedScratch(0, sizeof(float) * blocks * S * width));
  thread.share(blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) {
      float* partial[S];
      for (int s = 0; s < S; s++) partial[s] = partials + (block * S + s) * width;
      for (int64_t i = 0; i < S * width; i++) partial[0][i] = 0;
      const int64_t last = (block + 1) * columnBlock < rows ? (block + 1) * columnBlock : rows;
      for (int64_t row = block * columnBlock; row < last; row++) body(row, partial);
    }
  });
  shareColumns(thread, blocks, width, [&](int64_t begin, int64_t end) {
    for (int s = 0; s < S; s++) {
      if (!sums[s]) continue;
      for (int64_t block = 0; block < blocks; block++) {
        const float* partial = partials + (block * S + s) * width + begin;
        forVectors(end - begin, [&](int64_t i, int lanes) {
          store(sums[s] + begin + i, load(sums[s] + begin + i, lanes) + load(partial + i, lanes), lanes);
        });
      }
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

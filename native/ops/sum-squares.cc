// Σ x² in f64: blocks of 8,192 elements into eight running sums each, then the blocks in order.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void sumSquares(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* out = a.buffer(1);
  const int64_t count = a.integer(2), blocks = (count + elementRun - 1) / elementRun;
  double* partial = static_cast<double*>(thread.sharedScratch(0, sizeof(double) * (blocks + 1)));
  thread.share(blocks, 1, [&](int64_t block, int64_t) {
    const int64_t begin = block * elementRun, end = begin + elementRun < count ? begin + elementRun : count;
    double sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    int64_t i = begin;
    for (; i + 8 <= end; i += 8) {
      for (int lane = 0; lane < 8; lane++) {
        double value = x[i + lane];
        sums[lane] += value * value;
      }
    }
    for (; i < end; i++) sums[i & 7] += static_cast<double>(x[i]) * x[i];
    partial[block] = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  });
  thread.once([&] {
    double total = 0;
    for (int64_t block = 0; block < blocks; block++) total += partial[block];
    out[0] = static_cast<float>(total);
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

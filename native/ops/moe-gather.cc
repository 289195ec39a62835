// Rows laid out by expert, as moeRoute sorted them.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void moeGather(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  const int32_t* order = a.buffer<int32_t>(1);
  float* out = a.buffer(2);
  const int64_t rows = a.integer(3), width = a.integer(4), active = a.integer(5);
  shareRows(thread, rows * active, width, [&](int64_t r) {
    copyRow(out + r * width, x + order[r] / active * width, width);
  });
}

void moeGatherBackward(const Arguments& a, Thread& thread) {
  const float* dOut = a.buffer(0);
  const int32_t* inverse = a.buffer<int32_t>(1);
  float* dX = a.buffer(2);
  const int64_t rows = a.integer(3), width = a.integer(4), active = a.integer(5);
  shareRows(thread, rows, width * active, [&](int64_t t) {
    const int32_t* sorted = inverse + t * active;
    float* to = dX + t * width;
    forVectors(width, [&](int64_t i, int lanes) {
      Vec sum = load(to + i, lanes);
      for (int64_t j = 0; j < active; j++) sum = sum + load(dOut + sorted[j] * width + i, lanes);
      store(to + i, sum, lanes);
    });
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

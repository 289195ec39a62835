// Rotary positions, half-split layout: the first half of a head is rotated against its second half.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void rotary(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  const float* cosines = a.buffer(1);
  const float* sines = a.buffer(2);
  const int32_t* positions = a.buffer<int32_t>(3);
  float* y = a.buffer(4);
  const int64_t rows = a.integer(5), heads = a.integer(6), headDim = a.integer(7), half = headDim / 2;
  const Vec direction = set1(static_cast<float>(a.number(8)));
  shareRows(thread, rows, heads * headDim, [&](int64_t t) {
    const float* c = cosines + positions[t] * half;
    const float* s = sines + positions[t] * half;
    for (int64_t h = 0; h < heads; h++) {
      const float* low = x + (t * heads + h) * headDim;
      float* out = y + (t * heads + h) * headDim;
      forVectors(half, [&](int64_t i, int lanes) {
        Vec cosine = load(c + i, lanes), sine = load(s + i, lanes) * direction;
        Vec first = load(low + i, lanes), second = load(low + half + i, lanes);
        store(out + i, fnma(second, sine, first * cosine), lanes);
        store(out + half + i, fma(first, sine, second * cosine), lanes);
      });
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

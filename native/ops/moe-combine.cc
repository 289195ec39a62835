// The experts' rows, weighted and added up per token.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void moeCombine(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  const float* weights = a.buffer(1);
  const int32_t* inverse = a.buffer<int32_t>(2);
  const float* residual = a.buffer(3);
  float* y = a.buffer(4);
  const int64_t rows = a.integer(5), width = a.integer(6), active = a.integer(7);
  shareRows(thread, rows, width * active, [&](int64_t t) {
    const int32_t* sorted = inverse + t * active;
    const float* w = weights + t * active;
    forVectors(width, [&](int64_t i, int lanes) {
      Vec sum = residual ? load(residual + t * width + i, lanes) : zero();
      for (int64_t j = 0; j < active; j++) sum = fma(set1(w[j]), load(x + sorted[j] * width + i, lanes), sum);
      store(y + t * width + i, sum, lanes);
    });
  });
}

// Walks tokens, not sorted rows: a token's dY is read once for all its experts.
void moeCombineBackward(const Arguments& a, Thread& thread) {
  const float* dY = a.buffer(0);
  const float* x = a.buffer(1);
  const float* weights = a.buffer(2);
  const int32_t* inverse = a.buffer<int32_t>(3);
  float* dX = a.buffer(4);
  float* dWeights = a.buffer(5);
  const int64_t rows = a.integer(6), width = a.integer(7), active = a.integer(8);
  shareRows(thread, rows, width * active, [&](int64_t t) {
    const float* up = dY + t * width;
    for (int64_t j = 0; j < active; j++) {
      const int64_t sorted = inverse[t * active + j];
      const float* from = x + sorted * width;
      float* to = dX + sorted * width;
      const Vec weight = set1(weights[t * active + j]);
      dWeights[t * active + j] = sumVectors(width, [&](int64_t i, int lanes) {
        Vec d = load(up + i, lanes), product = d * load(from + i, lanes);
        store(to + i, d * weight, lanes);
        return product;
      });
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

// Root-mean-square normalization. Backward, with x̂ = x · rstd and g = dY · gain:
//   dX += rstd · (g − x̂ · mean(g · x̂));  dGain += Σ_t dY · x̂.
#include "column-sums.h"

namespace reckon {
namespace RECKON_ISA {

void rmsNorm(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  const float* gain = a.buffer(1);
  float* y = a.buffer(2);
  float* rstd = a.buffer(3);
  const int64_t rows = a.integer(4), width = a.integer(5);
  const float eps = static_cast<float>(a.number(6)), inverseWidth = 1.0f / static_cast<float>(width);
  shareRows(thread, rows, width, [&](int64_t t) {
    const float* from = x + t * width;
    float* to = y + t * width;
    const float squares = sumVectors(width, [&](int64_t i, int lanes) {
      Vec value = load(from + i, lanes);
      return value * value;
    });
    const float rowRstd = 1.0f / __builtin_sqrtf(squares * inverseWidth + eps);
    const Vec scale = set1(rowRstd);
    forVectors(width, [&](int64_t i, int lanes) {
      store(to + i, load(from + i, lanes) * scale * load(gain + i, lanes), lanes);
    });
    rstd[t] = rowRstd;
  });
}

void rmsNormBackward(const Arguments& a, Thread& thread) {
  const float* dY = a.buffer(0);
  const float* x = a.buffer(1);
  const float* gain = a.buffer(2);
  const float* rstd = a.buffer(3);
  float* dX = a.buffer(4);
  float* dGain = a.buffer(5);
  const int64_t rows = a.integer(6), width = a.integer(7);
  const float inverseWidth = 1.0f / static_cast<float>(width);
  float* const sums[1] = {dGain};
  shareRowsWithColumnSums<1>(thread, rows, width, sums, [&](int64_t t, float* const* partial) {
    const float* up = dY + t * width;
    const float* from = x + t * width;
    float* to = dX + t * width;
    const Vec scale = set1(rstd[t]);
    const Vec along = set1(inverseWidth * sumVectors(width, [&](int64_t i, int lanes) {
      return load(up + i, lanes) * load(gain + i, lanes) * (load(from + i, lanes) * scale);
    }));
    forVectors(width, [&](int64_t i, int lanes) {
      Vec n = load(from + i, lanes) * scale, d = load(up + i, lanes);
      Vec gradient = fnma(n, along, d * load(gain + i, lanes));
      store(to + i, fma(gradient, scale, load(to + i, lanes)), lanes);
      if (dGain) store(partial[0] + i, fma(d, n, load(partial[0] + i, lanes)), lanes);
    });
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

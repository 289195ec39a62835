// Layer normalization. A row's statistics are two passes over it (mean, then squares about the mean) in lane sums.
// Backward, with x̂ = (x − mean) · rstd and g = dY · gain:
//   dX += rstd · (g − mean(g) − x̂ · mean(g · x̂));  dGain += Σ_t dY · x̂;  dBias += Σ_t dY.
#include "column-sums.h"

namespace reckon {
namespace RECKON_ISA {

void layerNorm(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  const float* gain = a.buffer(1);
  const float* bias = a.buffer(2);
  float* y = a.buffer(3);
  float* mean = a.buffer(4);
  float* rstd = a.buffer(5);
  const int64_t rows = a.integer(6), width = a.integer(7);
  const float eps = static_cast<float>(a.number(8)), inverseWidth = 1.0f / static_cast<float>(width);
  shareRows(thread, rows, width, [&](int64_t t) {
    const float* from = x + t * width;
    float* to = y + t * width;
    const float rowMean = sumVectors(width, [&](int64_t i, int lanes) { return load(from + i, lanes); }) * inverseWidth;
    const Vec center = set1(rowMean);
    const float squares = sumVectors(width, [&](int64_t i, int lanes) {
      Vec difference = load(from + i, lanes) - center;
      return difference * difference;
    });
    const float rowRstd = 1.0f / __builtin_sqrtf(squares * inverseWidth + eps);
    const Vec scale = set1(rowRstd);
    if (bias) {
      forVectors(width, [&](int64_t i, int lanes) {
        Vec normal = (load(from + i, lanes) - center) * scale;
        store(to + i, fma(normal, load(gain + i, lanes), load(bias + i, lanes)), lanes);
      });
    } else {
      forVectors(width, [&](int64_t i, int lanes) {
        store(to + i, (load(from + i, lanes) - center) * scale * load(gain + i, lanes), lanes);
      });
    }
    mean[t] = rowMean;
    rstd[t] = rowRstd;
  });
}

void layerNormBackward(const Arguments& a, Thread& thread) {
  const float* dY = a.buffer(0);
  const float* x = a.buffer(1);
  const float* gain = a.buffer(2);
  const float* mean = a.buffer(3);
  const float* rstd = a.buffer(4);
  float* dX = a.buffer(5);
  float* dGain = a.buffer(6);
  float* dBias = a.buffer(7);
  const int64_t rows = a.integer(8), width = a.integer(9);
  const float inverseWidth = 1.0f / static_cast<float>(width);
  float* const sums[2] = {dGain, dBias};
  shareRowsWithColumnSums<2>(thread, rows, width, sums, [&](int64_t t, float* const* partial) {
    const float* up = dY + t * width;
    const float* from = x + t * width;
    float* to = dX + t * width;
    const Vec center = set1(mean[t]), scale = set1(rstd[t]);
    const auto normal = [&](int64_t i, int lanes) { return (load(from + i, lanes) - center) * scale; };
    const auto upstream = [&](int64_t i, int lanes) { return load(up + i, lanes) * load(gain + i, lanes); };
    const Vec along = set1(inverseWidth * sumVectors(width, [&](int64_t i, int lanes) {
      return upstream(i, lanes) * normal(i, lanes);
    }));
    const Vec level = set1(inverseWidth * sumVectors(width, upstream));
    forVectors(width, [&](int64_t i, int lanes) {
      Vec n = normal(i, lanes), d = load(up + i, lanes);
      Vec gradient = fnma(n, along, upstream(i, lanes) - level);
      store(to + i, fma(gradient, scale, load(to + i, lanes)), lanes);
      if (dGain) store(partial[0] + i, fma(d, n, load(partial[0] + i, lanes)), lanes);
      if (dBias) store(partial[1] + i, load(partial[1] + i, lanes) + d, lanes);
    });
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

// The exact GELU, x · Φ(x), and its gradient: Φ(x) + x · φ(x), φ(x) = e^(−x²/2) / √(2π).
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void gelu(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* y = a.buffer(1);
  shareVectors(thread, a.integer(2), [&](int64_t i, int lanes) {
    Vec bell, value = load(x + i, lanes);
    store(y + i, value * normalCdf(value, &bell), lanes);
  });
}

void geluBackward(const Arguments& a, Thread& thread) {
  const float* dY = a.buffer(0);
  const float* x = a.buffer(1);
  float* dX = a.buffer(2);
  const Vec norm = set1(0.398942280f);
  shareVectors(thread, a.integer(3), [&](int64_t i, int lanes) {
    Vec bell, value = load(x + i, lanes);
    Vec cdf = normalCdf(value, &bell);
    store(dX + i, load(dY + i, lanes) * fma(value * norm, bell, cdf), lanes);
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

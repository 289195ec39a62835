// silu(gate) · up with silu(g) = g · σ(g); silu'(g) = σ(g) · (1 + g · (1 − σ(g))).
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void swiglu(const Arguments& a, Thread& thread) {
  const float* gate = a.buffer(0);
  const float* up = a.buffer(1);
  float* y = a.buffer(2);
  shareVectors(thread, a.integer(3), [&](int64_t i, int lanes) {
    Vec g = load(gate + i, lanes);
    store(y + i, g * sigmoid(g) * load(up + i, lanes), lanes);
  });
}

void swigluBackward(const Arguments& a, Thread& thread) {
  const float* dY = a.buffer(0);
  const float* gate = a.buffer(1);
  const float* up = a.buffer(2);
  float* dGate = a.buffer(3);
  float* dUp = a.buffer(4);
  const Vec one = set1(1);
  shareVectors(thread, a.integer(5), [&](int64_t i, int lanes) {
    Vec g = load(gate + i, lanes), d = load(dY + i, lanes), s = sigmoid(g);
    Vec slope = s * fma(g, one - s, one);
    store(dGate + i, d * load(up + i, lanes) * slope, lanes);
    store(dUp + i, d * g * s, lanes);
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

// fill, copy, addScaled, scale: one pass over memory each.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void fill(const Arguments& a, Thread& thread) {
  float* out = a.buffer(0);
  const Vec value = set1(static_cast<float>(a.number(2)));
  shareVectors(thread, a.integer(1), [&](int64_t i, int lanes) { store(out + i, value, lanes); });
}

void copy(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* out = a.buffer(1);
  shareVectors(thread, a.integer(2), [&](int64_t i, int lanes) { store(out + i, load(x + i, lanes), lanes); });
}

void addScaled(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* out = a.buffer(1);
  const Vec scale = set1(static_cast<float>(a.number(3)));
  shareVectors(thread, a.integer(2), [&](int64_t i, int lanes) {
    store(out + i, fma(load(x + i, lanes), scale, load(out + i, lanes)), lanes);
  });
}

void scale(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* out = a.buffer(1);
  const Vec factor = set1(static_cast<float>(a.number(3)));
  shareVectors(thread, a.integer(2), [&](int64_t i, int lanes) { store(out + i, load(x + i, lanes) * factor, lanes); });
}

}  // namespace RECKON_ISA
}  // namespace reckon

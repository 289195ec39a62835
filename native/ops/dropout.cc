// Zeroes a share of the elements and divides the rest by what is left.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

namespace {

// mix32 and the steps of hashIntegers in src/base/rng.ts.
inline uint32_t mixed(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x21f0aaadu;
  h = (h ^ (h >> 15)) * 0x735a2d97u;
  return h ^ (h >> 15);
}

inline uint32_t hashed(uint32_t h, uint32_t value) { return mixed(h + mixed(value) + h * 0x85ebca6bu); }

}  // namespace

void dropout(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* out = a.buffer(1);
  const int64_t rows = a.integer(2), width = a.integer(3);
  const double rate = a.number(4);
  const uint32_t start = hashed(0x9e3779b9u, static_cast<uint32_t>(a.integer(5)));
  const int64_t firstRow = a.integer(6);
  // The least hash that is kept: hash ≥ rate · 2³² for whole numbers.
  const double product = rate * 4294967296.0;
  const uint32_t whole = static_cast<uint32_t>(product);
  const uint32_t least = whole + (static_cast<double>(whole) < product ? 1 : 0);
  const float factor = static_cast<float>(1 / (1 - rate));
  shareRows(thread, rows, width, [&](int64_t t) {
    const uint32_t row = hashed(start, static_cast<uint32_t>(firstRow + t));
    const uint32_t base = row + row * 0x85ebca6bu;
    const float* from = x + t * width;
    float* to = out + t * width;
    for (int64_t i = 0; i < width; i++) {
      const float scaled = from[i] * factor;
      to[i] = mixed(base + mixed(static_cast<uint32_t>(i))) >= least ? scaled : 0.0f;
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

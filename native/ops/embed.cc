// Token embedding. The backward walks all tokens for a range of columns, so each table row gathers its tokens in order.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void embed(const Arguments& a, Thread& thread) {
  const float* table = a.buffer(0);
  const int32_t* tokens = a.buffer<int32_t>(1);
  float* out = a.buffer(2);
  const int64_t rows = a.integer(3), width = a.integer(4);
  const Vec scale = set1(static_cast<float>(a.number(5)));
  shareRows(thread, rows, width, [&](int64_t t) {
    const float* from = table + tokens[t] * width;
    float* to = out + t * width;
    forVectors(width, [&](int64_t i, int lanes) { store(to + i, load(from + i, lanes) * scale, lanes); });
  });
}

void embedBackward(const Arguments& a, Thread& thread) {
  const float* dOut = a.buffer(0);
  const int32_t* tokens = a.buffer<int32_t>(1);
  float* dTable = a.buffer(2);
  const int64_t rows = a.integer(3), width = a.integer(4);
  const Vec scale = set1(static_cast<float>(a.number(5)));
  shareColumns(thread, rows, width, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < rows; t++) {
      const float* from = dOut + t * width + begin;
      float* to = dTable + tokens[t] * width + begin;
      forVectors(end - begin, [&](int64_t i, int lanes) {
        store(to + i, fma(load(from + i, lanes), scale, load(to + i, lanes)), lanes);
      });
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

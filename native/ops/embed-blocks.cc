// Token embedding from a table in a block format: the rows that are asked for are decoded, a part at a time.
#include "../gemm/block-formats.h"
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// blocks version tokens out | rows width vocabulary scale format
void embedBlocks(const Arguments& a, Thread& thread) {
  constexpr int64_t kPart = 512;
  const uint8_t* table = a.buffer<uint8_t>(0);
  const int32_t* tokens = a.buffer<int32_t>(2);
  float* out = a.buffer(3);
  const int64_t rows = a.integer(4), width = a.integer(5), vocabulary = a.integer(6);
  const Vec scale = set1(static_cast<float>(a.number(7)));
  const BlockFormat& format = blockFormat(a.integer(8));
  shareRows(thread, rows, width, [&](int64_t t) {
    alignas(64) float values[kPart];
    for (int64_t begin = 0; begin < width; begin += kPart) {
      const int64_t count = width - begin < kPart ? width - begin : kPart;
      format.decode(table, vocabulary, width, tokens[t], begin, count, values);
      float* to = out + t * width + begin;
      forVectors(count, [&](int64_t i, int lanes) { store(to + i, load(values + i, lanes) * scale, lanes); });
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

// Rows picked by an index (gather), put where one says (place) and added there (scatter). The scatter walks all rows for a
// range of columns: an index may repeat, and its sum keeps the order of the rows.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void gatherRows(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  const int32_t* index = a.buffer<int32_t>(1);
  float* out = a.buffer(2);
  const int64_t width = a.integer(4);
  shareRows(thread, a.integer(3), width, [&](int64_t r) { copyRow(out + r * width, x + index[r] * width, width); });
}

void placeRows(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  const int32_t* index = a.buffer<int32_t>(1);
  float* out = a.buffer(2);
  const int64_t width = a.integer(4);
  shareRows(thread, a.integer(3), width, [&](int64_t r) { copyRow(out + index[r] * width, x + r * width, width); });
}

void scatterAddRows(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  const int32_t* index = a.buffer<int32_t>(1);
  float* out = a.buffer(2);
  const int64_t rows = a.integer(3), width = a.integer(4);
  shareColumns(thread, rows, width, [&](int64_t begin, int64_t end) {
    for (int64_t r = 0; r < rows; r++) {
      const float* from = x + r * width + begin;
      float* to = out + index[r] * width + begin;
      forVectors(end - begin, [&](int64_t i, int lanes) {
        store(to + i, load(to + i, lanes) + load(from + i, lanes), lanes);
      });
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

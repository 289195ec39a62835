// Logits of tokens that have occurred, divided by the penalty when positive, else multiplied.
#include <stdexcept>

#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// A row's tokens are few beside the vocabulary, so each thread keeps one bit per id that says it was penalized already,
// and takes off those it set when the row is done.
void repetitionPenalty(const Arguments& a, Thread& thread) {
  float* logits = a.buffer(0);
  const int32_t* tokens = a.buffer<int32_t>(1);
  const int32_t* offsets = a.buffer<int32_t>(2);
  const int64_t rows = a.integer(3), vocabulary = a.integer(4);
  const float penalty = static_cast<float>(a.number(5));
  const int64_t words = (vocabulary + 63) / 64;
  uint64_t* seen = static_cast<uint64_t*>(thread.scratch(0, sizeof(uint64_t) * words));
  for (int64_t i = 0; i < words; i++) seen[i] = 0;
  shareRows(thread, rows, 1024, [&](int64_t r) {
    float* row = logits + r * vocabulary;
    for (int32_t i = offsets[r]; i < offsets[r + 1]; i++) {
      const int32_t token = tokens[i];
      if (token < 0 || token >= vocabulary) throw std::out_of_range("a penalized token must be an id of the vocabulary");
      const uint64_t bit = uint64_t{1} << (token & 63);
      if (seen[token >> 6] & bit) continue;
      seen[token >> 6] |= bit;
      row[token] = row[token] > 0 ? row[token] / penalty : row[token] * penalty;
    }
    for (int32_t i = offsets[r]; i < offsets[r + 1]; i++) seen[tokens[i] >> 6] = 0;
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

#include "self-check.h"

#include <cstring>
#include <vector>

#include "table.h"

namespace reckon {
namespace {

// Whole numbers from −8 to 8 in a row that repeats nowhere near a tile's size.
std::vector<float> wholeNumbers(int64_t count, uint32_t state) {
  std::vector<float> values(count);
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>((state >> 24) % 17) - 8);
  }
  return values;
}

double word(const void* pointer) { return static_cast<double>(reinterpret_cast<uintptr_t>(pointer)); }

// Runs one kernel by name; false when it stopped early.
bool run(Pool& pool, IsaLevel level, const char* kernel, std::vector<double> words) {
  size_t count, index = 0;
  const KernelEntry* table = tableFor(level, &count);
  while (index < count && std::strcmp(table[index].name, kernel) != 0) index++;
  words.insert(words.begin(), static_cast<double>(index));
  return pool.run(words.data(), words.size());
}

// expected[i, j] = Σ_k a(i, k) · b(k, j)
template <typename A, typename B>
bool isProduct(const std::vector<float>& got, int64_t rows, int64_t depth, int64_t columns, A&& a, B&& b) {
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < columns; j++) {
      int32_t sum = 0;
      for (int64_t k = 0; k < depth; k++) sum += static_cast<int32_t>(a(i, k)) * static_cast<int32_t>(b(k, j));
      if (got[i * columns + j] != static_cast<float>(sum)) return false;
    }
  }
  return true;
}

}  // namespace

std::string wrongProduct(Pool& pool, IsaLevel level) {
  constexpr int64_t kInner = 77, kOuter = 70;
  const std::vector<float> w = wholeNumbers(kOuter * kInner, 1);
  double version = 0;
  std::string wrong;
  // One row is decoding; fifty are two tiles and a rest.
  for (const int64_t rows : {1, 50}) {
    const std::vector<float> x = wholeNumbers(rows * kInner, 2), dY = wholeNumbers(rows * kOuter, 3);
    std::vector<float> y(rows * kOuter), dX(rows * kInner), dW(kOuter * kInner);
    const double sizes[] = {static_cast<double>(rows), kInner, kOuter};
    const bool ran =
        run(pool, level, "linear",
            {word(x.data()), word(w.data()), --version, 0, 0, word(y.data()), sizes[0], sizes[1], sizes[2]}) &&
        run(pool, level, "linearBackwardInput",
            {word(dY.data()), word(w.data()), version, word(dX.data()), sizes[0], sizes[1], sizes[2], 0}) &&
        run(pool, level, "linearBackwardWeight",
            {word(dY.data()), word(x.data()), word(dW.data()), sizes[0], sizes[1], sizes[2]});
    if (!ran) wrong = pool.failure().message;
    else if (!isProduct(y, rows, kInner, kOuter, [&](int64_t r, int64_t k) { return x[r * kInner + k]; },
                        [&](int64_t k, int64_t n) { return w[n * kInner + k]; })) wrong = "linear";
    else if (!isProduct(dX, rows, kOuter, kInner, [&](int64_t r, int64_t n) { return dY[r * kOuter + n]; },
                        [&](int64_t n, int64_t k) { return w[n * kInner + k]; })) wrong = "linearBackwardInput";
    else if (!isProduct(dW, kOuter, rows, kInner, [&](int64_t n, int64_t r) { return dY[r * kOuter + n]; },
                        [&](int64_t r, int64_t k) { return x[r * kInner + k]; })) wrong = "linearBackwardWeight";
    if (!wrong.empty()) break;
  }
  // Their weight is about to go.
  pool.packs().drop(nullptr, SIZE_MAX);
  return wrong;
}

}  // namespace reckon

// The load-balancing loss of a mixture: mean router probabilities, shares of slots, and the gradient
//   dLogits[t,e] += scale · E / rows · p[t,e] · (fraction[e] − Σ_i fraction[i] · p[t,i]).
#include "column-sums.h"

namespace reckon {
namespace RECKON_ISA {

// p becomes softmax(logits).
static inline void routerSoftmax(const float* logits, int64_t experts, float* p) {
  const Vec max = set1(maxOf(logits, experts));
  const float sum = sumVectors(experts, [&](int64_t i, int lanes) {
    Vec e = exp(load(logits + i, lanes) - max);
    store(p + i, e, lanes);
    return e;
  });
  const Vec scale = set1(1.0f / sum);
  forVectors(experts, [&](int64_t i, int lanes) { store(p + i, load(p + i, lanes) * scale, lanes); });
}

void moeBalance(const Arguments& a, Thread& thread) {
  const float* logits = a.buffer(0);
  const int32_t* offsets = a.buffer<int32_t>(1);
  float* probabilities = a.buffer(2);
  float* fractions = a.buffer(3);
  const int64_t rows = a.integer(4), experts = a.integer(5), active = a.integer(6);
  float* p = static_cast<float*>(thread.scratch(0, sizeof(float) * experts));
  thread.once([&] {
    for (int64_t e = 0; e < experts; e++) {
      probabilities[e] = 0;
      fractions[e] = static_cast<float>(offsets[e + 1] - offsets[e]) / static_cast<float>(rows * active);
    }
  });
  float* const sums[1] = {probabilities};
  shareRowsWithColumnSums<1>(thread, rows, experts, sums, [&](int64_t t, float* const* partial) {
    routerSoftmax(logits + t * experts, experts, p);
    for (int64_t e = 0; e < experts; e++) partial[0][e] += p[e];
  });
  thread.barrier();
  thread.once([&] {
    for (int64_t e = 0; e < experts; e++) probabilities[e] /= static_cast<float>(rows);
  });
}

void moeBalanceBackward(const Arguments& a, Thread& thread) {
  const float* logits = a.buffer(0);
  const float* fractions = a.buffer(1);
  float* dLogits = a.buffer(2);
  const int64_t rows = a.integer(3), experts = a.integer(4);
  const Vec scale = set1(static_cast<float>(a.number(5) * static_cast<double>(experts) / static_cast<double>(rows)));
  float* p = static_cast<float*>(thread.scratch(0, sizeof(float) * experts));
  shareRows(thread, rows, 4 * experts, [&](int64_t t) {
    float* to = dLogits + t * experts;
    routerSoftmax(logits + t * experts, experts, p);
    const Vec mean = set1(sumVectors(experts, [&](int64_t i, int lanes) {
      return load(p + i, lanes) * load(fractions + i, lanes);
    }));
    forVectors(experts, [&](int64_t i, int lanes) {
      Vec gradient = load(p + i, lanes) * (load(fractions + i, lanes) - mean);
      store(to + i, fma(scale, gradient, load(to + i, lanes)), lanes);
    });
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

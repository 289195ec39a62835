// Log-probability of a target and entropy of the distribution, per row of logits. With z = (logit − max) ·
// inverseTemperature, log Σ e^z is log1p of what the sum has beyond the 1 of the largest: a nearly certain token keeps a
// precise log-probability. Three passes over a row in both directions: maximum, sums over lanes, result.
#include <stdexcept>

#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// What a row's softmax needs.
struct RowSoftmax {
  Vec inverseTemperature, max;
  float logSum, sum, weighted;  // log Σ e^z, Σ e^z, Σ e^z · z
  Vec unbounded(Vec logits) const { return (logits - max) * inverseTemperature; }
  // z, bounded so that a logit of −inf adds 0 · finite to the entropy.
  Vec shifted(Vec logits) const { return RECKON_ISA::max(set1(-1e4f), unbounded(logits)); }
};

static inline RowSoftmax rowSoftmax(const float* logits, int64_t vocabulary, float inverseTemperature) {
  RowSoftmax row;
  row.inverseTemperature = set1(inverseTemperature);
  row.max = set1(maxOf(logits, vocabulary));
  Vec weighted = zero(), largest = zero();
  const float rest = sumVectors(vocabulary, [&](int64_t i, int lanes) {
    Vec z = row.shifted(load(logits + i, lanes)), e = exp(z);
    Vec isLargest = keep(select(lessThan(z, zero()), zero(), set1(1)), lanes);
    weighted = fma(keep(e, lanes), z, weighted);
    largest = largest + isLargest;
    return e - isLargest;
  });
  const float beyondOne = rest + (reduceAdd(largest) - 1.0f);
  float logSum[W];
  store(logSum, log1p(set1(beyondOne)));
  row.logSum = logSum[0];
  row.sum = 1.0f + beyondOne;
  row.weighted = reduceAdd(weighted);
  return row;
}

static inline int32_t targetOf(const int32_t* targets, int64_t r, int64_t vocabulary) {
  if (targets[r] < 0 || targets[r] >= vocabulary) throw std::out_of_range("a target must be an id of the vocabulary");
  return targets[r];
}

void tokenLogps(const Arguments& a, Thread& thread) {
  const float* logits = a.buffer(0);
  const int32_t* targets = a.buffer<int32_t>(1);
  float* logps = a.buffer(2);
  float* entropies = a.buffer(3);
  const int64_t rows = a.integer(4), vocabulary = a.integer(5);
  const float inverseTemperature = static_cast<float>(a.number(6));
  shareRows(thread, rows, 4 * vocabulary, [&](int64_t r) {
    const float* row = logits + r * vocabulary;
    const RowSoftmax softmax = rowSoftmax(row, vocabulary, inverseTemperature);
    float target[W];
    store(target, softmax.unbounded(set1(row[targetOf(targets, r, vocabulary)])));
    logps[r] = target[0] - softmax.logSum;
    entropies[r] = softmax.logSum - softmax.weighted / softmax.sum;
  });
}

void tokenLogpsBackward(const Arguments& a, Thread& thread) {
  float* logits = a.buffer(0);
  const int32_t* targets = a.buffer<int32_t>(1);
  const float* entropies = a.buffer(2);
  const float* dLogps = a.buffer(3);
  const float* dEntropies = a.buffer(4);
  const int64_t rows = a.integer(5), vocabulary = a.integer(6);
  const float inverseTemperature = static_cast<float>(a.number(7));
  shareRows(thread, rows, 4 * vocabulary, [&](int64_t r) {
    float* row = logits + r * vocabulary;
    const int32_t target = targetOf(targets, r, vocabulary);
    const RowSoftmax softmax = rowSoftmax(row, vocabulary, inverseTemperature);
    const Vec scale = set1(-inverseTemperature / softmax.sum);
    const Vec dLogp = set1(dLogps[r]), dEntropy = set1(dEntropies[r]);
    const Vec offset = set1(entropies[r] - softmax.logSum);
    forVectors(vocabulary, [&](int64_t i, int lanes) {
      Vec z = softmax.shifted(load(row + i, lanes));
      store(row + i, exp(z) * scale * fma(dEntropy, z + offset, dLogp), lanes);
    });
    row[target] += inverseTemperature * dLogps[r];
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

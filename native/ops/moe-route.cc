// Routing: each row's experts, their weights, and the slots (slot = row · active + j) sorted by expert, stably.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// Rows whose slots one thread counts and places. Slots of an expert keep the order of the blocks, so the result is the
// stable sort whatever the number of blocks.
constexpr int64_t routeBlock = 64;

// How choices are weighed; see moeRoute in src/engine/kernels.ts.
constexpr int64_t kSoftmaxOfChosen = 0, kSoftmaxOfAll = 1;

struct Weighing {
  int64_t mode;
  float threshold;  // 2 · jitter
};

// p[e] becomes exp(logits[e] − m) for the experts in the softmax that choice j's weight is read from, 0 for the others, m
// being its largest logit; not for kSoftmaxOfChosen. Returns the sum of p.
static float choiceExponentials(const float* logits, int64_t experts, const int32_t* ids, int64_t j, Weighing weighing,
                                float* p) {
  const float own = logits[weighing.mode == kSoftmaxOfAll ? ids[0] : ids[j]];
  const Vec largest = set1(own), threshold = set1(weighing.threshold);
  forVectors(experts, [&](int64_t i, int lanes) {
    Vec logit = load(logits + i, lanes), e = exp(logit - largest);
    if (weighing.mode != kSoftmaxOfAll) {
      Vec factor = max(max(logit, zero() - logit), largest);
      e = select(lessThan(threshold, (largest - logit) / factor), zero(), e);
    }
    store(p + i, e, lanes);
  });
  if (weighing.mode != kSoftmaxOfAll)
    for (int64_t i = 0; i < j; i++) p[ids[i]] = 0;
  return sumVectors(experts, [&](int64_t i, int lanes) { return load(p + i, lanes); });
}

// The `active` largest logits, largest first (ties: the lower id). taken: scratch of `experts` bytes.
static void chooseExperts(const float* logits, int64_t experts, int64_t active, uint8_t* taken, int32_t* ids) {
  for (int64_t e = 0; e < experts; e++) taken[e] = 0;
  for (int64_t j = 0; j < active; j++) {
    int32_t best = -1;
    for (int64_t e = 0; e < experts; e++) {
      if (!taken[e] && (best < 0 || logits[e] > logits[best])) best = static_cast<int32_t>(e);
    }
    taken[best] = 1;
    ids[j] = best;
  }
}

// p: scratch of `experts` numbers.
static void weighChoices(const float* logits, int64_t experts, int64_t active, const int32_t* ids, Weighing weighing,
                         float* p, float* weights) {
  if (weighing.mode != kSoftmaxOfChosen) {
    for (int64_t j = 0; j < active; j++) {
      const float sum = choiceExponentials(logits, experts, ids, j, weighing, p);
      weights[j] = p[ids[j]] / sum;
    }
    return;
  }
  float sum = 0, lanes[W];
  for (int64_t j = 0; j < active; j++) {
    store(lanes, exp(set1(logits[ids[j]] - logits[ids[0]])));
    weights[j] = lanes[0];
    sum += lanes[0];
  }
  for (int64_t j = 0; j < active; j++) weights[j] /= sum;
}

void moeRoute(const Arguments& a, Thread& thread) {
  const float* logits = a.buffer(0);
  int32_t* expertIds = a.buffer<int32_t>(1);
  float* weights = a.buffer(2);
  int32_t* offsets = a.buffer<int32_t>(3);
  int32_t* order = a.buffer<int32_t>(4);
  int32_t* inverse = a.buffer<int32_t>(5);
  const int64_t rows = a.integer(6), experts = a.integer(7), active = a.integer(8);
  const int64_t blocks = (rows + routeBlock - 1) / routeBlock, blockSlots = routeBlock * active;
  const Weighing weighing{a.integer(9), static_cast<float>(2 * a.number(10))};
  float* p = static_cast<float*>(thread.scratch(0, sizeof(float) * experts));
  uint8_t* taken = static_cast<uint8_t*>(thread.scratch(1, experts));
  int32_t* counts = static_cast<int32_t*>(thread.sharedScratch(0, sizeof(int32_t) * (blocks * experts + 1)));
  const auto lastSlot = [&](int64_t block) {
    return (block + 1) * routeBlock < rows ? (block + 1) * blockSlots : rows * active;
  };
  thread.share(blocks, 1, [&](int64_t block, int64_t) {
    int32_t* count = counts + block * experts;
    for (int64_t e = 0; e < experts; e++) count[e] = 0;
    for (int64_t slot = block * blockSlots; slot < lastSlot(block); slot += active) {
      const float* row = logits + slot / active * experts;
      chooseExperts(row, experts, active, taken, expertIds + slot);
      weighChoices(row, experts, active, expertIds + slot, weighing, p, weights + slot);
      for (int64_t j = 0; j < active; j++) count[expertIds[slot + j]]++;
    }
  });
  // Counts become the place where each block's rows of an expert begin.
  thread.once([&] {
    int32_t place = 0;
    for (int64_t e = 0; e < experts; e++) {
      offsets[e] = place;
      for (int64_t block = 0; block < blocks; block++) {
        const int32_t count = counts[block * experts + e];
        counts[block * experts + e] = place;
        place += count;
      }
    }
    offsets[experts] = place;
  });
  thread.share(blocks, 1, [&](int64_t block, int64_t) {
    int32_t* place = counts + block * experts;
    for (int64_t slot = block * blockSlots; slot < lastSlot(block); slot++) {
      const int32_t r = place[expertIds[slot]]++;
      order[r] = static_cast<int32_t>(slot);
      inverse[slot] = r;
    }
  }, false);
}

void moeRouteBackward(const Arguments& a, Thread& thread) {
  const float* dWeights = a.buffer(0);
  const float* logits = a.buffer(1);
  const float* weights = a.buffer(2);
  const int32_t* expertIds = a.buffer<int32_t>(3);
  float* dLogits = a.buffer(4);
  const int64_t rows = a.integer(5), experts = a.integer(6), active = a.integer(7);
  const Weighing weighing{a.integer(8), static_cast<float>(2 * a.number(9))};
  float* p = static_cast<float*>(thread.scratch(0, sizeof(float) * experts));
  shareRows(thread, rows, experts + 4 * active, [&](int64_t t) {
    const int32_t* ids = expertIds + t * active;
    const float* w = weights + t * active;
    const float* dW = dWeights + t * active;
    float* to = dLogits + t * experts;
    for (int64_t e = 0; e < experts; e++) to[e] = 0;
    if (weighing.mode == kSoftmaxOfChosen) {
      float mean = 0;
      for (int64_t j = 0; j < active; j++) mean += w[j] * dW[j];
      for (int64_t j = 0; j < active; j++) to[ids[j]] = w[j] * (dW[j] - mean);
      return;
    }
    for (int64_t j = 0; j < active; j++) {
      const float sum = choiceExponentials(logits + t * experts, experts, ids, j, weighing, p);
      const float flow = w[j] * dW[j];
      const Vec scale = set1(flow / sum);
      forVectors(experts, [&](int64_t i, int lanes) {
        store(to + i, fnma(load(p + i, lanes), scale, load(to + i, lanes)), lanes);
      });
      to[ids[j]] += flow;
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

// Routing: each row's experts, their weights, and the slots (slot = row · active + j) sorted by expert, stably.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// Rows whose slots one thread counts and places. Slots of an expert keep the order of the blocks, so the result is the
// stable sort whatever the number of blocks.
constexpr int64_t routeBlock = 512;

// The `active` largest logits, largest first (ties: the lower id), and the softmax over them.
static void chooseExperts(const float* logits, int64_t experts, int64_t active, int32_t* ids, float* weights) {
  for (int64_t j = 0; j < active; j++) {
    int32_t best = -1;
    for (int64_t e = 0; e < experts; e++) {
      if (best >= 0 && !(logits[e] > logits[best])) continue;
      bool taken = false;
      for (int64_t i = 0; i < j; i++) taken |= ids[i] == e;
      if (!taken) best = static_cast<int32_t>(e);
    }
    ids[j] = best;
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
  int32_t* counts = static_cast<int32_t*>(thread.sharedScratch(0, sizeof(int32_t) * (blocks * experts + 1)));
  const auto lastSlot = [&](int64_t block) {
    return (block + 1) * routeBlock < rows ? (block + 1) * blockSlots : rows * active;
  };
  thread.share(blocks, 1, [&](int64_t block, int64_t) {
    int32_t* count = counts + block * experts;
    for (int64_t e = 0; e < experts; e++) count[e] = 0;
    for (int64_t slot = block * blockSlots; slot < lastSlot(block); slot += active) {
      chooseExperts(logits + slot / active * experts, experts, active, expertIds + slot, weights + slot);
      for (int64_t j = 0; j < active; j++) count[expertIds[slot + j]]++;
    }
  });
  // Counts become the place where each block's rows of an expert begin.
  if (thread.index == 0) {
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
  }
  thread.barrier();
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
  const float* weights = a.buffer(1);
  const int32_t* expertIds = a.buffer<int32_t>(2);
  float* dLogits = a.buffer(3);
  const int64_t rows = a.integer(4), experts = a.integer(5), active = a.integer(6);
  shareRows(thread, rows, experts + 4 * active, [&](int64_t t) {
    const float* w = weights + t * active;
    const float* dW = dWeights + t * active;
    float* to = dLogits + t * experts;
    float mean = 0;
    for (int64_t j = 0; j < active; j++) mean += w[j] * dW[j];
    for (int64_t e = 0; e < experts; e++) to[e] = 0;
    for (int64_t j = 0; j < active; j++) to[expertIds[t * active + j]] = w[j] * (dW[j] - mean);
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

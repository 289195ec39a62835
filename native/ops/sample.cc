// Sampling by inverse transform over token ids, after the cuts topK, topP and minP. Masses add up in f64.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// The order of the cuts: the larger logit first, the lower id among equals.
static inline bool likelier(const float* logits, int32_t a, int32_t b) {
  return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

// Restores the heap of `size` ids below `root` (the likeliest on top).
static void siftDown(const float* logits, int32_t* heap, int64_t root, int64_t size) {
  const int32_t moving = heap[root];
  for (;;) {
    int64_t child = 2 * root + 1;
    if (child >= size) break;
    if (child + 1 < size && likelier(logits, heap[child + 1], heap[child])) child++;
    if (!likelier(logits, heap[child], moving)) break;
    heap[root] = heap[child];
    root = child;
  }
  heap[root] = moving;
}

// Sets p to 0 but for the topK likeliest tokens, and of these but for the fewest whose mass reaches topP of theirs.
static void cut(const float* logits, float* p, int64_t vocabulary, int64_t topK, double topP, int32_t* heap) {
  for (int64_t i = 0; i < vocabulary; i++) heap[i] = static_cast<int32_t>(i);
  for (int64_t i = vocabulary / 2 - 1; i >= 0; i--) siftDown(logits, heap, i, vocabulary);
  int64_t size = vocabulary;
  // Tokens leave the heap's top for the place behind its end: heap[size] is the last one that left.
  const auto take = [&] {
    const int32_t token = heap[0];
    heap[0] = heap[--size];
    heap[size] = token;
    if (size > 1) siftDown(logits, heap, 0, size);
    return static_cast<double>(p[token]);
  };
  if (topK > 0 && topK < vocabulary) {
    double mass = 0;
    while (vocabulary - size < topK) mass += take();
    for (int64_t i = 0; i < size; i++) p[heap[i]] = 0;
    if (topP >= 1) return;
    double kept = 0;
    int64_t last = vocabulary - 1;
    for (; last >= size; last--) {
      kept += p[heap[last]];
      if (kept >= topP * mass) break;
    }
    for (int64_t i = size; i < last; i++) p[heap[i]] = 0;
  } else {
    double mass = 0, kept = 0;
    for (int64_t i = 0; i < vocabulary; i++) mass += p[i];
    while (size > 0 && kept < topP * mass) kept += take();
    if (size == vocabulary) take();
    for (int64_t i = 0; i < size; i++) p[heap[i]] = 0;
  }
}

static int32_t drawToken(const float* p, int64_t vocabulary, double uniform) {
  double mass = 0;
  for (int64_t i = 0; i < vocabulary; i++) mass += p[i];
  const double target = uniform * mass;
  double reached = 0;
  int32_t last = 0;
  for (int64_t i = 0; i < vocabulary; i++) {
    if (p[i] == 0) continue;
    reached += p[i];
    last = static_cast<int32_t>(i);
    if (reached > target) break;
  }
  return last;
}

static int32_t greedyToken(const float* logits, int64_t vocabulary) {
  const float best = maxOf(logits, vocabulary);
  for (int64_t i = 0; i < vocabulary; i++)
    if (logits[i] == best) return static_cast<int32_t>(i);
  return 0;
}

void sample(const Arguments& a, Thread& thread) {
  const float* logits = a.buffer(0);
  const float* uniforms = a.buffer(1);
  int32_t* tokens = a.buffer<int32_t>(2);
  const int64_t rows = a.integer(3), vocabulary = a.integer(4), topK = a.integer(6);
  const double inverseTemperature = a.number(5), topP = a.number(7);
  const Vec minP = set1(static_cast<float>(a.number(8)));
  const bool cuts = (topK > 0 && topK < vocabulary) || topP < 1;
  float* p = static_cast<float*>(thread.scratch(0, sizeof(float) * vocabulary));
  int32_t* heap = static_cast<int32_t*>(thread.scratch(1, sizeof(int32_t) * vocabulary));
  shareRows(thread, rows, 16 * vocabulary, [&](int64_t r) {
    const float* row = logits + r * vocabulary;
    if (inverseTemperature == 0) {
      tokens[r] = greedyToken(row, vocabulary);
      return;
    }
    const Vec scale = set1(static_cast<float>(inverseTemperature));
    const Vec max = set1(maxOf(row, vocabulary));
    forVectors(vocabulary, [&](int64_t i, int lanes) { store(p + i, exp((load(row + i, lanes) - max) * scale), lanes); });
    if (cuts) cut(row, p, vocabulary, topK, topP, heap);
    // The likeliest token's p is 1.
    if (a.number(8) > 0)
      forVectors(vocabulary, [&](int64_t i, int lanes) {
        Vec mass = load(p + i, lanes);
        store(p + i, select(lessThan(mass, minP), zero(), mass), lanes);
      });
    tokens[r] = drawToken(p, vocabulary, uniforms[r]);
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

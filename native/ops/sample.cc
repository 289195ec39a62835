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

// Tokens are told apart by how far z = (largest logit − logit) · inverseTemperature they lie below the likeliest: a place
// holds those within 1 / kPlacesPerNat of each other, the last one all the rest. So a cut needs to rank only the tokens of
// the place that it falls into: a handful, where ranking a vocabulary takes milliseconds.
constexpr int kPlaces = 1024;
constexpr float kPlacesPerNat = 32;

// What of a thread's scratch a cut works in. place[i] = z · kPlacesPerNat.
struct Cutting {
  const float* logits;
  float *p, *place;
  int64_t vocabulary;
  double* masses;  // [kPlaces]
  int64_t* counts;  // [kPlaces]
  int32_t* heap;
};

// NaN lies in the last place.
static inline int placeOf(float place) { return place < kPlaces - 1 ? static_cast<int>(place) : kPlaces - 1; }

// Sets p to 0 but for the likeliest tokens, one at least, until they are `most` or their mass reaches `enough`. Returns their
// mass. Tokens whose p is 0 are none.
static double keepLikeliest(const Cutting& x, int64_t most, double enough) {
  for (int b = 0; b < kPlaces; b++) {
    x.masses[b] = 0;
    x.counts[b] = 0;
  }
  for (int64_t i = 0; i < x.vocabulary; i++) {
    if (x.p[i] == 0) continue;
    const int b = placeOf(x.place[i]);
    x.masses[b] += x.p[i];
    x.counts[b]++;
  }
  double mass = 0;
  int64_t count = 0;
  int last = 0;
  while (last < kPlaces - 1 && count + x.counts[last] < most && mass + x.masses[last] < enough) {
    mass += x.masses[last];
    count += x.counts[last++];
  }
  int64_t size = 0;
  for (int64_t i = 0; i < x.vocabulary; i++) {
    const int b = placeOf(x.place[i]);
    if (b > last) x.p[i] = 0;
    else if (b == last && x.p[i] != 0) x.heap[size++] = static_cast<int32_t>(i);
  }
  for (int64_t i = size / 2 - 1; i >= 0; i--) siftDown(x.logits, x.heap, i, size);
  while (size > 0) {
    mass += x.p[x.heap[0]];
    count++;
    x.heap[0] = x.heap[--size];
    if (size > 1) siftDown(x.logits, x.heap, 0, size);
    if (count >= most || mass >= enough) break;
  }
  for (int64_t i = 0; i < size; i++) x.p[x.heap[i]] = 0;
  return mass;
}

// Sets p to 0 but for the topK likeliest tokens, and of these but for the fewest whose mass reaches topP of theirs.
static void cut(const Cutting& x, int64_t topK, double topP) {
  double mass = 0;
  if (topK > 0 && topK < x.vocabulary) {
    mass = keepLikeliest(x, topK, __builtin_inf());
  } else {
    for (int64_t i = 0; i < x.vocabulary; i++) mass += x.p[i];
  }
  if (topP < 1) keepLikeliest(x, x.vocabulary, topP * mass);
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
  const int64_t cutting = cuts ? vocabulary : 0;
  Cutting x{nullptr,
            p,
            static_cast<float*>(thread.scratch(1, sizeof(float) * cutting)),
            vocabulary,
            static_cast<double*>(thread.scratch(2, sizeof(double) * kPlaces)),
            static_cast<int64_t*>(thread.scratch(3, sizeof(int64_t) * kPlaces)),
            static_cast<int32_t*>(thread.scratch(4, sizeof(int32_t) * cutting))};
  shareRows(thread, rows, 16 * vocabulary, [&](int64_t r) {
    const float* row = logits + r * vocabulary;
    if (inverseTemperature == 0) {
      tokens[r] = greedyToken(row, vocabulary);
      return;
    }
    const Vec scale = set1(static_cast<float>(inverseTemperature));
    const Vec max = set1(maxOf(row, vocabulary));
    forVectors(vocabulary, [&](int64_t i, int lanes) { store(p + i, exp((load(row + i, lanes) - max) * scale), lanes); });
    if (cuts) {
      const Vec places = scale * set1(kPlacesPerNat);
      forVectors(vocabulary, [&](int64_t i, int lanes) { store(x.place + i, (max - load(row + i, lanes)) * places, lanes); });
      x.logits = row;
      cut(x, topK, topP);
    }
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

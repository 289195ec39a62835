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

// Tokens whose masses are added up by themselves: the draw walks only the run it falls into.
constexpr int64_t drawRun = 512;
constexpr int drawLanes = 8;

// Σ p[0 … n): lanes of every eighth, then a tree. Plain arithmetic, so the same bits on every instruction set.
static double runMass(const float* p, int64_t n) {
  double lanes[drawLanes] = {};
  int64_t i = 0;
  for (; i + drawLanes <= n; i += drawLanes)
    for (int l = 0; l < drawLanes; l++) lanes[l] += static_cast<double>(p[i + l]);
  for (int l = 0; i + l < n; l++) lanes[l] += static_cast<double>(p[i + l]);
  for (int half = drawLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
  return lanes[0];
}

// Tokens are told apart by how far z = (largest logit − logit) · inverseTemperature they lie below the likeliest: a place
// holds those within 1 / kPlacesPerNat of each other, the last one all the rest. So a cut needs to rank only the tokens of
// the place that it falls into: a handful, where ranking a vocabulary takes milliseconds. Most cuts fall among the tokens
// with z < kNear, a small part of all; those are tried first.
constexpr int kPlaces = 1024;
constexpr float kPlacesPerNat = 32, kNear = 8;
// Tokens that are passed over at once where none of them has the logit looked for.
constexpr int64_t kGlance = 64;

// One row, and what of a thread's scratch a cut of it works in.
struct Cutting {
  const float* logits;
  float* p;
  int64_t vocabulary;
  float max, inverseTemperature;
  double* masses;   // [kPlaces]
  int32_t* counts;  // [kPlaces]
  int32_t *ids, *heap;
  int place(int32_t id) const {
    const float place = (max - logits[id]) * inverseTemperature * kPlacesPerNat;
    return place < kPlaces - 1 ? static_cast<int>(place) : kPlaces - 1;
  }
};

// Sets p to 0 but for the likeliest tokens, one at least, until they are `most` or their mass reaches `enough`. Only tokens
// with a logit of at least `bound` are looked at: returns −1, and changes nothing, where they may be too few; else the mass
// of what is left. Tokens whose p is 0 are none.
static double keepAbove(const Cutting& x, float bound, int64_t most, double enough) {
  int64_t candidates = 0;
  for (int64_t begin = 0; begin < x.vocabulary; begin += kGlance) {
    const int64_t end = begin + kGlance < x.vocabulary ? begin + kGlance : x.vocabulary;
    if (maxOf(x.logits + begin, end - begin) < bound) continue;
    for (int64_t i = begin; i < end; i++) {
      x.ids[candidates] = static_cast<int32_t>(i);
      candidates += (x.logits[i] >= bound) & (x.p[i] != 0);
    }
  }
  for (int b = 0; b < kPlaces; b++) {
    x.masses[b] = 0;
    x.counts[b] = 0;
  }
  for (int64_t c = 0; c < candidates; c++) {
    const int b = x.place(x.ids[c]);
    x.masses[b] += x.p[x.ids[c]];
    x.counts[b]++;
  }
  double mass = 0;
  int64_t count = 0;
  int last = 0;
  for (; last < kPlaces && count + x.counts[last] < most && mass + x.masses[last] < enough; last++) {
    mass += x.masses[last];
    count += x.counts[last];
  }
  if (last == kPlaces && bound > -__builtin_inff()) return -1;
  const Vec lowest = set1(bound);
  forVectors(x.vocabulary, [&](int64_t i, int lanes) {
    const Mask below = lessThan(load(x.logits + i, lanes), lowest);
    store(x.p + i, select(below, zero(), load(x.p + i, lanes)), lanes);
  });
  int64_t size = 0;
  for (int64_t c = 0; c < candidates; c++) {
    const int b = x.place(x.ids[c]);
    if (b > last) x.p[x.ids[c]] = 0;
    else if (b == last) x.heap[size++] = x.ids[c];
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

static double keepLikeliest(const Cutting& x, int64_t most, double enough) {
  const double mass = keepAbove(x, x.max - kNear / x.inverseTemperature, most, enough);
  return mass >= 0 ? mass : keepAbove(x, -__builtin_inff(), most, enough);
}

// Sets p to 0 but for the topK likeliest tokens, and of these but for the fewest whose mass reaches topP of theirs.
static void cut(const Cutting& x, int64_t topK, double topP) {
  const bool few = topK > 0 && topK < x.vocabulary;
  const double mass = few ? keepLikeliest(x, topK, __builtin_inf()) : runMass(x.p, x.vocabulary);
  if (topP < 1) keepLikeliest(x, x.vocabulary, topP * mass);
}

// masses: scratch of one number per run. Where rounding leaves a sum just short of the target, the last token with mass is
// the answer.
static int32_t drawToken(const float* p, int64_t vocabulary, double uniform, double* masses) {
  const auto runEnd = [&](int64_t begin) { return begin + drawRun < vocabulary ? begin + drawRun : vocabulary; };
  double mass = 0;
  for (int64_t begin = 0; begin < vocabulary; begin += drawRun) {
    mass += masses[begin / drawRun] = runMass(p + begin, runEnd(begin) - begin);
  }
  const double target = uniform * mass;
  double before = 0, reached = 0;
  int64_t chosen = 0;
  for (int64_t begin = 0; begin < vocabulary && !(reached > target); begin += drawRun) {
    if (masses[begin / drawRun] == 0) continue;
    chosen = begin;
    before = reached;
    reached += masses[begin / drawRun];
  }
  int64_t last = chosen;
  for (int64_t i = chosen; i < runEnd(chosen) && !(before > target); i++) {
    if (p[i] == 0) continue;
    last = i;
    before += p[i];
  }
  return static_cast<int32_t>(last);
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
  double* masses = static_cast<double*>(thread.scratch(5, sizeof(double) * (vocabulary / drawRun + 1)));
  const int64_t cutting = cuts ? vocabulary : 0;
  Cutting x{nullptr,
            p,
            vocabulary,
            0,
            static_cast<float>(inverseTemperature),
            static_cast<double*>(thread.scratch(1, sizeof(double) * kPlaces)),
            static_cast<int32_t*>(thread.scratch(2, sizeof(int32_t) * kPlaces)),
            static_cast<int32_t*>(thread.scratch(3, sizeof(int32_t) * (cutting + 1))),
            static_cast<int32_t*>(thread.scratch(4, sizeof(int32_t) * (cutting + 1)))};
  shareRows(thread, rows, 16 * vocabulary, [&](int64_t r) {
    const float* row = logits + r * vocabulary;
    if (inverseTemperature == 0) {
      tokens[r] = greedyToken(row, vocabulary);
      return;
    }
    const Vec scale = set1(static_cast<float>(inverseTemperature));
    x.max = maxOf(row, vocabulary);
    const Vec max = set1(x.max);
    forVectors(vocabulary, [&](int64_t i, int lanes) { store(p + i, exp((load(row + i, lanes) - max) * scale), lanes); });
    if (cuts) {
      x.logits = row;
      cut(x, topK, topP);
    }
    // The likeliest token's p is 1.
    if (a.number(8) > 0)
      forVectors(vocabulary, [&](int64_t i, int lanes) {
        Vec mass = load(p + i, lanes);
        store(p + i, select(lessThan(mass, minP), zero(), mass), lanes);
      });
    tokens[r] = drawToken(p, vocabulary, uniforms[r], masses);
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

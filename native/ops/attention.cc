// Causal attention over segments, forward: scores, softmax over a row of scores in chain order, values weighted and added.
//
// A query's bits depend on the keys of its chain and their order alone: a score is defined in attention-scores.h, the sum
// of a softmax goes by chain position, and an output element is one chain of multiply-adds over the keys, root first. Which
// queries share a tile, where segments end, and whether keys lie in a batch or a cache changes none of it.
//
// A task is some heads of up to `queryBlock` queries of a segment. Queries go in tiles of `queryTile` against transposed keys;
// what is left over, and all of decoding, goes query by query against rows of k, several heads at once. Keys that several
// tasks' tiles read (a shared prompt, a segment of several blocks) are transposed once, for all threads.
#include "attention-scores.h"

namespace reckon {
namespace RECKON_ISA {

constexpr int64_t queryBlock = 64;
constexpr int queryTile = 4;

// Where the tasks of a call are, the same in every thread. 32-bit: a call has fewer than 2^31 rows.
struct AttentionPlan {
  int64_t* keysBefore;     // [count] keys of all ancestors
  int64_t* sharedAt;       // [count] where the segment's keys lie in shared scratch, all kv-heads; −1: nowhere
  int32_t* blockSegment;   // [blocks]
  int32_t* blockFirst;     // [blocks] first query
  int32_t* sharedSegment;  // [sharedCount]
  int64_t blocks, sharedCount, sharedSize;
};

static AttentionPlan planAttention(const AttentionShape& shape, Thread& thread) {
  int64_t blocks = 0;
  for (int64_t s = 0; s < shape.count; s++) blocks += (shape.segments[s].queryCount + queryBlock - 1) / queryBlock;
  char* memory = static_cast<char*>(
      thread.scratch(0, 2 * sizeof(int64_t) * shape.count + sizeof(int32_t) * (2 * blocks + shape.count)));
  AttentionPlan plan;
  plan.keysBefore = reinterpret_cast<int64_t*>(memory);
  plan.sharedAt = plan.keysBefore + shape.count;
  plan.blockSegment = reinterpret_cast<int32_t*>(plan.sharedAt + shape.count);
  plan.blockFirst = plan.blockSegment + blocks;
  plan.sharedSegment = plan.blockFirst + blocks;
  plan.blocks = plan.sharedCount = plan.sharedSize = 0;
  countAncestorKeys(shape, plan.keysBefore);
  for (int64_t s = 0; s < shape.count; s++) {
    const Segment& segment = shape.segments[s];
    plan.sharedAt[s] = segment.queryCount > queryBlock ? 0 : -1;
    if (segment.queryCount >= queryTile) {
      for (int32_t a = segment.parent; a >= 0 && plan.sharedAt[a] < 0; a = shape.segments[a].parent) plan.sharedAt[a] = 0;
    }
    for (int32_t first = 0; first < segment.queryCount; first += queryBlock) {
      plan.blockSegment[plan.blocks] = static_cast<int32_t>(s);
      plan.blockFirst[plan.blocks++] = first;
    }
  }
  for (int64_t s = 0; s < shape.count; s++) {
    if (plan.sharedAt[s] < 0) continue;
    plan.sharedAt[s] = plan.sharedSize;
    plan.sharedSize += shape.transposedSize(shape.segments[s]) * shape.kvHeads;
    plan.sharedSegment[plan.sharedCount++] = static_cast<int32_t>(s);
  }
  return plan;
}

// The operands, and one thread's scratch for one chain.
struct Attending {
  const AttentionShape& shape;
  const float *q, *k, *v;
  float *out, *lse;
  const int64_t* keysBefore;
  const int32_t* chain;
  int64_t depth;
  float* scores;  // a row for each query of a tile, or each head of a single query
  int64_t scoreStride;
  const Segment& link(int64_t c) const { return shape.segments[chain[c]]; }
  const Segment& own() const { return link(depth - 1); }
  // Keys of link c that a query sees whose own last key is at chain position `length` − 1.
  int64_t seen(int64_t c, int64_t length) const { return c + 1 < depth ? link(c).keys() : length - keysBefore[chain[c]]; }
  // Position in the chain of query i.
  int64_t position(int64_t i) const { return keysBefore[chain[depth - 1]] + own().keysBefore + i; }
  float slope(int64_t head) const { return shape.slopes ? shape.slopes[head] : 0.0f; }
};

// Scores become e^(score − max); returns 1 / their sum. The four accumulators of sumVectors go by chain position.
static inline float softmaxRow(float* scores, int64_t length, float* lse) {
  const float max = maxOf(scores, length);
  const Vec maxima = set1(max);
  const float sum = sumVectors(length, [&](int64_t j, int lanes) {
    Vec p = exp(load(scores + j, lanes) - maxima);
    store(scores + j, p, lanes);
    return p;
  });
  *lse = max + __builtin_logf(sum);
  return 1.0f / sum;
}

template <int Q>
struct ValueTile {
  const Attending& x;
  const int64_t* lengths;
  const float* inverseSums;
  float* const* out;
  const float* v;
  template <int N>
  RECKON_INLINE void run(int64_t d, int lanes) {
    Vec sums[Q][N];
    for (int q = 0; q < Q; q++)
      for (int n = 0; n < N; n++) sums[q][n] = zero();
    for (int64_t c = 0; c < x.depth; c++) {
      const int64_t width = x.shape.keyWidth();
      int64_t ends[Q];
      for (int q = 0; q < Q; q++) ends[q] = x.seen(c, lengths[q]);
      weighRows<Q, N>(x.scores + x.keysBefore[x.chain[c]], x.scoreStride, 0, ends, v + x.link(c).key(0) * width + d,
                      x.link(c).stride * width, lanes, sums);
    }
    for (int q = 0; q < Q; q++)
      for (int n = 0; n < N; n++) store(out[q] + d + n * W, sums[q][n] * set1(inverseSums[q]), n + 1 == N ? lanes : W);
  }
};

// One head of Q queries from `first`; transposed[c] are the keys of link c.
template <int Q>
static void attendTile(const Attending& x, int64_t h, const float* const* transposed, int64_t first) {
  const AttentionShape& shape = x.shape;
  const float* queries[Q];
  float* outputs[Q];
  float inverseSums[Q];
  int64_t lengths[Q];
  for (int i = 0; i < Q; i++) {
    const int64_t at = x.own().query(first + i) * shape.queryWidth() + h * shape.headDim;
    queries[i] = x.q + at;
    outputs[i] = x.out + at;
    lengths[i] = x.position(first + i) + 1;
  }
  for (int64_t c = 0; c < x.depth; c++) {
    const int64_t base = x.keysBefore[x.chain[c]];
    dotTile<Q>(queries, transposed[c], x.seen(c, lengths[Q - 1]), shape.headDim, [&](int i, int64_t key, Vec dots) {
      store(x.scores + i * x.scoreStride + base + key,
            scoreOf(dots, shape.scale, x.slope(h), lengths[i] - 1, base + key));
    });
  }
  for (int i = 0; i < Q; i++) {
    inverseSums[i] =
        softmaxRow(x.scores + i * x.scoreStride, lengths[i], x.lse + x.own().query(first + i) * shape.heads + h);
  }
  const float* v = x.v + shape.kvHead(h) * shape.headDim;
  forHead(shape.headDim, ValueTile<Q>{x, lengths, inverseSums, outputs, v});
}

// The outputs of one query's heads firstHead … firstHead + G − 1: G · N independent chains at a time hide their latency.
template <int G>
struct ValueHeads {
  const Attending& x;
  int64_t length;
  const float* scores;
  const float* inverseSums;
  const float* v[G];
  float* out;
  template <int N>
  RECKON_INLINE void run(int64_t d, int lanes) {
    Vec sums[G][N];
    for (int g = 0; g < G; g++)
      for (int n = 0; n < N; n++) sums[g][n] = zero();
    for (int64_t c = 0; c < x.depth; c++) {
      const int64_t width = x.shape.keyWidth(), stride = x.link(c).stride * width, seen = x.seen(c, length);
      const float* weights = scores + x.keysBefore[x.chain[c]];
      int64_t at = x.link(c).key(0) * width + d;
      for (int64_t j = 0; j < seen; j++, at += stride) {
        for (int g = 0; g < G; g++) {
          const Vec weight = set1(weights[g * x.scoreStride + j]);
          for (int n = 0; n < N; n++) {
            sums[g][n] = fma(weight, load(v[g] + at + n * W, n + 1 == N ? lanes : W), sums[g][n]);
          }
        }
      }
    }
    for (int g = 0; g < G; g++) {
      const Vec scale = set1(inverseSums[g]);
      for (int n = 0; n < N; n++) {
        store(out + g * x.shape.headDim + d + n * W, sums[g][n] * scale, n + 1 == N ? lanes : W);
      }
    }
  }
};

template <int G>
static void attendHeads(const Attending& x, int64_t firstHead, int64_t i) {
  const AttentionShape& shape = x.shape;
  const int64_t row = x.own().query(i), length = x.position(i) + 1;
  const int64_t at = row * shape.queryWidth() + firstHead * shape.headDim;
  float inverseSums[G];
  ValueHeads<G> values{x, length, x.scores, inverseSums, {}, x.out + at};
  for (int g = 0; g < G; g++) {
    const int64_t h = firstHead + g, column = shape.kvHead(h) * shape.headDim, width = shape.keyWidth();
    float* scores = x.scores + g * x.scoreStride;
    values.v[g] = x.v + column;
    for (int64_t c = 0; c < x.depth; c++) {
      const Segment& link = x.link(c);
      const int64_t base = x.keysBefore[x.chain[c]];
      dotKeys(x.q + at + g * shape.headDim, x.k + link.key(0) * width + column, link.stride * width, x.seen(c, length),
              shape.headDim, [&](int64_t key, Vec dots, int) {
                store(scores + base + key, scoreOf(dots, shape.scale, x.slope(h), length - 1, base + key));
              });
    }
  }
  for (int g = 0; g < G; g++) {
    inverseSums[g] = softmaxRow(x.scores + g * x.scoreStride, length, x.lse + row * shape.heads + firstHead + g);
  }
  forHead(shape.headDim, values);
}

// Heads firstHead … lastHead − 1 of query i.
static void attendQuery(const Attending& x, int64_t firstHead, int64_t lastHead, int64_t i) {
  int64_t h = firstHead;
  for (; h + queryTile <= lastHead; h += queryTile) attendHeads<queryTile>(x, h, i);
  for (; h < lastHead; h++) attendHeads<1>(x, h, i);
}

void attention(const Arguments& a, Thread& thread) {
  const AttentionShape shape{a.buffer<Segment>(3), a.integer(7), a.integer(8),
                             a.integer(9), a.integer(10), static_cast<float>(a.number(11)), a.buffer(4)};
  const float* k = a.buffer(1);
  const int64_t maxKeys = a.integer(12);
  const AttentionPlan plan = planAttention(shape, thread);
  const auto transposeHead = [&](const Segment& segment, int64_t kvHead, float* to) {
    transposeRows(k + segment.key(0) * shape.keyWidth() + kvHead * shape.headDim, segment.stride * shape.keyWidth(),
                  segment.keys(), shape.headDim, to);
  };

  float* shared = nullptr;
  if (plan.sharedCount > 0) {
    shared = static_cast<float*>(thread.sharedScratch(0, sizeof(float) * plan.sharedSize));
    thread.share(plan.sharedCount * shape.kvHeads, shape.kvHeads, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int32_t s = plan.sharedSegment[i / shape.kvHeads];
        const int64_t kvHead = i % shape.kvHeads;
        transposeHead(shape.segments[s], kvHead,
                      shared + plan.sharedAt[s] + kvHead * shape.transposedSize(shape.segments[s]));
      }
    });
  }

  int32_t* chain = static_cast<int32_t*>(thread.scratch(1, sizeof(int32_t) * shape.count));
  const float** transposed = static_cast<const float**>(thread.scratch(2, sizeof(float*) * shape.count));
  const int64_t scoreStride = (maxKeys + W + 15) / 16 * 16;
  float* scores = static_cast<float*>(thread.scratch(3, sizeof(float) * queryTile * scoreStride));
  float* ownKeys = static_cast<float*>(thread.scratch(4, sizeof(float) * (maxKeys + W) * shape.headDim));
  Attending x{shape, a.buffer(0), k, a.buffer(2), a.buffer(5), a.buffer(6), plan.keysBefore, chain, 0, scores, scoreStride};
  const int64_t grain = plan.blocks >= 8 * thread.count ? shape.heads : 1;
  thread.share(plan.blocks * shape.heads, grain, [&](int64_t begin, int64_t end) {
    const int64_t block = begin / shape.heads, firstHead = begin % shape.heads, lastHead = firstHead + end - begin;
    const int32_t s = plan.blockSegment[block];
    const Segment& segment = shape.segments[s];
    const int64_t first = plan.blockFirst[block], left = segment.queryCount - first;
    const int64_t last = first + (left < queryBlock ? left : queryBlock), tiled = last - (last - first) % queryTile;
    x.depth = chainOf(shape, s, chain);
    if (tiled > first) {
      for (int64_t h = firstHead; h < lastHead; h++) {
        const int64_t kvHead = shape.kvHead(h);
        for (int64_t c = 0; c < x.depth; c++) {
          const int64_t at = plan.sharedAt[chain[c]];
          transposed[c] = at < 0 ? ownKeys : shared + at + kvHead * shape.transposedSize(x.link(c));
        }
        const bool known = h > firstHead && shape.kvHead(h - 1) == kvHead;
        if (plan.sharedAt[s] < 0 && !known) transposeHead(segment, kvHead, ownKeys);
        for (int64_t i = first; i < tiled; i += queryTile) attendTile<queryTile>(x, h, transposed, i);
      }
    }
    for (int64_t i = tiled; i < last; i++) attendQuery(x, firstHead, lastHead, i);
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

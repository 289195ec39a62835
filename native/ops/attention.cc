// Causal attention over segments, forward. A task is one head of up to `queryBlock` queries of a segment: scores against
// transposed keys (keys across lanes), softmax over a row of scores in chain order, then the values, weighted.
//
// Keys that several tasks will read (a shared prompt, or a segment of more than one block) are transposed once, for all
// threads; the keys of a short segment are transposed by the task that needs them.
#include "attention.h"

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
  plan.blocks = 0;
  countAncestorKeys(shape, plan.keysBefore);
  for (int64_t s = 0; s < shape.count; s++) {
    const Segment& segment = shape.segments[s];
    plan.sharedAt[s] = segment.queryCount > queryBlock ? 0 : -1;
    if (segment.parent >= 0) plan.sharedAt[segment.parent] = 0;
    for (int32_t first = 0; first < segment.queryCount; first += queryBlock) {
      plan.blockSegment[plan.blocks] = static_cast<int32_t>(s);
      plan.blockFirst[plan.blocks++] = first;
    }
  }
  plan.sharedCount = plan.sharedSize = 0;
  for (int64_t s = 0; s < shape.count; s++) {
    if (plan.sharedAt[s] < 0) continue;
    plan.sharedAt[s] = plan.sharedSize;
    plan.sharedSize += shape.transposedSize(shape.segments[s]) * shape.kvHeads;
    plan.sharedSegment[plan.sharedCount++] = static_cast<int32_t>(s);
  }
  return plan;
}

// One head of one chain: everything a tile of its queries needs.
struct HeadChain {
  const AttentionShape& shape;
  const int32_t* chain;
  int64_t depth;
  const int64_t* keysBefore;
  const float* const* transposed;  // [depth]
  const float* v;                  // at this head's column
  float* scores;
  int64_t scoreStride;
  float slope;
};

template <int Q>
struct ValueTile {
  const HeadChain& head;
  const int64_t* lengths;
  const float* inverseSums;
  float* const* out;
  template <int N>
  void run(int64_t d, int lanes) {
    Vec sums[Q][N];
    for (int q = 0; q < Q; q++)
      for (int n = 0; n < N; n++) sums[q][n] = zero();
    for (int64_t c = 0; c < head.depth; c++) {
      const Segment& segment = head.shape.segments[head.chain[c]];
      const int64_t base = head.keysBefore[head.chain[c]], stride = segment.stride * head.shape.keyWidth();
      int64_t ends[Q];
      for (int q = 0; q < Q; q++) ends[q] = (c + 1 < head.depth ? base + segment.keys() : lengths[q]) - base;
      weighRows<Q, N>(head.scores + base, head.scoreStride, 0, ends, head.v + segment.key(0) * head.shape.keyWidth() + d,
                      stride, lanes, sums);
    }
    for (int q = 0; q < Q; q++) {
      const Vec scale = set1(inverseSums[q]);
      for (int n = 0; n < N; n++) store(out[q] + d + n * W, sums[q][n] * scale, n + 1 == N ? lanes : W);
    }
  }
};

// Queries first … first + Q − 1 of the chain's last segment. q, out and lse are at this head's column.
template <int Q>
static void attendTile(const HeadChain& head, int64_t first, const float* q, float* out, float* lse) {
  const AttentionShape& shape = head.shape;
  const int32_t last = head.chain[head.depth - 1];
  const Segment& own = shape.segments[last];
  const int64_t position = head.keysBefore[last] + own.keysBefore + first;
  const float* queries[Q];
  float* outputs[Q];
  int64_t lengths[Q];
  for (int i = 0; i < Q; i++) {
    queries[i] = q + own.query(first + i) * shape.queryWidth();
    outputs[i] = out + own.query(first + i) * shape.queryWidth();
    lengths[i] = position + i + 1;
  }
  for (int64_t c = 0; c < head.depth; c++) {
    const int64_t base = head.keysBefore[head.chain[c]];
    const int64_t keys = c + 1 < head.depth ? shape.segments[head.chain[c]].keys() : lengths[Q - 1] - base;
    scoreKeys<Q>(queries, head.transposed[c], keys, base, position, shape, head.slope, head.scores, head.scoreStride);
  }
  float inverseSums[Q];
  for (int i = 0; i < Q; i++) {
    float* scores = head.scores + i * head.scoreStride;
    const float max = maxOf(scores, lengths[i]);
    const Vec maxima = set1(max);
    const float sum = sumVectors(lengths[i], [&](int64_t j, int lanes) {
      Vec p = exp(load(scores + j, lanes) - maxima);
      store(scores + j, p, lanes);
      return p;
    });
    lse[own.query(first + i) * shape.heads] = max + __builtin_logf(sum);
    inverseSums[i] = 1.0f / sum;
  }
  forHead(shape.headDim, ValueTile<Q>{head, lengths, inverseSums, outputs});
}

void attention(const Arguments& a, Thread& thread) {
  const float* q = a.buffer(0);
  const float* k = a.buffer(1);
  const float* v = a.buffer(2);
  float* out = a.buffer(5);
  float* lse = a.buffer(6);
  const AttentionShape shape{a.buffer<Segment>(3), a.integer(7), a.integer(8),
                             a.integer(9), a.integer(10), static_cast<float>(a.number(11)), a.buffer(4)};
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

  const int64_t scoreStride = (maxKeys + W + 15) / 16 * 16;
  float* scores = static_cast<float*>(thread.scratch(1, sizeof(float) * queryTile * scoreStride));
  float* own = static_cast<float*>(thread.scratch(2, sizeof(float) * (maxKeys + W) * shape.headDim));
  int32_t* chain = static_cast<int32_t*>(thread.scratch(3, sizeof(int32_t) * shape.count));
  const float** transposed = static_cast<const float**>(thread.scratch(4, sizeof(float*) * shape.count));
  int64_t ownSegment = -1, ownHead = -1;
  thread.share(plan.blocks * shape.heads, shape.heads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int32_t s = plan.blockSegment[i / shape.heads];
      const Segment& segment = shape.segments[s];
      const int64_t h = i % shape.heads, kvHead = shape.kvHead(h), column = h * shape.headDim;
      const int64_t depth = chainOf(shape, s, chain);
      for (int64_t c = 0; c < depth; c++) {
        const int32_t link = chain[c];
        transposed[c] = plan.sharedAt[link] < 0
                            ? own
                            : shared + plan.sharedAt[link] + kvHead * shape.transposedSize(shape.segments[link]);
      }
      if (plan.sharedAt[s] < 0 && (ownSegment != s || ownHead != kvHead)) {
        transposeHead(segment, kvHead, own);
        ownSegment = s;
        ownHead = kvHead;
      }
      const HeadChain head{shape,  chain,       depth, plan.keysBefore, transposed, v + kvHead * shape.headDim,
                           scores, scoreStride, shape.slopes ? shape.slopes[h] : 0.0f};
      int64_t first = plan.blockFirst[i / shape.heads];
      const int64_t blockEnd = first + queryBlock < segment.queryCount ? first + queryBlock : segment.queryCount;
      for (; first + queryTile <= blockEnd; first += queryTile) {
        attendTile<queryTile>(head, first, q + column, out + column, lse + h);
      }
      for (; first < blockEnd; first++) attendTile<1>(head, first, q + column, out + column, lse + h);
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

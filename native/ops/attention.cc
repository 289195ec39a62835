// Causal attention over segments, forward: scores, softmax over a chain of keys, values weighted and added.
//
// A query's bits depend on the keys of its chain and their order alone. A score is defined in attention-scores.h; the sum of
// a softmax has one part per chain position modulo W, folded by reduceAdd's tree; an output element is one chain of
// multiply-adds over the keys, root first. Neighbouring queries, the ends of segments, and whether keys lie in a batch or in
// a cache change none of it.
//
// A task is some heads of up to `queryBlock` queries of a segment. Queries go W at a time, across lanes; the last few of a
// segment, and all of decoding, go one by one, several heads at once.
#include "attention-scores.h"

namespace reckon {
namespace RECKON_ISA {

constexpr int64_t queryBlock = 4 * W;
// Fewer queries than this go one by one.
constexpr int64_t fewestLanes = W == 16 ? 4 : 2;
// Heads of a single query that are worked on together.
constexpr int headTile = 4;

// The operands, and one thread's scratch for one chain.
struct Attending {
  const AttentionShape& shape;
  const float *q, *k, *v;
  float *out, *lse;
  float* queries;  // [headDim][W]
  float* scores;   // [chain position][W queries], or [headTile][scoreStride]
  int64_t scoreStride;
  Chain chain;
};

// Head h of `count` ≤ W queries at rows row, row + stride, … and consecutive positions of the chain.
static void attendLanes(const Attending& x, int64_t h, int64_t row, int64_t stride, int64_t position, int count) {
  const AttentionShape& shape = x.shape;
  const int64_t at = row * shape.queryWidth() + h * shape.headDim, column = shape.kvHead(h) * shape.headDim;
  const int64_t queryStride = stride * shape.queryWidth();
  const Vec lanes = laneNumbers(), scale = set1(shape.scale), slope = set1(shape.slope(h)), unseen = set1(-__builtin_inff());
  transposeRows(x.q + at, queryStride, count, shape.headDim, x.queries);
  Vec max = unseen;
  for (int64_t c = 0; c < x.chain.depth; c++) {
    const Link& link = x.chain.links[c];
    const int64_t seen = x.chain.seen(c, position + count - 1);
    dotLanes(x.queries, x.k + link.at + column, link.stride, seen, shape.headDim, [&](int64_t key, Vec dots) {
      const int64_t ahead = link.base + key - position;  // this key is hidden from the queries in lanes below `ahead`
      const Vec distance = lanes - set1(static_cast<float>(ahead));
      Vec score = fnma(slope, distance, dots * scale);
      if (ahead > 0) score = select(firstLanes(static_cast<int>(ahead)), unseen, score);
      max = RECKON_ISA::max(max, score);
      store(x.scores + (link.base + key) * W, score);
    });
  }
  Vec parts[W];
  for (int i = 0; i < W; i++) parts[i] = zero();
  for (int64_t j = 0; j < position + count; j++) {
    const Vec p = exp(load(x.scores + j * W) - max);
    store(x.scores + j * W, p);
    parts[j % W] = parts[j % W] + p;
  }
  for (int half = W / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) parts[i] = parts[i] + parts[i + half];
  float inverseSums[W], lse[W];
  store(inverseSums, set1(1) / parts[0]);
  store(lse, max + log(parts[0]));
  for (int i = 0; i < count; i++) x.lse[(row + i * stride) * shape.heads + h] = lse[i];
  weighChain(x.chain, position, count, shape.headDim, x.scores, inverseSums, x.v + column, x.out + at, queryStride);
}

// The outputs of one query's heads: G · N independent chains at a time hide their latency.
template <int G>
struct ValueHeads {
  const Attending& x;
  int64_t position;
  const float* inverseSums;
  int64_t columns[G];
  float* out;
  template <int N>
  RECKON_INLINE void run(int64_t d, int lanes) {
    Vec sums[G][N];
    for (int g = 0; g < G; g++)
      for (int n = 0; n < N; n++) sums[g][n] = zero();
    for (int64_t c = 0; c < x.chain.depth; c++) {
      const Link& link = x.chain.links[c];
      const int64_t seen = x.chain.seen(c, position);
      const float* v = x.v + link.at + d;
      for (int64_t j = 0; j < seen; j++, v += link.stride) {
        for (int g = 0; g < G; g++) {
          const Vec weight = set1(x.scores[g * x.scoreStride + link.base + j]);
          for (int n = 0; n < N; n++) {
            sums[g][n] = fma(weight, load(v + columns[g] + n * W, n + 1 == N ? lanes : W), sums[g][n]);
          }
        }
      }
    }
    for (int g = 0; g < G; g++)
      for (int n = 0; n < N; n++) {
        store(out + g * x.shape.headDim + d + n * W, sums[g][n] * set1(inverseSums[g]), n + 1 == N ? lanes : W);
      }
  }
};

// Heads firstHead … firstHead + G − 1 of the query at `row`.
template <int G>
static void attendHeads(const Attending& x, int64_t firstHead, int64_t row, int64_t position) {
  const AttentionShape& shape = x.shape;
  const int64_t at = row * shape.queryWidth() + firstHead * shape.headDim, length = position + 1;
  const Vec lanes = laneNumbers(), scale = set1(shape.scale);
  float maxima[W] = {}, sums[W] = {}, inverseSums[W];
  ValueHeads<G> values{x, position, inverseSums, {}, x.out + at};
  for (int g = 0; g < G; g++) {
    float* scores = x.scores + g * x.scoreStride;
    values.columns[g] = shape.kvHead(firstHead + g) * shape.headDim;
    const Vec slope = set1(shape.slope(firstHead + g));
    for (int64_t c = 0; c < x.chain.depth; c++) {
      const Link& link = x.chain.links[c];
      dotKeys(x.q + at + g * shape.headDim, x.k + link.at + values.columns[g], link.stride, x.chain.seen(c, position),
              shape.headDim, [&](int64_t key, Vec dots) {
                const Vec distance = set1(static_cast<float>(position - link.base - key)) - lanes;
                store(scores + link.base + key, fnma(slope, distance, dots * scale));
              });
    }
  }
  for (int g = 0; g < G; g++) {
    float* scores = x.scores + g * x.scoreStride;
    maxima[g] = maxOf(scores, length);
    const Vec max = set1(maxima[g]);
    Vec parts = zero();
    forVectors(length, [&](int64_t j, int wide) {
      const Vec p = exp(load(scores + j, wide) - max);
      store(scores + j, p, wide);
      parts = parts + keep(p, wide);
    });
    sums[g] = reduceAdd(parts);
  }
  float lse[W];
  store(lse, load(maxima) + log(load(sums)));
  store(inverseSums, set1(1) / load(sums));
  for (int g = 0; g < G; g++) x.lse[row * shape.heads + firstHead + g] = lse[g];
  forHead(shape.headDim, values);
}

void attention(const Arguments& a, Thread& thread) {
  const AttentionShape shape{a.buffer<Segment>(3), a.integer(7), a.integer(8),
                             a.integer(9), a.integer(10), static_cast<float>(a.number(11)), a.buffer(4)};
  const int64_t maxKeys = a.integer(12);
  checkSegments(shape, maxKeys);
  // Blocks of queries, the same list in every thread.
  int64_t blocks = 0;
  for (int64_t s = 0; s < shape.count; s++) blocks += (shape.segments[s].queryCount + queryBlock - 1) / queryBlock;
  int32_t* blockSegment = static_cast<int32_t*>(thread.scratch(0, sizeof(int32_t) * (2 * blocks + 1)));
  int32_t* blockFirst = blockSegment + blocks;
  blocks = 0;
  for (int64_t s = 0; s < shape.count; s++) {
    for (int64_t first = 0; first < shape.segments[s].queryCount; first += queryBlock) {
      blockSegment[blocks] = static_cast<int32_t>(s);
      blockFirst[blocks++] = static_cast<int32_t>(first);
    }
  }

  Link* links = static_cast<Link*>(thread.scratch(1, sizeof(Link) * shape.count));
  const int64_t scoreStride = (maxKeys + W + 15) / 16 * 16;
  const int64_t scoreRows = W > headTile ? W : headTile;
  Attending x{shape, a.buffer(0), a.buffer(1), a.buffer(2), a.buffer(5), a.buffer(6),
              static_cast<float*>(thread.scratch(2, sizeof(float) * W * shape.headDim)),
              static_cast<float*>(thread.scratch(3, sizeof(float) * scoreRows * scoreStride)), scoreStride, {links, 0}};
  const auto attendBlock = [&](int64_t block, int64_t firstHead, int64_t lastHead) {
    const Segment& segment = shape.segments[blockSegment[block]];
    x.chain = chainOf(shape, blockSegment[block], links);
    const int64_t position = links[x.chain.depth - 1].base + segment.keysBefore;
    int64_t i = blockFirst[block];
    const int64_t last = i + queryBlock < segment.queryCount ? i + queryBlock : segment.queryCount;
    for (; last - i >= fewestLanes; i += W) {
      const int count = last - i < W ? static_cast<int>(last - i) : W;
      for (int64_t h = firstHead; h < lastHead; h++) {
        attendLanes(x, h, segment.query(i), segment.stride, position + i, count);
      }
    }
    for (; i < last; i++) {
      int64_t h = firstHead;
      for (; h + headTile <= lastHead; h += headTile) attendHeads<headTile>(x, h, segment.query(i), position + i);
      for (; h < lastHead; h++) attendHeads<1>(x, h, segment.query(i), position + i);
    }
  };
  // Whole blocks when there are enough of them to keep all threads busy, else head by head.
  const int64_t perThread = blocks / thread.count;
  if (perThread >= 8) {
    thread.share(blocks, perThread / 8, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; block++) attendBlock(block, 0, shape.heads);
    }, false);
  } else {
    thread.share(blocks * shape.heads, 1, [&](int64_t task, int64_t) {
      attendBlock(task / shape.heads, task % shape.heads, task % shape.heads + 1);
    }, false);
  }
}

}  // namespace RECKON_ISA
}  // namespace reckon

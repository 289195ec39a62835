// What attention and its gradient share: segments, chains of keys, queries laid out across lanes, rows weighted and added.
#pragma once
#include <stdexcept>

#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// A row of the segment table, see `attention` in src/engine/kernels.ts.
struct Segment {
  int32_t queryStart, queryCount, keyStart, keysBefore, parent, stride;
  int64_t keys() const { return static_cast<int64_t>(keysBefore) + queryCount; }
  int64_t query(int64_t i) const { return queryStart + static_cast<int64_t>(i) * stride; }
};

// What all queries of a call share.
struct AttentionShape {
  const Segment* segments;
  int64_t count, heads, kvHeads, headDim;
  float scale;
  const float* slopes;
  int64_t kvHead(int64_t head) const { return head * kvHeads / heads; }
  int64_t queryWidth() const { return heads * headDim; }
  int64_t keyWidth() const { return kvHeads * headDim; }
  float slope(int64_t head) const { return slopes ? slopes[head] : 0.0f; }
};

// Keys of one segment, as a chain sees them: key j begins at element at + j · stride of k and v and has position base + j.
struct Link {
  int64_t at, stride, base, keys;
};

// The keys that queries of a segment see, root first, their own last.
struct Chain {
  const Link* links;
  int64_t depth;
  // Keys of link c for the query at chain position `position`.
  int64_t seen(int64_t c, int64_t position) const {
    return c + 1 < depth ? links[c].keys : position + 1 - links[c].base;
  }
};

// Throws when the table could lead a kernel astray: a parent that does not precede its child, a negative number, or a chain
// of more than maxKeys keys.
inline void checkSegments(const AttentionShape& shape, int64_t maxKeys) {
  for (int64_t s = 0; s < shape.count; s++) {
    const Segment& segment = shape.segments[s];
    if (segment.queryStart < 0 || segment.queryCount < 0 || segment.keyStart < 0 || segment.keysBefore < 0) {
      throw std::out_of_range("a segment's rows must not be negative");
    }
    if (segment.parent >= s) throw std::out_of_range("a segment's parent must precede it in the table");
    int64_t keys = 0;
    for (int64_t link = s; link >= 0; link = shape.segments[link].parent) keys += shape.segments[link].keys();
    if (keys > maxKeys) throw std::out_of_range("maxKeys must bound the keys of every chain of segments");
  }
}

// `links` has room for every segment.
inline Chain chainOf(const AttentionShape& shape, int64_t segment, Link* links) {
  int64_t depth = 0, base = 0;
  for (int64_t s = segment; s >= 0; s = shape.segments[s].parent) depth++;
  int64_t c = depth;
  for (int64_t s = segment; s >= 0; s = shape.segments[s].parent) {
    const Segment& one = shape.segments[s];
    links[--c] = {one.keyStart * shape.keyWidth(), one.stride * shape.keyWidth(), 0, one.keys()};
  }
  for (; c < depth; c++) {
    links[c].base = base;
    base += links[c].keys;
  }
  return {links, depth};
}

// Up to W rows x[i · stride], `headDim` wide, become out[d][lane]; missing lanes are zero.
inline void transposeRows(const float* x, int64_t stride, int count, int64_t headDim, float* out) {
  Vec rows[W];
  for (int64_t d = 0; d < headDim; d += W) {
    const int wide = headDim - d < W ? static_cast<int>(headDim - d) : W;
    for (int i = 0; i < W; i++) rows[i] = i < count ? load(x + i * stride + d, wide) : zero();
    transpose(rows);
    for (int i = 0; i < wide; i++) store(out + (d + i) * W, rows[i]);
  }
}

// sums[q][n] += Σ_j weights[j · W + q] · x[j · stride + n · W + lane], j ascending below `end`, or below end + q when `causal`.
// `lanes` is W but for a narrow last vector.
template <int Q, int N>
RECKON_INLINE void weighRows(const float* weights, int64_t end, bool causal, const float* x, int64_t stride, int lanes,
                             Vec (*sums)[N]) {
  Vec row[N];
  for (int64_t j = 0; j < end; j++) {
    for (int n = 0; n < N; n++) row[n] = load(x + j * stride + n * W, n + 1 == N ? lanes : W);
    for (int q = 0; q < Q; q++) {
      const Vec weight = set1(weights[j * W + q]);
      for (int n = 0; n < N; n++) sums[q][n] = fma(weight, row[n], sums[q][n]);
    }
  }
  if (!causal) return;
#pragma GCC unroll 8
  for (int beyond = 0; beyond + 1 < Q; beyond++) {
    const int64_t j = end + beyond;
    for (int n = 0; n < N; n++) row[n] = load(x + j * stride + n * W, n + 1 == N ? lanes : W);
#pragma GCC unroll 8
    for (int q = beyond + 1; q < Q; q++) {
      const Vec weight = set1(weights[j * W + q]);
      for (int n = 0; n < N; n++) sums[q][n] = fma(weight, row[n], sums[q][n]);
    }
  }
}

// out[q] = factors[q] · Σ_j weights[j · W + q] · x_j over the chain of Q queries at consecutive positions from `position`.
template <int Q>
struct WeightedChain {
  const Chain& chain;
  int64_t position;
  const float* weights;  // at the first query's lane; row = chain position
  const float* factors;
  const float* x;  // k or v, at the head's column
  float* out;
  int64_t outStride;
  template <int N>
  RECKON_INLINE void run(int64_t d, int lanes) {
    Vec sums[Q][N];
    for (int q = 0; q < Q; q++)
      for (int n = 0; n < N; n++) sums[q][n] = zero();
    for (int64_t c = 0; c < chain.depth; c++) {
      const Link& link = chain.links[c];
      weighRows<Q, N>(weights + link.base * W, chain.seen(c, position), c + 1 == chain.depth, x + link.at + d, link.stride,
                      lanes, sums);
    }
    for (int q = 0; q < Q; q++)
      for (int n = 0; n < N; n++) {
        store(out + q * outStride + d + n * W, sums[q][n] * set1(factors[q]), n + 1 == N ? lanes : W);
      }
  }
};

// Vectors of a head that fit in registers beside several queries.
constexpr int headVectors = W == 8 ? 2 : 4;

// body.run<N>(d, lanes) over the vectors of a head: N ≤ Most vectors from dimension d, the last of them `lanes` wide. `run`
// should be RECKON_INLINE, so that lanes is a constant where it is W.
template <int Most = headVectors, typename F>
RECKON_INLINE void forHead(int64_t headDim, F&& body) {
  int64_t d = 0;
  for (; d + Most * W <= headDim; d += Most * W) body.template run<Most>(d, W);
  if (Most > 2 && d + 2 * W <= headDim) {
    body.template run<2>(d, W);
    d += 2 * W;
  }
  for (; d + W <= headDim; d += W) body.template run<1>(d, W);
  if (d < headDim) body.template run<1>(d, static_cast<int>(headDim - d));
}

// WeightedChain for `count` ≤ W queries.
inline void weighChain(const Chain& chain, int64_t position, int count, int64_t headDim, const float* weights,
                       const float* factors, const float* x, float* out, int64_t outStride) {
  int q = 0;
  for (; q + 4 <= count; q += 4) {
    forHead(headDim, WeightedChain<4>{chain, position + q, weights + q, factors + q, x, out + q * outStride, outStride});
  }
  for (; q < count; q++) {
    forHead(headDim, WeightedChain<1>{chain, position + q, weights + q, factors + q, x, out + q * outStride, outStride});
  }
}

}  // namespace RECKON_ISA
}  // namespace reckon

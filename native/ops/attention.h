// What attention and its gradient share: chains of segments, keys laid out for lanes, and rows weighted and added up.
#pragma once
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// A row of the segment table, see `attention` in src/engine/kernels.ts.
struct Segment {
  int32_t queryStart, queryCount, keyStart, keysBefore, parent, stride;
  int64_t keys() const { return static_cast<int64_t>(keysBefore) + queryCount; }
  int64_t query(int64_t i) const { return queryStart + i * stride; }
  int64_t key(int64_t j) const { return keyStart + j * stride; }
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
  // Floats of one head's transposed keys of a segment.
  int64_t transposedSize(const Segment& s) const { return (s.keys() + W - 1) / W * W * headDim; }
};

// keys before[s] in all ancestors of each segment; parents precede their children.
inline void countAncestorKeys(const AttentionShape& shape, int64_t* before) {
  for (int64_t s = 0; s < shape.count; s++) {
    const int32_t parent = shape.segments[s].parent;
    before[s] = parent < 0 ? 0 : before[parent] + shape.segments[parent].keys();
  }
}

// Rows x[j · stride], j < count, `headDim` wide, become blocks of W rows: out[block][d][lane]; missing lanes are zero.
inline void transposeRows(const float* x, int64_t stride, int64_t count, int64_t headDim, float* out) {
  Vec rows[W];
  for (int64_t first = 0; first < count; first += W, out += W * headDim) {
    for (int64_t d = 0; d < headDim; d += W) {
      const int wide = headDim - d < W ? static_cast<int>(headDim - d) : W;
      for (int i = 0; i < W; i++) rows[i] = first + i < count ? load(x + (first + i) * stride + d, wide) : zero();
      transpose(rows);
      for (int i = 0; i < wide; i++) store(out + (d + i) * W, rows[i]);
    }
  }
}

// sums[q][n] += Σ_j weights[q · weightStride + j] · x[j · stride + n · W + lane], j ascending from `first`; query q stops before
// ends[q], and ends ascend. `lanes` is W but for a narrow last vector.
template <int Q, int N>
RECKON_INLINE void weighRows(const float* weights, int64_t weightStride, int64_t first, const int64_t* ends, const float* x,
                      int64_t stride, int lanes, Vec (*sums)[N]) {
  int64_t j = first;
  for (; j < ends[0]; j++) {
    Vec row[N];
    for (int n = 0; n < N; n++) row[n] = load(x + j * stride + n * W, n + 1 == N ? lanes : W);
    for (int q = 0; q < Q; q++) {
      const Vec weight = set1(weights[q * weightStride + j]);
      for (int n = 0; n < N; n++) sums[q][n] = fma(weight, row[n], sums[q][n]);
    }
  }
  for (int q = 1; q < Q; q++) {
    for (int64_t rest = j; rest < ends[q]; rest++) {
      const Vec weight = set1(weights[q * weightStride + rest]);
      for (int n = 0; n < N; n++) {
        sums[q][n] = fma(weight, load(x + rest * stride + n * W, n + 1 == N ? lanes : W), sums[q][n]);
      }
    }
  }
}

// score = scale · dot − slope · (position − key) for W keys of consecutive positions from `key`.
inline Vec scoreOf(Vec dots, float scale, float slope, int64_t position, int64_t key) {
  float lane[W];
  for (int i = 0; i < W; i++) lane[i] = static_cast<float>(i);
  return fnma(set1(slope), set1(static_cast<float>(position - key)) - load(lane), dots * set1(scale));
}

// body.run<N>(d, lanes) over the vectors of a head: N vectors from dimension d, the last of them `lanes` wide. `run` should be
// RECKON_INLINE, so that lanes is a constant where it is W.
template <typename F>
RECKON_INLINE void forHead(int64_t headDim, F&& body) {
  int64_t d = 0;
  for (; d + 4 * W <= headDim; d += 4 * W) body.template run<4>(d, W);
  for (; d + 2 * W <= headDim; d += 2 * W) body.template run<2>(d, W);
  for (; d < headDim; d += W) body.template run<1>(d, headDim - d < W ? static_cast<int>(headDim - d) : W);
}

// The chain of a segment, root first: at most `depth` entries. Returns how many.
inline int64_t chainOf(const AttentionShape& shape, int64_t segment, int32_t* chain) {
  int64_t depth = 0;
  for (int64_t s = segment; s >= 0; s = shape.segments[s].parent) depth++;
  int64_t i = depth;
  for (int64_t s = segment; s >= 0; s = shape.segments[s].parent) chain[--i] = static_cast<int32_t>(s);
  return depth;
}

}  // namespace RECKON_ISA
}  // namespace reckon

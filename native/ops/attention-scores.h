// q · k, defined once and computed two ways.
//
// Definition: lane l of W sums q[d] · k[d] over d = l, l + W, l + 2W, … in that order (a product, then multiply-adds), and the
// W sums are folded by reduceAdd's tree. `dotKeys` computes it for one query as written, key after key, from rows of k: the
// way of decoding, where each key is used once. `dotTile` computes it for several queries with keys across lanes, from
// transposed keys, and walks the tree lane by lane: the way of training. Both give the same bits.
#pragma once
#include "attention.h"

namespace reckon {
namespace RECKON_ISA {

// One lane's sums, for Q queries against W transposed keys. C is the number of vectors of a head, 0: see headDim.
template <int Q, int C>
RECKON_INLINE void laneSums(const float* const* queries, const float* keys, int64_t headDim, int lane, Vec* sums) {
  if (C == 0 && lane >= headDim) {
    for (int q = 0; q < Q; q++) sums[q] = zero();
    return;
  }
  const Vec first = load(keys + lane * W);
  for (int q = 0; q < Q; q++) sums[q] = set1(queries[q][lane]) * first;
  const int64_t end = C == 0 ? headDim : C * W;
#pragma GCC unroll 4
  for (int64_t d = lane + W; d < end; d += W) {
    const Vec next = load(keys + d * W);
    for (int q = 0; q < Q; q++) sums[q] = fma(set1(queries[q][d]), next, sums[q]);
  }
}

// The node of the tree over lanes lane, lane + Step, lane + 2 Step, …
template <int Q, int C, int Step>
RECKON_INLINE void foldLanes(const float* const* queries, const float* keys, int64_t headDim, int lane, Vec* sums) {
  if constexpr (Step == W) {
    laneSums<Q, C>(queries, keys, headDim, lane, sums);
  } else {
    Vec other[Q];
    foldLanes<Q, C, 2 * Step>(queries, keys, headDim, lane, sums);
    foldLanes<Q, C, 2 * Step>(queries, keys, headDim, lane + Step, other);
    for (int q = 0; q < Q; q++) sums[q] = sums[q] + other[q];
  }
}

// finish(q, key, dots): the products of queries[q] with keys key … key + W, for every block of transposed keys.
template <int Q, int C, typename F>
inline void dotTileOf(const float* const* queries, const float* transposed, int64_t count, int64_t headDim, F&& finish) {
  for (int64_t key = 0; key < count; key += W) {
    Vec dots[Q];
    foldLanes<Q, C, 1>(queries, transposed + key * headDim, headDim, 0, dots);
    for (int q = 0; q < Q; q++) finish(q, key, dots[q]);
  }
}

template <int Q, typename F>
RECKON_INLINE void dotTile(const float* const* queries, const float* transposed, int64_t count, int64_t headDim, F&& finish) {
  if (headDim == W) dotTileOf<Q, 1>(queries, transposed, count, headDim, finish);
  else if (headDim == 2 * W) dotTileOf<Q, 2>(queries, transposed, count, headDim, finish);
  else if (headDim == 4 * W) dotTileOf<Q, 4>(queries, transposed, count, headDim, finish);
  else dotTileOf<Q, 0>(queries, transposed, count, headDim, finish);
}

// Lane sums of one query with one key.
template <int C>
RECKON_INLINE Vec keySums(const float* query, const float* key, int64_t headDim) {
  if (C > 0) {
    Vec sums = load(query) * load(key);
    for (int c = 1; c < C; c++) sums = fma(load(query + c * W), load(key + c * W), sums);
    return sums;
  }
  const int narrow = headDim < W ? static_cast<int>(headDim) : W;
  Vec sums = load(query, narrow) * load(key, narrow);
  for (int64_t d = W; d < headDim; d += W) {
    const int lanes = headDim - d < W ? static_cast<int>(headDim - d) : W;
    sums = fma(load(query + d, lanes), load(key + d, lanes), sums);
  }
  return sums;
}

// finish(key, dots, lanes): the products of a query with rows key … key + lanes of k.
template <int C, typename F>
inline void dotKeysOf(const float* query, const float* k, int64_t stride, int64_t count, int64_t headDim, F&& finish) {
  Vec sums[W];
  for (int64_t key = 0; key < count; key += W) {
    const int lanes = count - key < W ? static_cast<int>(count - key) : W;
    if (lanes == W) {
      for (int i = 0; i < W; i++) sums[i] = keySums<C>(query, k + (key + i) * stride, headDim);
    } else {
      for (int i = 0; i < W; i++) sums[i] = i < lanes ? keySums<C>(query, k + (key + i) * stride, headDim) : zero();
    }
    finish(key, reduceAddRows(sums), lanes);
  }
}

template <typename F>
RECKON_INLINE void dotKeys(const float* query, const float* k, int64_t stride, int64_t count, int64_t headDim, F&& finish) {
  if (headDim == W) dotKeysOf<1>(query, k, stride, count, headDim, finish);
  else if (headDim == 2 * W) dotKeysOf<2>(query, k, stride, count, headDim, finish);
  else if (headDim == 4 * W) dotKeysOf<4>(query, k, stride, count, headDim, finish);
  else dotKeysOf<0>(query, k, stride, count, headDim, finish);
}

}  // namespace RECKON_ISA
}  // namespace reckon

// q · k, defined once and computed two ways.
//
// Definition: lane l of W sums q[d] · k[d] over d = l, l + W, l + 2W, … in that order (a product, then multiply-adds), and the
// W sums are folded by reduceAdd's tree. `dotKeys` computes it for one query as written, key after key: the way of
// decoding. `dotLanes` computes it for W queries, which are the lanes, and walks the tree one sum at a time: the way of
// training. Both give the same bits.
#pragma once
#include "attention.h"

namespace reckon {
namespace RECKON_ISA {

// One lane's sums of the definition, for K keys and W transposed queries. C is the number of vectors of a head; 0: see headDim.
template <int K, int C>
RECKON_INLINE void laneSums(const float* const* keys, const float* queries, int64_t headDim, int lane, Vec* sums) {
  if (C == 0 && lane >= headDim) {
    for (int k = 0; k < K; k++) sums[k] = zero();
    return;
  }
  const Vec first = load(queries + lane * W);
  for (int k = 0; k < K; k++) sums[k] = set1(keys[k][lane]) * first;
  const int64_t end = C == 0 ? headDim : C * W;
#pragma GCC unroll 4
  for (int64_t d = lane + W; d < end; d += W) {
    const Vec next = load(queries + d * W);
    for (int k = 0; k < K; k++) sums[k] = fma(set1(keys[k][d]), next, sums[k]);
  }
}

// The node of the tree over lanes lane, lane + Step, lane + 2 Step, …
template <int K, int C, int Step>
RECKON_INLINE void foldLanes(const float* const* keys, const float* queries, int64_t headDim, int lane, Vec* sums) {
  if constexpr (Step == W) {
    laneSums<K, C>(keys, queries, headDim, lane, sums);
  } else {
    Vec other[K];
    foldLanes<K, C, 2 * Step>(keys, queries, headDim, lane, sums);
    foldLanes<K, C, 2 * Step>(keys, queries, headDim, lane + Step, other);
    for (int k = 0; k < K; k++) sums[k] = pinned(sums[k] + other[k]);
  }
}

template <int C, typename F>
inline void dotLanesOf(const float* queries, const float* k, int64_t stride, int64_t count, int64_t headDim, F&& finish) {
  constexpr int K = W == 8 ? 2 : 4;
  const float* keys[K];
  Vec dots[K];
  int64_t key = 0;
  for (; key + K <= count; key += K) {
    for (int i = 0; i < K; i++) keys[i] = k + (key + i) * stride;
    foldLanes<K, C, 1>(keys, queries, headDim, 0, dots);
    for (int i = 0; i < K; i++) finish(key + i, dots[i]);
  }
  for (; key < count; key++) {
    keys[0] = k + key * stride;
    foldLanes<1, C, 1>(keys, queries, headDim, 0, dots);
    finish(key, dots[0]);
  }
}

// finish(key, dots): the products of W transposed queries with row `key` of k, key ascending below `count`.
template <typename F>
RECKON_INLINE void dotLanes(const float* queries, const float* k, int64_t stride, int64_t count, int64_t headDim, F&& finish) {
  if (headDim == W) dotLanesOf<1>(queries, k, stride, count, headDim, finish);
  else if (headDim == 2 * W) dotLanesOf<2>(queries, k, stride, count, headDim, finish);
  else if (headDim == 4 * W) dotLanesOf<4>(queries, k, stride, count, headDim, finish);
  else dotLanesOf<0>(queries, k, stride, count, headDim, finish);
}

// The lane sums of one query with one key.
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

template <int C, typename F>
inline void dotKeysOf(const float* query, const float* k, int64_t stride, int64_t count, int64_t headDim, F&& finish) {
  Vec sums[W];
  int64_t key = 0;
  for (; key + W <= count; key += W) {
    for (int i = 0; i < W; i++) sums[i] = keySums<C>(query, k + (key + i) * stride, headDim);
    finish(key, reduceAddRows(sums));
  }
  if (key == count) return;
  for (int i = 0; i < W; i++) sums[i] = key + i < count ? keySums<C>(query, k + (key + i) * stride, headDim) : zero();
  finish(key, reduceAddRows(sums));
}

// finish(key, dots): the products of a query with rows key … key + W of k, 0 from row `count` on.
template <typename F>
RECKON_INLINE void dotKeys(const float* query, const float* k, int64_t stride, int64_t count, int64_t headDim, F&& finish) {
  if (headDim == W) dotKeysOf<1>(query, k, stride, count, headDim, finish);
  else if (headDim == 2 * W) dotKeysOf<2>(query, k, stride, count, headDim, finish);
  else if (headDim == 4 * W) dotKeysOf<4>(query, k, stride, count, headDim, finish);
  else dotKeysOf<0>(query, k, stride, count, headDim, finish);
}

}  // namespace RECKON_ISA
}  // namespace reckon

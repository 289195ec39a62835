// Gradient of attention. With p = e^(score − lse) and dScore = p · (dOut · v − Σ dOut · out):
//   dQ = scale Σ_j dScore_j k_j;  dK_j += scale Σ_i dScore_ij q_i;  dV_j += Σ_i p_ij dOut_i.
// A task is one kv-head of one tree of segments, walked in table order by one thread: keys of a shared prompt gather
// their gradients from all children in that order, whatever the number of threads.
#include "attention.h"

namespace reckon {
namespace RECKON_ISA {

constexpr int64_t gradientBlock = 32;
constexpr int gradientTile = 4;

// Q queries against B blocks of transposed rows: out[q][b · W + lane] = Σ_d query[q][d] · block[b][d][lane], d ascending.
template <int Q, int B, typename F>
RECKON_INLINE void dotTile(const float* const* queries, const float* blocks, int64_t headDim, F&& finish) {
  Vec sums[Q][B];
  for (int q = 0; q < Q; q++)
    for (int b = 0; b < B; b++) sums[q][b] = zero();
  const int64_t blockSize = headDim * W;
  for (int64_t d = 0; d < headDim; d++) {
    Vec keys[B];
    for (int b = 0; b < B; b++) keys[b] = load(blocks + b * blockSize + d * W);
    for (int q = 0; q < Q; q++) {
      const Vec x = set1(queries[q][d]);
      for (int b = 0; b < B; b++) sums[q][b] = fma(x, keys[b], sums[q][b]);
    }
  }
  for (int q = 0; q < Q; q++)
    for (int b = 0; b < B; b++) finish(q, b, sums[q][b]);
}

// Blocks of a tile, as registers allow.
constexpr int tileBlocks = W == 16 ? 4 : 2;

// finish(query, key, dots) for every block of W rows: dots of queries[q] with rows key … key + W.
template <int Q, typename F>
inline void dotRows(const float* const* queries, const float* transposed, int64_t count, int64_t headDim, F&& finish) {
  int64_t key = 0;
  for (; key + (tileBlocks - 1) * W < count; key += tileBlocks * W) {
    dotTile<Q, tileBlocks>(queries, transposed + key * headDim, headDim, [&](int q, int b, Vec dots) {
      finish(q, key + b * W, dots);
    });
  }
  if (tileBlocks > 2 && key + W < count) {
    dotTile<Q, 2>(queries, transposed + key * headDim, headDim, [&](int q, int b, Vec dots) {
      finish(q, key + b * W, dots);
    });
    key += 2 * W;
  }
  for (; key < count; key += W) {
    dotTile<Q, 1>(queries, transposed + key * headDim, headDim, [&](int q, int, Vec dots) { finish(q, key, dots); });
  }
}

struct GradientOperands {
  const float *dOut, *q, *k, *v, *out, *lse;
  float *dQ, *dK, *dV;
};

// Σ_i weights[i][j + t] · x[i], i ascending from `first`, for T keys j … at once; added to to[t].
template <int T>
struct KeyTile {
  const float* weights;  // [i · weightStride + t]
  int64_t weightStride, first, count;
  const float* x;
  int64_t xStride;
  float* to;
  int64_t toStride;
  template <int N>
  RECKON_INLINE void run(int64_t d, int lanes) {
    Vec sums[T][N];
    for (int t = 0; t < T; t++)
      for (int n = 0; n < N; n++) sums[t][n] = load(to + t * toStride + d + n * W, n + 1 == N ? lanes : W);
    for (int64_t i = first; i < count; i++) {
      Vec row[N];
      for (int n = 0; n < N; n++) row[n] = load(x + i * xStride + d + n * W, n + 1 == N ? lanes : W);
      for (int t = 0; t < T; t++) {
        const Vec weight = set1(weights[i * weightStride + t]);
        for (int n = 0; n < N; n++) sums[t][n] = fma(weight, row[n], sums[t][n]);
      }
    }
    for (int t = 0; t < T; t++)
      for (int n = 0; n < N; n++) store(to + t * toStride + d + n * W, sums[t][n], n + 1 == N ? lanes : W);
  }
};

// dQ of Q queries of a chain.
template <int Q>
struct QueryTile {
  const AttentionShape& shape;
  const int32_t* chain;
  int64_t depth;
  const int64_t* keysBefore;
  const float* dScores;
  int64_t scoreStride, length;
  const float* k;
  float* const* dQ;
  template <int N>
  RECKON_INLINE void run(int64_t d, int lanes) {
    Vec sums[Q][N];
    for (int q = 0; q < Q; q++)
      for (int n = 0; n < N; n++) sums[q][n] = zero();
    for (int64_t c = 0; c < depth; c++) {
      const Segment& segment = shape.segments[chain[c]];
      const int64_t base = keysBefore[chain[c]];
      int64_t ends[Q];
      for (int q = 0; q < Q; q++) ends[q] = c + 1 < depth ? segment.keys() : length + q - base;
      weighRows<Q, N>(dScores + base, scoreStride, 0, ends, k + segment.key(0) * shape.keyWidth() + d,
                      segment.stride * shape.keyWidth(), lanes, sums);
    }
    for (int q = 0; q < Q; q++)
      for (int n = 0; n < N; n++) store(dQ[q] + d + n * W, sums[q][n], n + 1 == N ? lanes : W);
  }
};

// One kv-head of one tree, and the thread's scratch for it.
struct TreeHead {
  const AttentionShape& shape;
  const GradientOperands& x;
  const int64_t* keysBefore;
  const int64_t* transposedAt;  // [count] place of a segment in keysT and valuesT
  float *keysT, *valuesT, *p, *dScores;
  int32_t* chain;
  int64_t scoreStride, depth;
};

// Fills p and dScores of Q queries from `first`, in rows `row` … of the block, zero from the causal end up to `width`; then
// writes their dQ.
template <int Q>
static void queryGradients(const TreeHead& tree, int64_t h, int64_t first, int64_t row, int64_t width) {
  const AttentionShape& shape = tree.shape;
  const int32_t last = tree.chain[tree.depth - 1];
  const Segment& own = shape.segments[last];
  const int64_t position = tree.keysBefore[last] + first, column = h * shape.headDim;
  const float slope = shape.slopes ? shape.slopes[h] : 0.0f;
  float* p = tree.p + row * tree.scoreStride;
  float* dScores = tree.dScores + row * tree.scoreStride;
  const float *queries[Q], *upstream[Q];
  float* dQ[Q];
  for (int i = 0; i < Q; i++) {
    const int64_t at = own.query(first + i) * shape.queryWidth() + column;
    queries[i] = tree.x.q + at;
    upstream[i] = tree.x.dOut + at;
    dQ[i] = tree.x.dQ + at;
  }
  for (int64_t c = 0; c < tree.depth; c++) {
    const int32_t s = tree.chain[c];
    const int64_t base = tree.keysBefore[s];
    const int64_t keys = c + 1 < tree.depth ? shape.segments[s].keys() : position + Q - base;
    dotRows<Q>(queries, tree.keysT + tree.transposedAt[s], keys, shape.headDim, [&](int i, int64_t key, Vec dots) {
      store(p + i * tree.scoreStride + base + key, scoreOf(dots, shape.scale, slope, position + i, base + key));
    });
    dotRows<Q>(upstream, tree.valuesT + tree.transposedAt[s], keys, shape.headDim, [&](int i, int64_t key, Vec dots) {
      store(dScores + i * tree.scoreStride + base + key, dots);
    });
  }
  for (int i = 0; i < Q; i++) {
    const int64_t at = own.query(first + i);
    const float* out = tree.x.out + at * shape.queryWidth() + column;
    const Vec lse = set1(tree.x.lse[at * shape.heads + h]), scale = set1(shape.scale);
    const Vec along = set1(sumVectors(shape.headDim, [&](int64_t d, int lanes) {
      return load(out + d, lanes) * load(upstream[i] + d, lanes);
    }));
    float* pRow = p + i * tree.scoreStride;
    float* dRow = dScores + i * tree.scoreStride;
    const int64_t length = position + i + 1;
    forVectors(length, [&](int64_t j, int lanes) {
      Vec weight = exp(load(pRow + j, lanes) - lse);
      store(pRow + j, weight, lanes);
      store(dRow + j, (load(dRow + j, lanes) - along) * weight * scale, lanes);
    });
    for (int64_t j = length; j < width; j++) pRow[j] = dRow[j] = 0;
  }
  const float* k = tree.x.k + shape.kvHead(h) * shape.headDim;
  forHead(shape.headDim, QueryTile<Q>{shape, tree.chain, tree.depth, tree.keysBefore, dScores, tree.scoreStride,
                                      position + 1, k, dQ});
}

// Adds the block of queries first … first + count − 1 to dK and dV of every key of its chain.
static void keyGradients(const TreeHead& tree, int64_t h, int64_t first, int64_t count) {
  const AttentionShape& shape = tree.shape;
  const Segment& own = shape.segments[tree.chain[tree.depth - 1]];
  const int64_t queryStride = own.stride * shape.queryWidth(), column = shape.kvHead(h) * shape.headDim;
  const float* q = tree.x.q + own.query(first) * shape.queryWidth() + h * shape.headDim;
  const float* dOut = tree.x.dOut + own.query(first) * shape.queryWidth() + h * shape.headDim;
  for (int64_t c = 0; c < tree.depth; c++) {
    const int32_t s = tree.chain[c];
    const Segment& segment = shape.segments[s];
    const bool causal = c + 1 == tree.depth;
    const int64_t keys = causal ? first + count : segment.keys(), stride = segment.stride * shape.keyWidth();
    for (int64_t j = 0; j < keys;) {
      const float* p = tree.p + tree.keysBefore[s] + j;
      const float* dScores = tree.dScores + tree.keysBefore[s] + j;
      float* dK = tree.x.dK + segment.key(j) * shape.keyWidth() + column;
      float* dV = tree.x.dV + segment.key(j) * shape.keyWidth() + column;
      const int64_t from = causal && j > first ? j - first : 0;
      if (j + gradientTile <= keys) {
        forHead(shape.headDim,
                KeyTile<gradientTile>{p, tree.scoreStride, from, count, dOut, queryStride, dV, stride});
        forHead(shape.headDim,
                KeyTile<gradientTile>{dScores, tree.scoreStride, from, count, q, queryStride, dK, stride});
        j += gradientTile;
      } else {
        forHead(shape.headDim, KeyTile<1>{p, tree.scoreStride, from, count, dOut, queryStride, dV, stride});
        forHead(shape.headDim, KeyTile<1>{dScores, tree.scoreStride, from, count, q, queryStride, dK, stride});
        j += 1;
      }
    }
  }
}

void attentionBackward(const Arguments& a, Thread& thread) {
  const GradientOperands x{a.buffer(0), a.buffer(1), a.buffer(2), a.buffer(3), a.buffer(4),
                           a.buffer(5), a.buffer(8), a.buffer(9), a.buffer(10)};
  const int64_t rows = a.integer(11), maxKeys = a.integer(17);
  const AttentionShape shape{a.buffer<Segment>(6), a.integer(12), a.integer(13),
                             a.integer(14), a.integer(15), static_cast<float>(a.number(16)), a.buffer(7)};
  const int64_t count = shape.count;

  // Trees as lists in table order: root r is followed by next[r], and so on until −1.
  int64_t* keysBefore = static_cast<int64_t*>(thread.scratch(0, 2 * sizeof(int64_t) * count));
  int64_t* transposedAt = keysBefore + count;
  int32_t* roots = static_cast<int32_t*>(thread.scratch(1, 5 * sizeof(int32_t) * count));
  int32_t *next = roots + count, *rootOf = next + count, *latest = rootOf + count, *chain = latest + count;
  countAncestorKeys(shape, keysBefore);
  int64_t trees = 0, largest = 0, covered = 0;
  for (int64_t s = 0; s < count; s++) {
    const Segment& segment = shape.segments[s];
    const int32_t self = static_cast<int32_t>(s);
    covered += segment.queryCount;
    next[s] = -1;
    if (segment.parent < 0) {
      roots[trees++] = rootOf[s] = self;
      transposedAt[s] = 0;
    } else {
      const int32_t root = rootOf[s] = rootOf[segment.parent], before = latest[root];
      next[before] = self;
      transposedAt[s] = transposedAt[before] + shape.transposedSize(shape.segments[before]);
    }
    latest[rootOf[s]] = self;
    const int64_t size = transposedAt[s] + shape.transposedSize(segment);
    if (size > largest) largest = size;
  }

  // Rows of no segment have no gradient.
  if (covered < rows) {
    float* const outputs[3] = {x.dQ, x.dK, x.dV};
    const int64_t widths[3] = {shape.queryWidth(), shape.keyWidth(), shape.keyWidth()};
    for (int o = 0; o < 3; o++) {
      shareVectors(thread, rows * widths[o], [&](int64_t i, int lanes) { store(outputs[o] + i, zero(), lanes); });
    }
  }

  const int64_t scoreStride = (maxKeys + W + 15) / 16 * 16;
  TreeHead tree{shape, x, keysBefore, transposedAt, nullptr, nullptr, nullptr, nullptr, chain, scoreStride, 0};
  tree.keysT = static_cast<float*>(thread.scratch(2, sizeof(float) * largest));
  tree.valuesT = static_cast<float*>(thread.scratch(3, sizeof(float) * largest));
  tree.p = static_cast<float*>(thread.scratch(4, sizeof(float) * gradientBlock * scoreStride));
  tree.dScores = static_cast<float*>(thread.scratch(5, sizeof(float) * gradientBlock * scoreStride));
  thread.share(trees * shape.kvHeads, 1, [&](int64_t task, int64_t) {
    const int64_t kvHead = task % shape.kvHeads, column = kvHead * shape.headDim;
    for (int64_t s = roots[task / shape.kvHeads]; s >= 0; s = next[s]) {
      const Segment& segment = shape.segments[s];
      const int64_t at = segment.key(0) * shape.keyWidth() + column, stride = segment.stride * shape.keyWidth();
      transposeRows(x.k + at, stride, segment.keys(), shape.headDim, tree.keysT + transposedAt[s]);
      transposeRows(x.v + at, stride, segment.keys(), shape.headDim, tree.valuesT + transposedAt[s]);
      for (int64_t j = 0; j < segment.keys(); j++) {
        forVectors(shape.headDim, [&](int64_t d, int lanes) {
          store(x.dK + at + j * stride + d, zero(), lanes);
          store(x.dV + at + j * stride + d, zero(), lanes);
        });
      }
      tree.depth = chainOf(shape, s, chain);
      for (int64_t h = 0; h < shape.heads; h++) {
        if (shape.kvHead(h) != kvHead) continue;
        for (int64_t block = 0; block < segment.queryCount; block += gradientBlock) {
          const int64_t left = segment.queryCount - block, size = left < gradientBlock ? left : gradientBlock;
          const int64_t width = keysBefore[s] + block + size;
          int64_t i = 0;
          for (; i + gradientTile <= size; i += gradientTile) queryGradients<gradientTile>(tree, h, block + i, i, width);
          for (; i < size; i++) queryGradients<1>(tree, h, block + i, i, width);
          keyGradients(tree, h, block, size);
        }
      }
    }
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon

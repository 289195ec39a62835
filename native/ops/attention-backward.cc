// Gradient of attention. With p = e^(score − lse) and dScore = p · (dOut · v − Σ dOut · out):
//   dQ = scale Σ_j dScore_j k_j;  dK_j += scale Σ_i dScore_ij q_i;  dV_j += Σ_i p_ij dOut_i.
// A task is one kv-head of one tree of segments, walked in table order by one thread: keys of a shared prompt gather
// their gradients from all children in that order, whatever the number of threads. Where that leaves threads idle, a task is
// one segment of the tree: its own queries' dQ, and its keys' dK and dV from its queries and its descendants', in the same
// order; scores of keys that children share are then computed twice. Queries go W at a time, across lanes.
#include "attention.h"

namespace reckon {
namespace RECKON_ISA {

// Keys whose gradients are in registers together: two vectors of each of two sums.
constexpr int keyTile = W == 8 ? 2 : 4;
template <int T>
struct Tile {
  static constexpr int value = T;
};

// The operands, and one thread's scratch for one chain.
struct AttentionGradient {
  const AttentionShape& shape;
  const float *dOut, *q, *k, *v, *out, *lse;
  float *dQ, *dK, *dV;
  float *queries, *upstream;  // [headDim][W], transposed q and dOut
  float *p, *dScores;         // [chain position][W]
  Chain chain;
};

// finish(key, x · rows[key], y · rows'[key]) for W transposed x and y: two chains of multiply-adds for each of K keys.
template <int K, typename F>
RECKON_INLINE void dotPairs(const float* x, const float* y, const float* k, const float* v, int64_t stride, int64_t key,
                            int64_t headDim, F&& finish) {
  Vec xk[K], yv[K];
  for (int i = 0; i < K; i++) xk[i] = yv[i] = zero();
  for (int64_t d = 0; d < headDim; d++) {
    const Vec xd = load(x + d * W), yd = load(y + d * W);
    for (int i = 0; i < K; i++) {
      xk[i] = fma(set1(k[(key + i) * stride + d]), xd, xk[i]);
      yv[i] = fma(set1(v[(key + i) * stride + d]), yd, yv[i]);
    }
  }
  for (int i = 0; i < K; i++) finish(key + i, xk[i], yv[i]);
}

// dV_t += Σ_i p[t · W + i] · dOut_i and dK_t += Σ_i dScores[t · W + i] · q_i for T keys, i ascending from `first` below `count`.
template <int T>
struct KeyTile {
  const float *p, *dScores;
  int first, count;
  const float *dOut, *q;
  int64_t queryStride;
  float *dV, *dK;
  int64_t keyStride;
  template <int N>
  RECKON_INLINE void run(int64_t d, int lanes) {
    Vec v[T][N], k[T][N];
    for (int t = 0; t < T; t++)
      for (int n = 0; n < N; n++) {
        v[t][n] = load(dV + t * keyStride + d + n * W, n + 1 == N ? lanes : W);
        k[t][n] = load(dK + t * keyStride + d + n * W, n + 1 == N ? lanes : W);
      }
    for (int64_t i = first; i < count; i++) {
      Vec up[N], query[N];
      for (int n = 0; n < N; n++) {
        up[n] = load(dOut + i * queryStride + d + n * W, n + 1 == N ? lanes : W);
        query[n] = load(q + i * queryStride + d + n * W, n + 1 == N ? lanes : W);
      }
      for (int t = 0; t < T; t++) {
        const Vec weight = set1(p[t * W + i]), dScore = set1(dScores[t * W + i]);
        for (int n = 0; n < N; n++) {
          v[t][n] = fma(weight, up[n], v[t][n]);
          k[t][n] = fma(dScore, query[n], k[t][n]);
        }
      }
    }
    for (int t = 0; t < T; t++)
      for (int n = 0; n < N; n++) {
        store(dV + t * keyStride + d + n * W, v[t][n], n + 1 == N ? lanes : W);
        store(dK + t * keyStride + d + n * W, k[t][n], n + 1 == N ? lanes : W);
      }
  }
};

// What of a block of queries is asked for: dK and dV of keys in links keysFrom … keysTo − 1 of the chain, and dQ.
struct Part {
  int64_t keysFrom, keysTo;
  bool dQ;
};

// Head h of `count` ≤ W queries at rows row, row + stride, … and consecutive positions of the chain.
static void gradientLanes(const AttentionGradient& x, int64_t h, int64_t row, int64_t stride, int64_t position, int count,
                          const Part& part) {
  const AttentionShape& shape = x.shape;
  const int64_t at = row * shape.queryWidth() + h * shape.headDim, column = shape.kvHead(h) * shape.headDim;
  const int64_t queryStride = stride * shape.queryWidth();
  const Vec lanes = laneNumbers(), scale = set1(shape.scale), slope = set1(shape.slope(h));
  float lses[W] = {}, alongs[W] = {}, ones[W];
  for (int i = 0; i < count; i++) {
    const float* out = x.out + at + i * queryStride;
    const float* dOut = x.dOut + at + i * queryStride;
    lses[i] = x.lse[(row + i * stride) * shape.heads + h];
    alongs[i] = sumVectors(shape.headDim, [&](int64_t d, int wide) { return load(out + d, wide) * load(dOut + d, wide); });
  }
  store(ones, set1(1));
  const Vec lse = load(lses), along = load(alongs);
  transposeRows(x.q + at, queryStride, count, shape.headDim, x.queries);
  transposeRows(x.dOut + at, queryStride, count, shape.headDim, x.upstream);
  for (int64_t c = part.dQ ? 0 : part.keysFrom; c < (part.dQ ? x.chain.depth : part.keysTo); c++) {
    const Link& link = x.chain.links[c];
    const auto finish = [&](int64_t key, Vec dots, Vec dP) {
      const int64_t ahead = link.base + key - position;  // hidden from the queries in lanes below `ahead`
      const Vec distance = lanes - set1(static_cast<float>(ahead));
      Vec p = keep(exp(fnma(slope, distance, dots * scale) - lse), count);
      if (ahead > 0) p = select(firstLanes(static_cast<int>(ahead)), zero(), p);
      store(x.p + (link.base + key) * W, p);
      store(x.dScores + (link.base + key) * W, (dP - along) * p * scale);
    };
    const float* k = x.k + link.at + column;
    const float* v = x.v + link.at + column;
    const int64_t seen = x.chain.seen(c, position + count - 1);
    int64_t key = 0;
    for (; key + 4 <= seen; key += 4) dotPairs<4>(x.queries, x.upstream, k, v, link.stride, key, shape.headDim, finish);
    for (; key < seen; key++) dotPairs<1>(x.queries, x.upstream, k, v, link.stride, key, shape.headDim, finish);
  }
  if (part.dQ) {
    weighChain(x.chain, position, count, shape.headDim, x.dScores, ones, x.k + column, x.dQ + at, queryStride);
  }
  for (int64_t c = part.keysFrom; c < part.keysTo; c++) {
    const Link& link = x.chain.links[c];
    const int64_t seen = x.chain.seen(c, position + count - 1);
    const auto addTo = [&](int64_t key, auto size) {
      const int64_t ahead = link.base + key - position, to = link.at + key * link.stride + column;
      forHead<2>(shape.headDim,
                 KeyTile<decltype(size)::value>{x.p + (link.base + key) * W, x.dScores + (link.base + key) * W,
                                                ahead > 0 ? static_cast<int>(ahead) : 0, count, x.dOut + at, x.q + at,
                                                queryStride, x.dV + to, x.dK + to, link.stride});
    };
    int64_t key = 0;
    for (; key + keyTile <= seen; key += keyTile) addTo(key, Tile<keyTile>());
    for (; key < seen; key++) addTo(key, Tile<1>());
  }
}

// `part` of all queries of the segment whose chain is x.chain, for the heads that read kvHead.
static void gradientSegment(const AttentionGradient& x, const Segment& segment, int64_t kvHead, const Part& part) {
  const int64_t base = x.chain.links[x.chain.depth - 1].base;
  for (int64_t h = 0; h < x.shape.heads; h++) {
    if (x.shape.kvHead(h) != kvHead) continue;
    for (int64_t i = 0; i < segment.queryCount; i += W) {
      const int64_t left = segment.queryCount - i;
      gradientLanes(x, h, segment.query(i), segment.stride, base + i, left < W ? static_cast<int>(left) : W, part);
    }
  }
}

static void zeroKeys(const AttentionGradient& x, const Link& link, int64_t kvHead) {
  const int64_t column = kvHead * x.shape.headDim;
  for (int64_t j = 0; j < link.keys; j++) {
    forVectors(x.shape.headDim, [&](int64_t d, int lanes) {
      store(x.dK + link.at + j * link.stride + column + d, zero(), lanes);
      store(x.dV + link.at + j * link.stride + column + d, zero(), lanes);
    });
  }
}

// Which link of a chain of `depth` the segment `ancestor` is for queries of segment s; −1 when it is none.
static int64_t linkOf(const AttentionShape& shape, int64_t s, int64_t ancestor, int64_t depth) {
  int64_t c = depth - 1;
  for (; s > ancestor; s = shape.segments[s].parent) c--;
  return s == ancestor ? c : -1;
}

void attentionBackward(const Arguments& a, Thread& thread) {
  const AttentionShape shape{a.buffer<Segment>(6), a.integer(12), a.integer(13),
                             a.integer(14), a.integer(15), static_cast<float>(a.number(16)), a.buffer(7)};
  const int64_t rows = a.integer(11), maxKeys = a.integer(17), count = shape.count;
  checkSegments(shape, maxKeys);
  for (int64_t s = 0; s < count; s++) {
    const Segment& segment = shape.segments[s];
    if (segment.queryCount == 0) continue;
    const int64_t last = (segment.queryCount - 1) * static_cast<int64_t>(segment.stride);
    if (segment.stride < 0 || segment.keysBefore > 0 || segment.queryStart + last >= rows || segment.keyStart + last >= rows) {
      throw std::out_of_range("a segment's queries and keys must be rows of the batch, and keysBefore 0");
    }
  }

  // Trees as lists in table order: root r is followed by next[r], and so on until −1.
  int32_t* roots = static_cast<int32_t*>(thread.scratch(0, 4 * sizeof(int32_t) * count));
  int32_t *next = roots + count, *rootOf = next + count, *latest = rootOf + count;
  int64_t trees = 0, covered = 0;
  for (int64_t s = 0; s < count; s++) {
    const int32_t self = static_cast<int32_t>(s), parent = shape.segments[s].parent;
    covered += shape.segments[s].queryCount;
    rootOf[s] = parent < 0 ? self : rootOf[parent];
    if (parent < 0) roots[trees++] = self;
    else next[latest[rootOf[s]]] = self;
    latest[rootOf[s]] = self;
    next[s] = -1;
  }

  const int64_t scoreSize = sizeof(float) * W * maxKeys, rowSize = sizeof(float) * W * shape.headDim;
  Link* links = static_cast<Link*>(thread.scratch(1, sizeof(Link) * count));
  AttentionGradient x{shape, a.buffer(0), a.buffer(1), a.buffer(2), a.buffer(3), a.buffer(4), a.buffer(5),
                      a.buffer(8), a.buffer(9), a.buffer(10),
                      static_cast<float*>(thread.scratch(2, rowSize)), static_cast<float*>(thread.scratch(3, rowSize)),
                      static_cast<float*>(thread.scratch(4, scoreSize)), static_cast<float*>(thread.scratch(5, scoreSize)),
                      {links, 0}};
  // Rows of no segment have no gradient.
  if (covered < rows) {
    float* const outputs[3] = {x.dQ, x.dK, x.dV};
    const int64_t widths[3] = {shape.queryWidth(), shape.keyWidth(), shape.keyWidth()};
    for (int o = 0; o < 3; o++) {
      shareVectors(thread, rows * widths[o], [&](int64_t i, int lanes) { store(outputs[o] + i, zero(), lanes); });
    }
    thread.barrier();
  }

  if (trees * shape.kvHeads >= thread.count) {
    thread.share(trees * shape.kvHeads, 1, [&](int64_t task, int64_t) {
      const int64_t kvHead = task % shape.kvHeads;
      for (int64_t s = roots[task / shape.kvHeads]; s >= 0; s = next[s]) {
        x.chain = chainOf(shape, s, links);
        zeroKeys(x, links[x.chain.depth - 1], kvHead);
        gradientSegment(x, shape.segments[s], kvHead, {0, x.chain.depth, true});
      }
    }, false);
    return;
  }
  thread.share(count * shape.kvHeads, 1, [&](int64_t task, int64_t) {
    const int64_t own = task / shape.kvHeads, kvHead = task % shape.kvHeads;
    for (int64_t s = own; s >= 0; s = next[s]) {
      x.chain = chainOf(shape, s, links);
      const int64_t c = linkOf(shape, s, own, x.chain.depth);
      if (s == own) zeroKeys(x, links[c], kvHead);
      if (c >= 0) gradientSegment(x, shape.segments[s], kvHead, {c, c + 1, s == own});
    }
  }, false);
}

}  // namespace RECKON_ISA
}  // namespace reckon

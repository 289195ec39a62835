// Gradients of weights: dW [outer, inner] += dYᵀ · x, plain and grouped by expert.
//
// The rows are cut into blocks of the engine's gradientDepth, counted from the group's first row; a block's sum is one
// chain, and blocks are added to dW in order. Some blocks at a time are packed by all threads, each row once; then a task
// is one region of dW of one group, which takes all of those blocks in order.
#include "../kernels.h"
#include "choose.h"
#include "groups.h"

namespace reckon {
namespace RECKON_ISA {
namespace {

struct Gradient {
  const float* dY;
  const float* x;
  float* dW;
  Groups groups;
  int64_t inner, outer;
};

// Bytes of both operands, as `gradient` reads them, that are worked on at once: most of what is packed is then still near
// when it is read.
constexpr int64_t kRoundBytes = int64_t{2} << 20;

// How dW is cut into regions: down × across, each at most rows × columns, which are whole tiles and panels.
struct Cut {
  int64_t down, across, rows, columns;
};

// Regions as large as the engine can use, but several for each thread where there is enough to share.
Cut cutRegions(const Gradient& g, const Engine& engine, int threads) {
  const int64_t wanted = threads > 1 ? 4 * threads : 1;
  const int64_t tiles = ceilDivide(g.outer, engine.gradientTile), panels = ceilDivide(g.inner, engine.panel);
  int64_t tall = engine.gradientRows / engine.gradientTile, wide = engine.gradientColumns / engine.panel;
  auto regions = [&] { return ceilDivide(tiles, tall) * ceilDivide(panels, wide); };
  while (regions() < wanted && wide > 1) wide = ceilDivide(wide, 2);
  while (regions() < wanted && tall > 1) tall = ceilDivide(tall, 2);
  const int64_t down = ceilDivide(tiles, tall);
  return {down, ceilDivide(panels, wide), ceilDivide(tiles, down) * engine.gradientTile, wide * engine.panel};
}

// A place in the list of all groups' blocks.
struct BlockPlace {
  int64_t group, block;
};

class Accumulation {
 public:
  Accumulation(const Gradient& g, const Engine& engine, Thread& thread)
      : g_(g), engine_(engine), thread_(thread), cut_(cutRegions(g, engine, thread.count)),
        packs_(engine.gradientTileBytes != nullptr) {
    if (packs_) {
      leftBytes_ = ceilDivide(g.outer, engine.gradientTile) * engine.gradientTileBytes(engine.gradientDepth);
      rightBytes_ = ceilDivide(g.inner, engine.panel) * engine.panelBytes(engine.gradientDepth);
    } else {
      leftBytes_ = sizeof(float) * engine.gradientDepth * g.outer;
      rightBytes_ = sizeof(float) * engine.gradientDepth * g.inner;
    }
    const int64_t most = kRoundBytes / static_cast<int64_t>(leftBytes_ + rightBytes_);
    blocksAtOnce_ = most < 1 ? 1 : most;
  }

  void run() {
    int64_t blocks = 0;
    for (int64_t group = 0; group < g_.groups.count; group++) blocks += blocksOf(group);
    if (blocksAtOnce_ > blocks) blocksAtOnce_ = blocks;
    if (packs_) copies_ = static_cast<char*>(thread_.sharedScratch(0, (leftBytes_ + rightBytes_) * blocksAtOnce_));
    if (const size_t bytes = engine_.sumsBytes(cut_.rows)) sums_ = thread_.scratch(0, bytes);
    BlockPlace at{0, 0};
    for (int64_t done = 0; done < blocks; done += blocksAtOnce_) {
      // The copies of the last round are in use until all regions are done.
      if (done > 0) thread_.barrier();
      const int64_t here = done + blocksAtOnce_ < blocks ? blocksAtOnce_ : blocks - done;
      if (packs_) pack(at, here);
      at = add(at, here);
    }
  }

 private:
  int64_t blocksOf(int64_t group) const {
    return ceilDivide(g_.groups.end(group) - g_.groups.begin(group), engine_.gradientDepth);
  }
  int64_t firstRow(const BlockPlace& at) const { return g_.groups.begin(at.group) + at.block * engine_.gradientDepth; }
  int64_t depthOf(const BlockPlace& at) const {
    const int64_t left = g_.groups.end(at.group) - firstRow(at);
    return left < engine_.gradientDepth ? left : engine_.gradientDepth;
  }
  // The block itself, or the next group's first where the group has no more.
  BlockPlace settled(BlockPlace at) const {
    while (at.block >= blocksOf(at.group)) at = {at.group + 1, 0};
    return at;
  }
  char* left(int64_t i) const { return copies_ + i * (leftBytes_ + rightBytes_); }

  // Packs `count` blocks from `first` on.
  void pack(BlockPlace first, int64_t count) {
    const int64_t pieces = engine_.gradientDepth / kGradientPiece;
    BlockPlace at = settled(first);
    int64_t reached = 0;
    // Neighbouring pieces, as long as there are several turns for each thread.
    const int64_t grain = count * pieces / (8 * thread_.count);
    thread_.share(count * pieces, grain < 1 ? 1 : grain, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; task++) {
        for (; reached < task / pieces; reached++) at = settled({at.group, at.block + 1});
        const int64_t depth = depthOf(at), from = task % pieces * kGradientPiece;
        if (from >= depth) continue;
        const int64_t rows = depth - from < kGradientPiece ? depth - from : kGradientPiece, row = firstRow(at) + from;
        char* to = left(reached);
        engine_.packLeft(g_.dY + row * g_.outer, g_.outer, rows, g_.outer, to + engine_.gradientTileBytes(from),
                         engine_.gradientTileBytes(depth));
        engine_.packRight(g_.x + row * g_.inner, g_.inner, rows, g_.inner, to + leftBytes_ + engine_.panelBytes(from),
                          engine_.panelBytes(depth));
      }
    });
  }

  // Adds `count` blocks from `first` on to dW; the place after them.
  BlockPlace add(BlockPlace first, int64_t count) {
    const int64_t regions = cut_.down * cut_.across;
    // The groups that have a block among these.
    BlockPlace at = settled(first), after = first;
    int64_t groups = 0;
    for (int64_t i = 0; i < count; groups++) {
      after = settled(after);
      const int64_t left = blocksOf(after.group) - after.block, here = left < count - i ? left : count - i;
      after.block += here;
      i += here;
    }
    int64_t group = 0, before = 0;
    thread_.share(groups * regions, 1, [&](int64_t task, int64_t) {
      for (; group < task / regions; group++) {
        before += blocksOf(at.group) - at.block;
        at = settled({at.group + 1, 0});
      }
      const int64_t left = blocksOf(at.group) - at.block;
      addRegion(task % regions, at, before, left < count - before ? left : count - before);
    }, false);
    return after;
  }

  // Adds `count` blocks of a group, whose copies begin with the i-th, to one region.
  void addRegion(int64_t region, BlockPlace at, int64_t i, int64_t count) const {
    const int64_t m = region / cut_.across * cut_.rows, n = region % cut_.across * cut_.columns;
    const int64_t rows = g_.outer - m < cut_.rows ? g_.outer - m : cut_.rows;
    const int64_t columns = g_.inner - n < cut_.columns ? g_.inner - n : cut_.columns;
    float* c = g_.dW + (at.group * g_.outer + m) * g_.inner + n;
    for (const int64_t end = i + count; i < end; i++, at.block++) {
      const int64_t depth = depthOf(at);
      if (packs_) {
        engine_.gradient(left(i) + m / engine_.gradientTile * engine_.gradientTileBytes(depth), 0,
                         left(i) + leftBytes_ + n / engine_.panel * engine_.panelBytes(depth), 0, depth, rows, columns, c,
                         g_.inner, sums_);
      } else {
        const int64_t row = firstRow(at);
        engine_.gradient(g_.dY + row * g_.outer + m, g_.outer, g_.x + row * g_.inner + n, g_.inner, depth, rows, columns, c,
                         g_.inner, sums_);
      }
    }
  }

  const Gradient& g_;
  const Engine& engine_;
  Thread& thread_;
  const Cut cut_;
  const bool packs_;
  // Of one block's copies.
  size_t leftBytes_, rightBytes_;
  int64_t blocksAtOnce_;
  char* copies_ = nullptr;
  void* sums_ = nullptr;
};

void accumulate(const Gradient& g, Thread& thread) {
  if (g.groups.rows == 0 || g.inner == 0 || g.outer == 0) return;
  Accumulation(g, chooseEngine(thread), thread).run();
}

}  // namespace

// dY x dW | rows inner outer
void linearBackwardWeight(const Arguments& arguments, Thread& thread) {
  accumulate({arguments.buffer(0), arguments.buffer(1), arguments.buffer(2), {nullptr, 1, arguments.integer(3)},
              arguments.integer(4), arguments.integer(5)},
             thread);
}

// dY x offsets dW | rows inner outer experts
void groupedLinearBackwardWeight(const Arguments& arguments, Thread& thread) {
  accumulate({arguments.buffer(0), arguments.buffer(1), arguments.buffer(3),
              {arguments.buffer<int32_t>(2), arguments.integer(7), arguments.integer(4)}, arguments.integer(5),
              arguments.integer(6)},
             thread);
}

}  // namespace RECKON_ISA
}  // namespace reckon

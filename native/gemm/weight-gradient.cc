// Gradients of weights: dW [outer, inner] += dYᵀ · x, plain and grouped by expert.
//
// The rows are cut into blocks of the engine's gradientDepth, counted from the group's first row; a block's sum is one
// chain, and blocks are added to dW in order. A task is one block for one region of dW. Tasks are taken block by block;
// a region's next block waits until the one before it is in, which by then it nearly always is, so no barrier is needed.
#include "../kernels.h"
#include "choose.h"
#include "lanes.h"

namespace reckon {
namespace RECKON_ISA {
namespace {

struct Gradient {
  const float* dY;
  const float* x;
  float* dW;
  const int32_t* offsets;  // null: one group of all rows
  int64_t groups, rows, inner, outer;
};

// How dW is cut into regions: down × across, each at most rows × columns.
struct Cut {
  int64_t down, across, rows, columns;
};

// Regions as large as the engine can use, but several for each thread where there is enough to share.
Cut cutRegions(const Gradient& g, const Engine& engine, int threads) {
  const int64_t wanted = threads > 1 ? 2 * threads : 1;
  int64_t rows = engine.gradientRows, columns = engine.gradientColumns;
  auto regions = [&] { return ceilDivide(g.outer, rows) * ceilDivide(g.inner, columns); };
  while (regions() < wanted && columns > engine.panel) columns /= 2;
  while (regions() < wanted && rows > kTileRows) rows = ceilDivide(rows, 2);
  const int64_t down = ceilDivide(g.outer, rows);
  return {down, ceilDivide(g.inner, columns), ceilDivide(g.outer, down), columns};
}

void accumulate(const Gradient& g, Thread& thread) {
  if (g.rows == 0 || g.inner == 0 || g.outer == 0) return;
  const Engine& engine = chooseEngine(thread);
  const Cut cut = cutRegions(g, engine, thread.count);
  const int64_t regions = cut.down * cut.across;

  auto* finished = static_cast<std::atomic<int32_t>*>(
      thread.sharedScratch(0, sizeof(std::atomic<int32_t>) * static_cast<size_t>(g.groups * regions)));
  thread.once([&] {
    for (int64_t i = 0; i < g.groups * regions; i++) finished[i].store(0, std::memory_order_relaxed);
  });

  int64_t blocks = 0;
  auto groupRows = [&](int64_t group) { return g.offsets ? g.offsets[group + 1] - g.offsets[group] : g.rows; };
  for (int64_t group = 0; group < g.groups; group++) blocks += ceilDivide(groupRows(group), engine.gradientDepth);

  void* scratch = nullptr;
  if (const size_t bytes = engine.gradientBytes(cut.rows, cut.columns)) scratch = thread.scratch(0, bytes);
  int64_t group = -1, groupBlocks = 0, groupFirst = 0;
  thread.share(blocks * regions, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      while (task / regions >= groupFirst + groupBlocks) {
        groupFirst += groupBlocks;
        group++;
        groupBlocks = ceilDivide(groupRows(group), engine.gradientDepth);
      }
      const int64_t block = task / regions - groupFirst, region = task % regions;
      const int64_t first = block * engine.gradientDepth;
      const int64_t left = groupRows(group) - first;
      const int64_t depth = left < engine.gradientDepth ? left : engine.gradientDepth;
      const int64_t row = (g.offsets ? g.offsets[group] : 0) + first;
      const int64_t m = region / cut.across * cut.rows, n = region % cut.across * cut.columns;
      const int64_t mEnd = m + cut.rows < g.outer ? m + cut.rows : g.outer;
      const int64_t nEnd = n + cut.columns < g.inner ? n + cut.columns : g.inner;

      std::atomic<int32_t>& done = finished[group * regions + region];
      thread.await(done, static_cast<int32_t>(block));
      engine.gradient(g.dY + row * g.outer + m, g.outer, g.x + row * g.inner + n, g.inner, depth, mEnd - m, nEnd - n,
                      g.dW + (group * g.outer + m) * g.inner + n, g.inner, scratch);
      thread.advance(done, static_cast<int32_t>(block + 1));
    }
  }, false);
}

}  // namespace

// dY x dW | rows inner outer
void linearBackwardWeight(const Arguments& arguments, Thread& thread) {
  accumulate({arguments.buffer(0), arguments.buffer(1), arguments.buffer(2), nullptr, 1, arguments.integer(3),
              arguments.integer(4), arguments.integer(5)},
             thread);
}

// dY x offsets dW | rows inner outer experts
void groupedLinearBackwardWeight(const Arguments& arguments, Thread& thread) {
  accumulate({arguments.buffer(0), arguments.buffer(1), arguments.buffer(3), arguments.buffer<int32_t>(2),
              arguments.integer(7), arguments.integer(4), arguments.integer(5), arguments.integer(6)},
             thread);
}

}  // namespace RECKON_ISA
}  // namespace reckon

// Products of rows with a weight, plain and grouped by expert, forward and with respect to the input.
//
// A plain product is a grouped one with a single group. The rows of a group are cut into chunks that fit the
// second-level cache and the columns into runs of panels; a task is one chunk times one run. The cut depends on the sizes
// and on the number of threads, which is harmless: an engine computes each output by a chain of its own.
#include "../kernels.h"
#include "../pack-cache.h"
#include "choose.h"
#include "groups.h"
#include "lanes.h"

namespace reckon {
namespace RECKON_ISA {
namespace {

// y = x · B (+ bias) (+ residual), B [depth, columns] made from w: by column (forward: w [columns, depth]) or by row
// (backward: w [depth, columns]).
struct Product {
  const float* x;
  const float* w;
  double version;
  const float* bias;
  const float* residual;
  float* y;
  Groups groups;
  int64_t depth, columns;
  bool byColumn;
};

const char* packedWeights(const Product& product, const Engine& engine, Thread& thread) {
  const int64_t panels = ceilDivide(product.columns, engine.panel);
  const size_t panelBytes = engine.panelBytes(product.depth);
  const PackKey key{product.w, engine.layout * 2 + (product.byColumn ? 1 : 0), product.depth, product.columns,
                    product.groups.count};
  const size_t bytes = panelBytes * panels * product.groups.count;
  return static_cast<const char*>(thread.packs->get(thread, key, product.version, bytes, [&](void* copy) {
    const int64_t stride = product.byColumn ? product.depth : product.columns;
    thread.share(panels * product.groups.count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const float* w = product.w + (i / panels) * product.depth * product.columns;
        const int64_t column = i % panels * engine.panel;
        const int64_t width = product.columns - column < engine.panel ? product.columns - column : engine.panel;
        engine.packPanel(product.byColumn ? w + column * stride : w + column, stride, product.byColumn, product.depth,
                         width, static_cast<char*>(copy) + i * panelBytes);
      }
    }, false);
  }));
}

// Panels in a task: enough tasks to even out cores of different speed, none so small that fetching it shows.
int64_t panelsPerTask(const Product& product, const Engine& engine, const Thread& thread) {
  constexpr double kLeastWork = 3e5, kMostWork = 2e7;
  const double rowsPerGroup = static_cast<double>(product.groups.rows) / product.groups.count;
  const double chunkRows = rowsPerGroup < engine.rowsAtOnce ? rowsPerGroup : engine.rowsAtOnce;
  const double panelWork = 2.0 * (chunkRows < 1 ? 1 : chunkRows) * product.depth * engine.panel;
  double work = 2.0 * product.groups.rows * product.depth * product.columns / (8 * thread.count);
  if (work < kLeastWork) work = kLeastWork;
  if (work > kMostWork) work = kMostWork;
  const int64_t panels = static_cast<int64_t>(work / panelWork);
  return panels < 1 ? 1 : panels;
}

// Chunks that the rows of a group are cut into. A plain product has as many for each thread, so that a thread packs no rows
// but its own, and has written them itself (shareNear); not where its rows were too few for the tiles, or the weight, which
// each thread then reads, too large for its cache.
int64_t chunksOf(const Product& product, int64_t group, const Engine& engine, size_t weightBytes, const Thread& thread) {
  constexpr size_t kNearWeight = size_t{1} << 19;
  const int64_t rows = product.groups.end(group) - product.groups.begin(group);
  const int64_t least = ceilDivide(rows, engine.rowsAtOnce);
  const int64_t even = ceilDivide(least, thread.count) * thread.count;
  if (product.groups.count > 1 || weightBytes > kNearWeight || rows < even * 2 * kTileRows) return least;
  return even;
}

void multiply(const Product& product, Thread& thread) {
  if (product.groups.rows == 0 || product.columns == 0) return;
  const Engine& engine = chooseEngine(thread);
  const char* packed = packedWeights(product, engine, thread);

  const int64_t panels = ceilDivide(product.columns, engine.panel);
  const size_t panelBytes = engine.panelBytes(product.depth);
  const int64_t run = panelsPerTask(product, engine, thread);
  const int64_t runs = ceilDivide(panels, run);
  int64_t chunks = 0;
  for (int64_t g = 0; g < product.groups.count; g++) chunks += chunksOf(product, g, engine, panelBytes * panels, thread);

  // Where the thread stands in the list of chunks; tasks ascend but where it begins on another thread's.
  int64_t group = -1, groupChunks = 0, groupFirst = 0, copied = -1;
  const void* left = nullptr;
  int64_t stride = 0;
  thread.shareNear(chunks * runs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t chunk = task / runs;
      if (chunk < groupFirst) group = -1, groupChunks = 0, groupFirst = 0;
      while (chunk >= groupFirst + groupChunks) {
        groupFirst += groupChunks;
        group++;
        groupChunks = chunksOf(product, group, engine, panelBytes * panels, thread);
      }
      const int64_t groupBegin = product.groups.begin(group);
      const int64_t groupRows = product.groups.end(group) - groupBegin;
      const int64_t i = chunk - groupFirst;
      const int64_t rowBegin = groupBegin + groupRows * i / groupChunks;
      const int64_t rows = groupBegin + groupRows * (i + 1) / groupChunks - rowBegin;

      if (copied != chunk) {
        copied = chunk;
        left = product.x + rowBegin * product.depth;
        stride = product.depth;
        if (const size_t bytes = engine.rowsBytes(rows, product.depth, product.columns)) {
          void* copy = thread.scratch(0, bytes);
          engine.packRows(static_cast<const float*>(left), product.depth, rows, product.depth, copy);
          left = copy;
          stride = 0;
        }
      }
      const int64_t panel = task % runs * run;
      const int64_t column = panel * engine.panel;
      const int64_t limit = column + run * engine.panel;
      const int64_t width = (limit < product.columns ? limit : product.columns) - column;
      const int64_t at = rowBegin * product.columns + column;
      const Output output{product.y + at, product.columns,
                          product.bias ? product.bias + group * product.columns + column : nullptr,
                          product.residual ? product.residual + at : nullptr};
      const size_t sumsBytes = engine.sumsBytes(rows);
      engine.multiply(left, stride, rows, packed + (group * panels + panel) * panelBytes, product.depth, width, output,
                      sumsBytes ? thread.scratch(1, sumsBytes) : nullptr);
    }
  });
}

}  // namespace

// x w version bias residual y | rows inner outer
void linear(const Arguments& arguments, Thread& thread) {
  const int64_t rows = arguments.integer(6), inner = arguments.integer(7), outer = arguments.integer(8);
  multiply({arguments.buffer(0), arguments.buffer(1), arguments.number(2), arguments.buffer(3), arguments.buffer(4),
            arguments.buffer(5), {nullptr, 1, rows}, inner, outer, true},
           thread);
}

// dY w version dX | rows inner outer accumulate
void linearBackwardInput(const Arguments& arguments, Thread& thread) {
  const int64_t rows = arguments.integer(4), inner = arguments.integer(5), outer = arguments.integer(6);
  float* dX = arguments.buffer(3);
  const float* before = arguments.integer(7) ? dX : nullptr;
  multiply({arguments.buffer(0), arguments.buffer(1), arguments.number(2), nullptr, before, dX, {nullptr, 1, rows},
            outer, inner, false},
           thread);
}

// x w version bias offsets y | rows inner outer experts
void groupedLinear(const Arguments& arguments, Thread& thread) {
  const int64_t rows = arguments.integer(6), inner = arguments.integer(7), outer = arguments.integer(8);
  multiply({arguments.buffer(0), arguments.buffer(1), arguments.number(2), arguments.buffer(3), nullptr,
            arguments.buffer(5), {arguments.buffer<int32_t>(4), arguments.integer(9), rows}, inner, outer, true},
           thread);
}

// dY w version offsets dX | rows inner outer experts accumulate
void groupedLinearBackwardInput(const Arguments& arguments, Thread& thread) {
  const int64_t rows = arguments.integer(5), inner = arguments.integer(6), outer = arguments.integer(7);
  float* dX = arguments.buffer(4);
  const float* before = arguments.integer(9) ? dX : nullptr;
  multiply({arguments.buffer(0), arguments.buffer(1), arguments.number(2), nullptr, before, dX,
            {arguments.buffer<int32_t>(3), arguments.integer(8), rows}, outer, inner, false},
           thread);
}

}  // namespace RECKON_ISA
}  // namespace reckon

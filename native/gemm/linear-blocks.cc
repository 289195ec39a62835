// Products of rows with a frozen weight in a block format, plain and grouped by expert, forward and with respect to the
// input. No copy of the weight outlives a task: a task is a run of panels times a part of a group's rows, and its thread
// expands each panel into scratch that stays in the second-level cache, then multiplies all rows of the part with it.
//
// The depth is cut into blocks, so that panels of any weight fit that cache; a block's sum is one chain, and blocks are added
// in order. The cut depends on the depth alone, so a row's bits do not depend on the rest of the call.
#include "../kernels.h"
#include "block-formats.h"
#include "choose.h"
#include "groups.h"

namespace reckon {
namespace RECKON_ISA {
namespace {

constexpr int64_t kMostDepth = 1024;
// Expanded panels of a task, bytes.
constexpr int64_t kMostPanelBytes = 768 << 10;
// Rows of a part: enough to make expanding cheap beside multiplying.
constexpr int64_t kPartRows = 512;
// Copies of rows that threads share, bytes; larger ones each task makes for itself.
constexpr size_t kMostSharedBytes = 32 << 20;

// y = x · B (+ bias) (+ residual), B [depth, columns] made from the weight: by column (forward: weight [columns, depth]) or by
// row (backward: weight [depth, columns]).
struct Product {
  const float* x;
  const uint8_t* weight;
  const BlockFormat& format;
  const float* bias;
  const float* residual;
  float* y;
  Groups groups;
  int64_t depth, columns;
  bool byColumn;
};

// How the depth is cut; every block but the last is whole decoding steps long.
struct DepthBlocks {
  int64_t depth, count, size;
  explicit DepthBlocks(int64_t depth) : depth(depth), count(depth > kMostDepth ? ceilDivide(depth, kMostDepth) : 1) {
    size = ceilDivide(ceilDivide(depth, count), kDecodeStep) * kDecodeStep;
    count = depth > 0 ? ceilDivide(depth, size) : 1;
  }
  int64_t begin(int64_t block) const { return block * size; }
  int64_t length(int64_t block) const { return depth - block * size < size ? depth - block * size : size; }
};

// Rows that one call of an engine multiplies.
struct Chunk {
  int64_t group, begin, rows;
  // Where their copies begin in the shared scratch, one for each block of the depth.
  size_t copyAt;
};

// Chunks of one group that a task takes together.
struct Part {
  int64_t firstChunk, chunks;
};

// The work, listed alike by every thread.
struct Work {
  const Chunk* chunks;
  const Part* parts;
  int64_t chunkCount, partCount;
  size_t copyBytes;
};

Work listWork(const Product& product, const Engine& engine, const DepthBlocks& blocks, Thread& thread) {
  int64_t most = 0;
  for (int64_t g = 0; g < product.groups.count; g++) {
    most += ceilDivide(product.groups.end(g) - product.groups.begin(g), engine.rowsAtOnce);
  }
  Chunk* chunks = static_cast<Chunk*>(thread.scratch(2, most * (sizeof(Chunk) + sizeof(Part))));
  Part* parts = reinterpret_cast<Part*>(chunks + most);
  Work work{chunks, parts, 0, 0, 0};
  const int64_t chunksOfPart = ceilDivide(kPartRows, engine.rowsAtOnce);
  for (int64_t g = 0; g < product.groups.count; g++) {
    const int64_t begin = product.groups.begin(g), rows = product.groups.end(g) - begin;
    const int64_t count = ceilDivide(rows, engine.rowsAtOnce);
    for (int64_t i = 0; i < count; i++) {
      const int64_t from = begin + rows * i / count;
      const int64_t here = begin + rows * (i + 1) / count - from;
      if (i % chunksOfPart == 0) parts[work.partCount++] = {work.chunkCount, 0};
      parts[work.partCount - 1].chunks++;
      chunks[work.chunkCount++] = {g, from, here, work.copyBytes};
      const size_t bytes = engine.rowsBytes(here, blocks.size, product.columns);
      work.copyBytes += (bytes + 63) / 64 * 64 * blocks.count;
    }
  }
  return work;
}

// Where the copy of a chunk's rows over one block of the depth lies.
char* copyOf(void* shared, const Chunk& chunk, int64_t block, const Product& product, const Engine& engine,
             const DepthBlocks& blocks) {
  const size_t bytes = engine.rowsBytes(chunk.rows, blocks.size, product.columns);
  return static_cast<char*>(shared) + chunk.copyAt + (bytes + 63) / 64 * 64 * block;
}

void packRows(const Product& product, const Engine& engine, const DepthBlocks& blocks, const Chunk& chunk, int64_t block,
              void* copy) {
  engine.packRows(product.x + chunk.begin * product.depth + blocks.begin(block), product.depth, chunk.rows,
                  blocks.length(block), copy);
}

// Expands `width` columns from `column` on, over one block of the depth, into panels.
void expand(const Product& product, const Engine& engine, int64_t group, int64_t column, int64_t width, int64_t from,
            int64_t depth, char* panels, Thread& thread) {
  const size_t panelBytes = engine.panelBytes(depth);
  const int64_t outer = product.byColumn ? product.columns : product.depth;
  const int64_t inner = product.byColumn ? product.depth : product.columns;
  const uint8_t* matrix = product.weight + product.format.bytes(outer, inner) * group;
  const auto wholeSteps = [](int64_t count) { return ceilDivide(count, kDecodeStep) * kDecodeStep + 16; };
  if (product.byColumn) {
    const int64_t stride = wholeSteps(depth);
    float* rows = static_cast<float*>(thread.scratch(3, sizeof(float) * stride * engine.panel));
    for (int64_t n = 0; n < width; n += engine.panel, panels += panelBytes) {
      const int64_t here = width - n < engine.panel ? width - n : engine.panel;
      for (int64_t i = 0; i < here; i++) {
        product.format.decode(matrix, outer, inner, column + n + i, from, depth, rows + i * stride);
      }
      engine.packPanel(rows, stride, true, depth, here, panels);
    }
    return;
  }
  const int64_t aligned = column / kDecodeStep * kDecodeStep, before = column - aligned;
  const int64_t stride = wholeSteps(before + width);
  float* rows = static_cast<float*>(thread.scratch(3, sizeof(float) * stride * depth));
  for (int64_t k = 0; k < depth; k++) {
    product.format.decode(matrix, outer, inner, from + k, aligned, before + width, rows + k * stride);
  }
  for (int64_t n = 0; n < width; n += engine.panel, panels += panelBytes) {
    const int64_t here = width - n < engine.panel ? width - n : engine.panel;
    engine.packPanel(rows + before + n, stride, false, depth, here, panels);
  }
}

void multiply(const Product& product, Thread& thread) {
  if (product.groups.rows == 0 || product.columns == 0) return;
  const Engine& engine = chooseEngine(thread);
  const DepthBlocks blocks(product.depth);
  const Work work = listWork(product, engine, blocks, thread);

  void* shared = nullptr;
  if (work.copyBytes > 0 && work.copyBytes <= kMostSharedBytes) {
    shared = thread.sharedScratch(0, work.copyBytes);
    thread.share(work.chunkCount * blocks.count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const Chunk& chunk = work.chunks[i / blocks.count];
        const int64_t block = i % blocks.count;
        packRows(product, engine, blocks, chunk, block, copyOf(shared, chunk, block, product, engine, blocks));
      }
    });
  }

  const int64_t panels = ceilDivide(product.columns, engine.panel);
  const size_t panelBytes = engine.panelBytes(blocks.size);
  int64_t run = work.partCount * panels / (8 * thread.count);
  const int64_t most = kMostPanelBytes / static_cast<int64_t>(panelBytes + 1);
  if (run > most) run = most;
  if (run < 1) run = 1;
  const int64_t runs = ceilDivide(panels, run);
  thread.shareNear(work.partCount * runs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const Part& part = work.parts[task / runs];
      const int64_t group = work.chunks[part.firstChunk].group;
      const int64_t i = task % runs;
      const int64_t column = panels * i / runs * engine.panel;
      const int64_t limit = panels * (i + 1) / runs * engine.panel;
      const int64_t width = (limit < product.columns ? limit : product.columns) - column;
      char* expanded = static_cast<char*>(thread.scratch(4, panelBytes * ceilDivide(width, engine.panel)));
      for (int64_t block = 0; block < blocks.count; block++) {
        const int64_t from = blocks.begin(block), depth = blocks.length(block);
        expand(product, engine, group, column, width, from, depth, expanded, thread);
        for (int64_t c = part.firstChunk; c < part.firstChunk + part.chunks; c++) {
          const Chunk& chunk = work.chunks[c];
          const void* left = product.x + chunk.begin * product.depth + from;
          int64_t stride = product.depth;
          if (const size_t bytes = engine.rowsBytes(chunk.rows, blocks.size, product.columns)) {
            void* copy = shared ? copyOf(shared, chunk, block, product, engine, blocks) : thread.scratch(0, bytes);
            if (!shared) packRows(product, engine, blocks, chunk, block, copy);
            left = copy;
            stride = 0;
          }
          const int64_t at = chunk.begin * product.columns + column;
          float* y = product.y + at;
          // Blocks of the depth after the first go on from what is there.
          const Output output = block > 0 ? Output{y, product.columns, nullptr, y}
                                          : Output{y, product.columns,
                                                   product.bias ? product.bias + group * product.columns + column : nullptr,
                                                   product.residual ? product.residual + at : nullptr};
          const size_t sumsBytes = engine.sumsBytes(chunk.rows);
          engine.multiply(left, stride, chunk.rows, expanded, depth, width, output,
                          sumsBytes ? thread.scratch(1, sumsBytes) : nullptr);
        }
      }
    }
  });
}

}  // namespace

// x blocks version bias residual y | rows inner outer format
void linearBlocks(const Arguments& a, Thread& thread) {
  multiply({a.buffer(0), a.buffer<uint8_t>(1), blockFormat(a.integer(9)), a.buffer(3), a.buffer(4), a.buffer(5),
            {nullptr, 1, a.integer(6)}, a.integer(7), a.integer(8), true},
           thread);
}

// dY blocks version dX | rows inner outer accumulate format
void linearBlocksBackwardInput(const Arguments& a, Thread& thread) {
  float* dX = a.buffer(3);
  multiply({a.buffer(0), a.buffer<uint8_t>(1), blockFormat(a.integer(8)), nullptr, a.integer(7) ? dX : nullptr, dX,
            {nullptr, 1, a.integer(4)}, a.integer(6), a.integer(5), false},
           thread);
}

// x blocks version bias offsets y | rows inner outer experts format
void groupedLinearBlocks(const Arguments& a, Thread& thread) {
  multiply({a.buffer(0), a.buffer<uint8_t>(1), blockFormat(a.integer(10)), a.buffer(3), nullptr, a.buffer(5),
            {a.buffer<int32_t>(4), a.integer(9), a.integer(6)}, a.integer(7), a.integer(8), true},
           thread);
}

// dY blocks version offsets dX | rows inner outer experts accumulate format
void groupedLinearBlocksBackwardInput(const Arguments& a, Thread& thread) {
  float* dX = a.buffer(4);
  multiply({a.buffer(0), a.buffer<uint8_t>(1), blockFormat(a.integer(10)), nullptr, a.integer(9) ? dX : nullptr, dX,
            {a.buffer<int32_t>(3), a.integer(8), a.integer(5)}, a.integer(7), a.integer(6), false},
           thread);
}

}  // namespace RECKON_ISA
}  // namespace reckon

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
// Panels that are expanded together for few rows: as many as a tile of one row takes.
constexpr int64_t kPanelsAtOnce = 4;
// Rows that make expanding a panel cheap beside multiplying it: widening bf16 costs about as much as four rows, decoding
// other blocks as twenty.
constexpr int64_t kLeastPartRowsBf16 = 112, kLeastPartRows = 256;
// Copies of rows that threads share, bytes. Smaller ones each task makes for itself, which is cheaper than waiting for others;
// larger ones too, or they would take much memory.
constexpr size_t kLeastSharedBytes = 256 << 10, kMostSharedBytes = 32 << 20;

// y = x · B (+ bias) (+ residual), B [depth, columns] made from the weight: by column (forward: weight [columns, depth]) or by
// row (backward: weight [depth, columns]).
struct Product {
  const float* x;
  const uint8_t* weight;
  int64_t formatNumber;
  const float* bias;
  const float* residual;
  float* y;
  Groups groups;
  int64_t depth, columns;
  bool byColumn;

  int64_t outer() const { return byColumn ? columns : depth; }
  int64_t inner() const { return byColumn ? depth : columns; }
  const uint8_t* matrix(int64_t group) const {
    return weight + blockFormat(formatNumber).bytes(outer(), inner()) * group;
  }
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
  // Bytes of the copies of all rows.
  size_t copyBytes;
  // Runs that the panels are cut into.
  int64_t runs;
};

// Bytes of the copy of a chunk's rows over one block of the depth; 0: there is none.
size_t copyBytesOfBlock(const Product& product, const Engine& engine, const DepthBlocks& blocks, int64_t rows) {
  return (engine.rowsBytes(rows, blocks.size, product.columns) + 63) / 64 * 64;
}

Work listWork(const Product& product, const Engine& engine, const DepthBlocks& blocks, Thread& thread) {
  int64_t most = 0, groups = 0;
  for (int64_t g = 0; g < product.groups.count; g++) {
    const int64_t chunksOfGroup = ceilDivide(product.groups.end(g) - product.groups.begin(g), engine.rowsAtOnce);
    most += chunksOfGroup;
    groups += chunksOfGroup > 0;
  }
  // Rows of no group: every thread lists nothing.
  if (groups == 0) return {nullptr, nullptr, 0, 0, 0, 0};
  // Runs as long as the cache takes; then, for the threads to be done together, parts of the rows; then shorter runs.
  const int64_t panels = ceilDivide(product.columns, engine.panel);
  const int64_t wanted = thread.count == 1 ? 1 : 6 * thread.count;
  int64_t run = kMostPanelBytes / static_cast<int64_t>(engine.panelBytes(blocks.size) + 1);
  run = run < 1 ? 1 : run > panels ? panels : run;
  const int64_t partsOfGroup = ceilDivide(wanted, groups * ceilDivide(panels, run));
  const int64_t least = product.formatNumber == kBf16Format ? kLeastPartRowsBf16 : kLeastPartRows;
  const int64_t rowsOfPart = ceilDivide(product.groups.rows, groups * partsOfGroup);
  const int64_t chunksOfPart = ceilDivide(rowsOfPart < least ? least : rowsOfPart, engine.rowsAtOnce);
  Chunk* chunks = static_cast<Chunk*>(thread.scratch(2, most * (sizeof(Chunk) + sizeof(Part))));
  Part* parts = reinterpret_cast<Part*>(chunks + most);
  Work work{chunks, parts, 0, 0, 0, 0};
  for (int64_t g = 0; g < product.groups.count; g++) {
    const int64_t begin = product.groups.begin(g), rows = product.groups.end(g) - begin;
    const int64_t count = ceilDivide(rows, engine.rowsAtOnce);
    for (int64_t i = 0; i < count; i++) {
      const int64_t from = begin + rows * i / count;
      const int64_t here = begin + rows * (i + 1) / count - from;
      if (i % chunksOfPart == 0) parts[work.partCount++] = {work.chunkCount, 0};
      parts[work.partCount - 1].chunks++;
      chunks[work.chunkCount++] = {g, from, here, work.copyBytes};
      work.copyBytes += copyBytesOfBlock(product, engine, blocks, here) * blocks.count;
    }
  }
  if (work.partCount * ceilDivide(panels, run) < wanted) run = work.partCount * panels / wanted;
  work.runs = ceilDivide(panels, run < 1 ? 1 : run);
  return work;
}

// Copies of a chunk's rows, one for each block of the depth.
struct Copies {
  char* begin;
  size_t blockBytes;
  char* block(int64_t i) const { return begin + blockBytes * i; }
};

void packRows(const Product& product, const Engine& engine, const DepthBlocks& blocks, const Chunk& chunk, int64_t block,
              void* copy) {
  engine.packRows(product.x + chunk.begin * product.depth + blocks.begin(block), product.depth, chunk.rows,
                  blocks.length(block), copy);
}

// Expands `width` columns from `column` on, over `depth` depths from `from` on, into panels.
void expand(const Product& product, const Engine& engine, const uint8_t* matrix, int64_t column, int64_t width,
            int64_t from, int64_t depth, char* panels, Thread& thread) {
  const size_t panelBytes = engine.panelBytes(depth);
  const auto eachPanel = [&](auto&& body) {
    for (int64_t n = 0; n < width; n += engine.panel, panels += panelBytes) {
      body(n, width - n < engine.panel ? width - n : engine.panel);
    }
  };
  if (product.formatNumber == kBf16Format) {
    eachPanel([&](int64_t n, int64_t here) {
      engine.packBf16Panel(reinterpret_cast<const uint32_t*>(matrix), product.inner(), product.byColumn, column + n, here,
                           from, depth, panels);
    });
    return;
  }
  if (product.byColumn && engine.packBlocks) {
    eachPanel([&](int64_t n, int64_t here) {
      engine.packBlocks(product.formatNumber, matrix, product.outer(), product.inner(), column + n, here, from, depth, panels);
    });
    return;
  }
  const auto decode = blockFormat(product.formatNumber).decode;
  const auto strideOf = [](int64_t count) { return ceilDivide(count, kDecodeStep) * kDecodeStep + 16; };
  if (product.byColumn) {
    const int64_t stride = strideOf(depth);
    float* rows = static_cast<float*>(thread.scratch(3, sizeof(float) * stride * engine.panel));
    eachPanel([&](int64_t n, int64_t here) {
      for (int64_t i = 0; i < here; i++) {
        decode(matrix, product.outer(), product.inner(), column + n + i, from, depth, rows + i * stride);
      }
      engine.packPanel(rows, stride, true, depth, here, panels);
    });
    return;
  }
  const int64_t aligned = column / kDecodeStep * kDecodeStep, before = column - aligned;
  const int64_t stride = strideOf(before + width);
  float* rows = static_cast<float*>(thread.scratch(3, sizeof(float) * stride * depth));
  for (int64_t k = 0; k < depth; k++) {
    decode(matrix, product.outer(), product.inner(), from + k, aligned, before + width, rows + k * stride);
  }
  eachPanel([&](int64_t n, int64_t here) { engine.packPanel(rows + before + n, stride, false, depth, here, panels); });
}

// A thread's way through its tasks.
class Worker {
 public:
  Worker(const Product& product, const Engine& engine, const DepthBlocks& blocks, const Work& work, char* shared,
         Thread& thread)
      : product_(product), engine_(engine), blocks_(blocks), work_(work), shared_(shared), thread_(thread) {}

  // Multiplies the rows of a part with `width` columns from `column` on.
  void run(const Part& part, int64_t column, int64_t width) {
    const Chunk* chunks = work_.chunks + part.firstChunk;
    const uint8_t* matrix = product_.matrix(chunks[0].group);
    if (inPlace(part)) {
      // Panel by panel when they are read once, so that memory is read in order.
      const int64_t step = part.chunks == 1 && blocks_.count > 1 ? kBf16Panel : width;
      for (int64_t n = 0; n < width; n += step) {
        multiplyInPlace(part, reinterpret_cast<const uint32_t*>(matrix), column + n, width - n < step ? width - n : step);
      }
      return;
    }
    // Panels that are read once are multiplied while they are near.
    const int64_t step = part.chunks == 1 ? kPanelsAtOnce * engine_.panel : width;
    for (int64_t n = 0; n < width; n += step) multiplyExpanded(part, matrix, column + n, width - n < step ? width - n : step);
  }

 private:
  void multiplyExpanded(const Part& part, const uint8_t* matrix, int64_t column, int64_t width) {
    const Chunk* chunks = work_.chunks + part.firstChunk;
    const size_t bytes = engine_.panelBytes(blocks_.size) * ceilDivide(width, engine_.panel);
    char* panels = static_cast<char*>(thread_.scratch(4, bytes));
    for (int64_t block = 0; block < blocks_.count; block++) {
      const int64_t from = blocks_.begin(block), depth = blocks_.length(block);
      expand(product_, engine_, matrix, column, width, from, depth, panels, thread_);
      for (int64_t c = 0; c < part.chunks; c++) {
        const Chunk& chunk = chunks[c];
        int64_t stride;
        const void* left = rowsOf(chunk, block, &stride);
        engine_.multiply(left, stride, chunk.rows, panels, depth, width, outputOf(chunk, block, column), sums(chunk));
      }
    }
  }

  bool inPlace(const Part& part) const {
    return product_.formatNumber == kBf16Format && product_.byColumn && engine_.multiplyBf16 &&
           (part.chunks == 1 || engine_.bf16Rows > engine_.rowsAtOnce) &&
           work_.chunks[part.firstChunk].rows <= engine_.bf16Rows;
  }

  void multiplyInPlace(const Part& part, const uint32_t* matrix, int64_t column, int64_t width) {
    for (int64_t block = 0; block < blocks_.count; block++) {
      const uint32_t* words = matrix + bf16Word(product_.depth, column, blocks_.begin(block));
      for (int64_t c = 0; c < part.chunks; c++) {
        const Chunk& chunk = work_.chunks[part.firstChunk + c];
        int64_t stride;
        const void* left = rowsOf(chunk, block, &stride);
        engine_.multiplyBf16(left, stride, chunk.rows, words, bf16PanelWords(product_.depth), blocks_.length(block), width,
                             outputOf(chunk, block, column), sums(chunk));
      }
    }
  }

  void* sums(const Chunk& chunk) {
    const size_t bytes = engine_.sumsBytes(chunk.rows);
    return bytes ? thread_.scratch(1, bytes) : nullptr;
  }

  // The rows of a chunk over one block of the depth, as the engine wants them.
  const void* rowsOf(const Chunk& chunk, int64_t block, int64_t* stride) {
    const size_t bytes = copyBytesOfBlock(product_, engine_, blocks_, chunk.rows);
    if (bytes == 0) {
      *stride = product_.depth;
      return product_.x + chunk.begin * product_.depth + blocks_.begin(block);
    }
    if (shared_) {
      *stride = engine_.copiedStride(blocks_.length(block));
      return Copies{shared_ + chunk.copyAt, bytes}.block(block);
    }
    *stride = 0;
    // Few rows are copied whole, and serve the next task too.
    const bool whole = bytes * blocks_.count <= kLeastSharedBytes;
    const Copies own{static_cast<char*>(thread_.scratch(0, whole ? bytes * blocks_.count : bytes)), bytes};
    if (!whole) {
      copied_ = nullptr;
      packRows(product_, engine_, blocks_, chunk, block, own.begin);
      return own.begin;
    }
    if (copied_ != &chunk) {
      copied_ = &chunk;
      for (int64_t i = 0; i < blocks_.count; i++) packRows(product_, engine_, blocks_, chunk, i, own.block(i));
    }
    return own.block(block);
  }

  // Blocks of the depth after the first go on from what is there.
  Output outputOf(const Chunk& chunk, int64_t block, int64_t column) const {
    const int64_t at = chunk.begin * product_.columns + column;
    float* y = product_.y + at;
    if (block > 0) return {y, product_.columns, nullptr, y};
    return {y, product_.columns, product_.bias ? product_.bias + chunk.group * product_.columns + column : nullptr,
            product_.residual ? product_.residual + at : nullptr};
  }

  const Product& product_;
  const Engine& engine_;
  const DepthBlocks& blocks_;
  const Work& work_;
  // Copies of all rows; null when tasks make their own.
  char* const shared_;
  Thread& thread_;
  // The chunk whose copies this thread's scratch holds.
  const Chunk* copied_ = nullptr;
};

void multiply(const Product& product, Thread& thread) {
  if (product.groups.rows == 0 || product.columns == 0) return;
  const Engine& engine = chooseEngine(thread);
  const DepthBlocks blocks(product.depth);
  const Work work = listWork(product, engine, blocks, thread);
  if (work.partCount == 0) return;

  char* shared = nullptr;
  if (work.copyBytes > kLeastSharedBytes && work.copyBytes <= kMostSharedBytes) {
    shared = static_cast<char*>(thread.sharedScratch(0, work.copyBytes));
    thread.share(work.chunkCount * blocks.count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const Chunk& chunk = work.chunks[i / blocks.count];
        const Copies copies{shared + chunk.copyAt, copyBytesOfBlock(product, engine, blocks, chunk.rows)};
        packRows(product, engine, blocks, chunk, i % blocks.count, copies.block(i % blocks.count));
      }
    });
  }

  const int64_t panels = ceilDivide(product.columns, engine.panel), runs = work.runs;
  Worker worker(product, engine, blocks, work, shared, thread);
  thread.shareNear(work.partCount * runs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t i = task % runs;
      const int64_t column = panels * i / runs * engine.panel;
      const int64_t limit = panels * (i + 1) / runs * engine.panel;
      worker.run(work.parts[task / runs], column, (limit < product.columns ? limit : product.columns) - column);
    }
  });
}

}  // namespace

// x blocks version bias residual y | rows inner outer format
void linearBlocks(const Arguments& a, Thread& thread) {
  multiply({a.buffer(0), a.buffer<uint8_t>(1), a.integer(9), a.buffer(3), a.buffer(4), a.buffer(5),
            {nullptr, 1, a.integer(6)}, a.integer(7), a.integer(8), true},
           thread);
}

// dY blocks version dX | rows inner outer accumulate format
void linearBlocksBackwardInput(const Arguments& a, Thread& thread) {
  float* dX = a.buffer(3);
  multiply({a.buffer(0), a.buffer<uint8_t>(1), a.integer(8), nullptr, a.integer(7) ? dX : nullptr, dX,
            {nullptr, 1, a.integer(4)}, a.integer(6), a.integer(5), false},
           thread);
}

// x blocks version bias offsets y | rows inner outer experts format
void groupedLinearBlocks(const Arguments& a, Thread& thread) {
  multiply({a.buffer(0), a.buffer<uint8_t>(1), a.integer(10), a.buffer(3), nullptr, a.buffer(5),
            {a.buffer<int32_t>(4), a.integer(9), a.integer(6)}, a.integer(7), a.integer(8), true},
           thread);
}

// dY blocks version offsets dX | rows inner outer experts accumulate format
void groupedLinearBlocksBackwardInput(const Arguments& a, Thread& thread) {
  float* dX = a.buffer(4);
  multiply({a.buffer(0), a.buffer<uint8_t>(1), a.integer(10), nullptr, a.integer(9) ? dX : nullptr, dX,
            {a.buffer<int32_t>(3), a.integer(8), a.integer(5)}, a.integer(7), a.integer(6), false},
           thread);
}

}  // namespace RECKON_ISA
}  // namespace reckon

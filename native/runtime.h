// What a kernel sees of the rest of the addon. Kernels are compiled once per instruction set; this header is not.
//
// A flush hands the whole command stream to every thread of the pool (single program, multiple data): each thread
// walks the same calls and does its share of each, and a barrier ends every call. Work is shared out dynamically in
// tiles, so a slow core does not hold the others; a tile's result never depends on who computed it or on how many
// threads there are. That is the law all kernels here keep: the order of every reduction is fixed by the element. So a
// call too small to be worth sharing (call-plan.h) is run by the first thread alone, as if there were no others.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#define RECKON_INLINE inline __attribute__((always_inline))

namespace reckon {

// What the processor is driven with, weakest first. amx and avx512bf16 run the kernels compiled for avx512 and differ
// from it in the matrix products alone.
enum class IsaLevel : int { portable = 0, neon = 1, avx2 = 2, avx512 = 3, avx512bf16 = 4, amx = 5 };

// Operand type of matrix products; they accumulate in f32 either way.
enum class Precision : int { f32 = 0, bf16 = 1 };

// The operands of one call, in the order of its signature in src/engine/kernels.ts: buffers, then numbers.
// A buffer takes one word, its address (0 when null); a buffer of mode `w` takes two: its address, then a version that
// is never used twice and changes whenever its storage is written to.
struct Arguments {
  const double* words;
  template <typename T = float>
  RECKON_INLINE T* buffer(int i) const {
    return reinterpret_cast<T*>(static_cast<uintptr_t>(words[i]));
  }
  RECKON_INLINE int64_t integer(int i) const { return static_cast<int64_t>(words[i]); }
  RECKON_INLINE double number(int i) const { return words[i]; }
};

class Pool;
class PackCache;

// Counters of one loop lie a cache line apart.
constexpr int kCounterStride = 64 / sizeof(std::atomic<int64_t>);

// One thread's view of a running flush.
struct Thread {
  int index;
  int count;
  IsaLevel isaLevel;
  Precision precision;
  Pool* pool;
  // Packed copies of weights; see pack-cache.h.
  PackCache* packs;

  // Waits for all threads; every thread must call it the same number of times in a call. What any of them wrote before
  // is seen by all of them after. The runtime puts one at the end of every call, so a kernel needs none there.
  void barrier();
  // Scratch of at least `bytes`, 64-byte aligned, private to this thread, contents undefined, valid until the call ends
  // or the next request for the same slot (0..7).
  void* scratch(int slot, size_t bytes);
  // Scratch shared by all threads (same address for all), contents undefined; slots 0..7, apart from the private ones.
  // Every thread must ask alike; contains a barrier.
  void* sharedScratch(int slot, size_t bytes);
  // Calls body(begin, end) for disjoint ranges that cover [0, n), at most `grain` long, taken from a shared counter.
  // Every thread must call it alike. Ends with a barrier unless `wait` is false: when the next loop does not need this
  // one, or when it is the last of the kernel.
  template <typename F>
  RECKON_INLINE void share(int64_t n, int64_t grain, F&& body, bool wait = true);
  // As share(), but each thread begins with a range of its own, the same share of [0, n) in every loop, and helps the
  // others with theirs when it is done: what a thread wrote in one loop, or the weights it read, are then near it in the
  // next. Tasks do not come in ascending order. No barrier at the end.
  template <typename F>
  RECKON_INLINE void shareNear(int64_t n, int64_t grain, F&& body);
  // The shared counters for the loop being run now, at zero; rotates so that the next loop finds others.
  // `counters[i * kCounterStride]` is thread i's; a loop with one counter uses the first.
  std::atomic<int64_t>* nextCounters();

  // Bookkeeping of nextCounters: this thread's place in the ring, and loops begun since the last barrier.
  uint32_t loop;
  uint32_t loopsSinceBarrier;
};

template <typename F>
RECKON_INLINE void Thread::share(int64_t n, int64_t grain, F&& body, bool wait) {
  std::atomic<int64_t>* counter = nextCounters();
  for (;;) {
    int64_t begin = counter->fetch_add(grain, std::memory_order_relaxed);
    if (begin >= n) break;
    int64_t end = begin + grain < n ? begin + grain : n;
    body(begin, end);
  }
  if (wait) barrier();
}

template <typename F>
RECKON_INLINE void Thread::shareNear(int64_t n, int64_t grain, F&& body) {
  std::atomic<int64_t>* counters = nextCounters();
  const int64_t tasks = (n + grain - 1) / grain;
  for (int i = 0; i < count; i++) {
    const int owner = index + i < count ? index + i : index + i - count;
    const int64_t first = tasks * owner / count, limit = tasks * (owner + 1) / count;
    for (;;) {
      const int64_t task = first + counters[owner * kCounterStride].fetch_add(1, std::memory_order_relaxed);
      if (task >= limit) break;
      const int64_t begin = task * grain;
      body(begin, begin + grain < n ? begin + grain : n);
    }
  }
}

using Kernel = void (*)(const Arguments&, Thread&);

// One row per kernel: its name and its signature, word for word as in src/engine/kernels.ts; the device refuses an addon
// whose table differs.
struct KernelEntry {
  const char* name;
  const char* signature;
  Kernel run;
};

}  // namespace reckon

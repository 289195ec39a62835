// What a kernel sees of the rest of the addon. Kernels are compiled once per instruction set; this header is not.
//
// A flush hands the whole command stream to every thread of the pool (single program, multiple data): each thread
// walks the same calls and does its share of each, and a barrier ends every call. Work is shared out dynamically in
// tiles, so a slow core does not hold the others; a tile's result never depends on who computed it or on how many
// threads there are. That is the law all kernels here keep: the order of every reduction is fixed by the element.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace reckon {

// The operands of one call, in the order of its signature in src/engine/kernels.ts: buffers, then numbers.
// A buffer of mode `w` takes two words: its address, and a version that changes whenever its storage is written to.
struct Arguments {
  const double* words;
  template <typename T = float>
  T* buffer(int i) const { return reinterpret_cast<T*>(static_cast<uintptr_t>(words[i])); }
  int64_t integer(int i) const { return static_cast<int64_t>(words[i]); }
  double number(int i) const { return words[i]; }
};

class Pool;

// One thread's view of a running flush.
struct Thread {
  int index;
  int count;
  Pool* pool;
  // Waits for all threads; every thread must call it the same number of times in a call.
  void barrier();
  // Scratch of at least `bytes`, 64-byte aligned, private to this thread, contents undefined, valid until the call ends
  // or the next request for the same slot (0..7).
  void* scratch(int slot, size_t bytes);
  // Scratch shared by all threads (same address for all), contents undefined. Every thread must ask alike; contains a
  // barrier.
  void* sharedScratch(int slot, size_t bytes);
  // Calls body(begin, end) for disjoint ranges that cover [0, n), at most `grain` long, taken from a shared counter.
  // Every thread must call it alike. Ends with a barrier unless `wait` is false, when the next loop does not need this one.
  template <typename F>
  void share(int64_t n, int64_t grain, F&& body, bool wait = true);
  // The shared counter for the loop being run now; rotates so that the next loop finds a zeroed one.
  std::atomic<int64_t>* nextCounter();
};

template <typename F>
void Thread::share(int64_t n, int64_t grain, F&& body, bool wait) {
  std::atomic<int64_t>* counter = nextCounter();
  for (;;) {
    int64_t begin = counter->fetch_add(grain, std::memory_order_relaxed);
    if (begin >= n) break;
    int64_t end = begin + grain < n ? begin + grain : n;
    body(begin, end);
  }
  if (wait) barrier();
}

using Kernel = void (*)(const Arguments&, Thread&);

// One row per kernel: its name and its signature, word for word as in src/engine/kernels.ts; the addon refuses to load
// against a table that differs.
struct KernelEntry {
  const char* name;
  const char* signature;
  Kernel run;
};

}  // namespace reckon

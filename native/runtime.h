// What a kernel sees of the rest of the addon. Kernels are compiled once per instruction set; this header is not.
//
// A flush hands a command stream to the threads of the pool. A call is worked on by whoever is there: a thread may join it
// late, or miss it altogether when other processes keep it from its processor, and nobody waits for a thread that holds no
// task. So shared work stands in loops (share, shareNear, once), whose tasks are taken from a counter; a loop is over when its
// tasks are, not when all threads have come by. A kernel must walk the same loops on every thread, whenever that thread
// arrives: what it branches on, outside loops, must not be changed by the call itself.
//
// A task's result never depends on who computed it or on how many threads there are. That is the law all kernels here keep:
// the order of every reduction is fixed by the element. So a call too small to be worth sharing (call-plan.h) is run by one
// thread alone, as if there were no others.
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

// One thread's view of a running call.
struct Thread {
  int index;
  int count;
  IsaLevel isaLevel;
  Precision precision;
  Pool* pool;
  // Packed copies of weights; see pack-cache.h.
  PackCache* packs;
  // Which call of which flush this is: a number that is never used twice.
  uint64_t call = 0;
  // Loops begun so far, of all calls, and those of this call that barrier() has not waited for.
  uint32_t loop = 0;
  uint32_t unwaited = 0;

  // Waits until all loops that this call has begun are over: what their tasks wrote is seen by all of them after. The
  // runtime puts one at the end of every call, so a kernel needs none there.
  void barrier();
  // Scratch of at least `bytes`, 64-byte aligned, private to this thread, contents undefined, valid until the call ends
  // or the next request for the same slot (0..7).
  void* scratch(int slot, size_t bytes);
  // Scratch shared by all threads (same address for all), contents undefined; slots 0..7, apart from the private ones.
  // Contains a barrier. Only tasks of later loops may use it.
  void* sharedScratch(int slot, size_t bytes);
  // Calls body(begin, end) for disjoint ranges that cover [0, n), at most `grain` long, taken from a shared counter.
  // Ends with a barrier unless `wait` is false: when the next loop does not need this one, or when it is the last of the
  // kernel.
  template <typename F>
  RECKON_INLINE void share(int64_t n, int64_t grain, F&& body, bool wait = true);
  // As share(), but each thread begins with a range of its own, the same share of [0, n) in every loop, and helps the
  // others with theirs when it is done: what a thread wrote in one loop, or the weights it read, are then near it in the
  // next. Tasks do not come in ascending order. No barrier at the end.
  template <typename F>
  RECKON_INLINE void shareNear(int64_t n, int64_t grain, F&& body);
  // Calls body() on the first thread that comes by. Ends with a barrier.
  template <typename F>
  RECKON_INLINE void once(F&& body) {
    share(1, 1, [&](int64_t, int64_t) { body(); });
  }

 private:
  friend class Pool;

  // The next loop's number; it has `tasks` tasks.
  uint32_t beginLoop(int64_t tasks);
  // The next task of part `owner` of a loop, below `limit`; −1 when there is none.
  int64_t take(uint32_t loop, int owner, int64_t limit);
  // Counts `tasks` of a loop as done.
  void finish(uint32_t loop, int64_t tasks);
};

// All of a loop, on a thread by itself.
template <typename F>
RECKON_INLINE void eachRange(int64_t n, int64_t grain, F&& body) {
  for (int64_t begin = 0; begin < n; begin += grain) body(begin, begin + grain < n ? begin + grain : n);
}

template <typename F>
RECKON_INLINE void Thread::share(int64_t n, int64_t grain, F&& body, bool wait) {
  if (count == 1) return eachRange(n, grain, body);
  const int64_t tasks = (n + grain - 1) / grain;
  const uint32_t self = beginLoop(tasks);
  int64_t done = 0;
  for (int64_t task; (task = take(self, 0, tasks)) >= 0; done++) {
    const int64_t begin = task * grain;
    body(begin, begin + grain < n ? begin + grain : n);
  }
  if (done > 0) finish(self, done);
  if (wait) barrier();
}

template <typename F>
RECKON_INLINE void Thread::shareNear(int64_t n, int64_t grain, F&& body) {
  if (count == 1) return eachRange(n, grain, body);
  const int64_t tasks = (n + grain - 1) / grain;
  const uint32_t self = beginLoop(tasks);
  int64_t done = 0;
  for (int i = 0; i < count; i++) {
    const int owner = index + i < count ? index + i : index + i - count;
    const int64_t first = tasks * owner / count, limit = tasks * (owner + 1) / count;
    for (int64_t task; (task = take(self, owner, limit - first)) >= 0; done++) {
      const int64_t begin = (first + task) * grain;
      body(begin, begin + grain < n ? begin + grain : n);
    }
  }
  if (done > 0) finish(self, done);
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

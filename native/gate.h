// Where threads wait for each other: a short spin, then sleep. Never a yielding loop: a thread that yields stays runnable, is
// charged for it, and takes the processor from the very thread it waits for when other processes want it, too.
#pragma once
#include <atomic>
#include <cstdint>

namespace reckon {

// Tells the processor that this thread spins.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Gate {
 public:
  // `spinNs`: how long a wait spins before it sleeps. Sleeping and waking cost some microseconds, a spin costs whoever else
  // wants the processor.
  explicit Gate(int64_t spinNs) : spinNs_(spinNs) {}

  // Returns once `holds()`, which what others do before notify() makes true. What it looks at must be read and written by
  // sequentially consistent operations, so that either notify() sees a sleeper or the sleeper sees what was done.
  template <typename F>
  void await(F&& holds) {
    for (int i = 0; i < kFewLooks; i++) {
      if (holds()) return;
      relax();
    }
    for (const int64_t limit = now() + spinNs_; now() < limit;) {
      for (int i = 0; i < kLooks; i++) {
        if (holds()) return;
        relax();
      }
    }
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    for (;;) {
      const uint32_t before = value_.load(std::memory_order_seq_cst);
      if (holds()) break;
      sleep(before);
    }
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }

  // Wakes those that sleep, to look again.
  void notify() {
    if (sleepers_.load(std::memory_order_seq_cst) > 0) wake();
  }

 private:
  static constexpr int kFewLooks = 64, kLooks = 32;

  static int64_t now();
  void sleep(uint32_t before);
  void wake();

  const int64_t spinNs_;
  alignas(64) std::atomic<uint32_t> value_{0};
  std::atomic<int> sleepers_{0};
};

}  // namespace reckon

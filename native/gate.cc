#include "gate.h"

#include <sched.h>

#include <chrono>

namespace reckon {
namespace {

using Clock = std::chrono::steady_clock;

// Spinning covers the wait between two kernels; yielding covers the host's work between two decoding steps and gives
// the processor to whoever else wants it.
constexpr std::chrono::microseconds kSpin{4};
constexpr std::chrono::microseconds kYield{1000};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Gate::wait(uint32_t old, bool spin) {
  if (value() != old) return;
  const Clock::time_point start = Clock::now();
  if (spin) {
    do {
      for (int i = 0; i < 32; i++) {
        relax();
        if (value() != old) return;
      }
    } while (Clock::now() - start < kSpin);
  }
  do {
    sched_yield();
    if (value() != old) return;
  } while (Clock::now() - start < kYield);
  // Either advance() sees this sleeper, or the sleeper sees the new number: both orders are sequentially consistent.
  std::unique_lock<std::mutex> lock(mutex_);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  changed_.wait(lock, [&] { return value_.load(std::memory_order_seq_cst) != old; });
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void Gate::advance() {
  value_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
  // Taking the lock waits for a thread between its look at the number and its sleep.
  { std::lock_guard<std::mutex> lock(mutex_); }
  changed_.notify_all();
}

}  // namespace reckon

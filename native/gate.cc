#include "gate.h"

#include <chrono>

#if defined(__linux__)
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <condition_variable>
#include <mutex>
#endif

namespace reckon {

int64_t Gate::now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

#if defined(__linux__)

void Gate::sleep(uint32_t before) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&value_), FUTEX_WAIT_PRIVATE, before, nullptr, nullptr, 0);
}

void Gate::wake() {
  value_.fetch_add(1, std::memory_order_seq_cst);
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&value_), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

#else

namespace {

// One pair for all gates: who wakes for another's sake looks and sleeps again.
std::mutex mutex;
std::condition_variable changed;

}  // namespace

void Gate::sleep(uint32_t before) {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return value_.load(std::memory_order_seq_cst) != before; });
}

void Gate::wake() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    value_.fetch_add(1, std::memory_order_seq_cst);
  }
  changed.notify_all();
}

#endif

}  // namespace reckon

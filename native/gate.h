// A number that threads wait to see change: they spin for some microseconds, then yield, then sleep.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace reckon {

class Gate {
 public:
  uint32_t value() const { return value_.load(std::memory_order_acquire); }

  // Returns once the number differs from `old`. `spin`: whether other threads are likely to run at the same time; when
  // there are more threads than processors, spinning only keeps them from it.
  void wait(uint32_t old, bool spin);

  // Changes the number and lets everyone through.
  void advance();

 private:
  alignas(64) std::atomic<uint32_t> value_{0};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace reckon

// The threads of one device, and the flushes they run.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "call-plan.h"
#include "gate.h"
#include "pack-cache.h"
#include "placement.h"
#include "runtime.h"

namespace reckon {

// Why a flush stopped. `bytes` is what could not be had when memory ran out, else 0.
struct Failure {
  std::string message;
  size_t bytes = 0;
};

class Pool {
 public:
  // Starts threads − 1 threads; the thread that calls run() is the first. @throws std::system_error when one cannot start.
  Pool(int threads, IsaLevel level, Precision precision);
  ~Pool();

  // Runs a command stream: per call the kernel's index in the table, then its argument words. Returns false when it
  // stopped early; failure() says why, and what the stream was to write is then undefined.
  bool run(const double* stream, size_t length);
  const Failure& failure() const { return failure_; }

  PackCache& packs() { return packs_; }
  // Bytes held beside the tensors: scratch and packed weights. Not during a flush.
  size_t overheadBytes() const;

 private:
  friend struct Thread;
  static constexpr int kScratchSlots = 8;
  static constexpr uint32_t kCounters = 64;

  struct Scratch {
    void* memory = nullptr;
    size_t bytes = 0;
    // @throws OutOfMemory
    void* grow(size_t wanted);
    ~Scratch();
  };
  struct alignas(64) Member {
    Thread thread;
    Scratch scratch[kScratchSlots];
  };
  struct alignas(64) Counter {
    std::atomic<int64_t> next{0};
    char rest[64 - sizeof(std::atomic<int64_t>)];
  };
  static_assert(sizeof(Counter) == kCounterStride * sizeof(std::atomic<int64_t>), "counters lie a stride apart");

  void serve(int index);
  void execute(Thread& thread);
  // Whether no call of the stream is worth waking the other threads for.
  bool allSolo() const;
  void fail(Failure failure);
  void join();
  void recover();
  // Zeroes the counters that were used since the last barrier; `thread` is any thread that has reached the next one.
  void clearCounters(const Thread& thread);
  void barrier(Thread& thread);

  const int count_;
  const bool spin_;
  const Placement placement_;
  const KernelEntry* table_;
  size_t tableSize_;
  std::vector<CallPlan> plans_;

  std::unique_ptr<Member[]> members_;
  // The first thread's view of calls that it runs by itself.
  Thread solo_;
  Scratch shared_[kScratchSlots];
  PackCache packs_;
  std::vector<std::thread> workers_;

  const double* stream_ = nullptr;
  size_t length_ = 0;
  bool stopping_ = false;

  // Advanced when a flush begins, when all threads have reached a barrier, and when all workers are done with a flush.
  Gate begun_, passed_, done_;
  alignas(64) std::atomic<int> arrived_{0};
  std::atomic<int> finished_{0};
  std::atomic<bool> failed_{false};
  std::mutex failureMutex_;
  Failure failure_;
  // Counters of share() and shareNear(), one per thread and loop, used round a ring of kCounters loops; those used since
  // the last barrier are zeroed by its last arrival.
  std::unique_ptr<Counter[]> counters_;
  // The counter of every loop that one thread runs by itself.
  Counter alone_;
};

}  // namespace reckon

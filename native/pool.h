// The threads of one device, and the flushes they run.
//
// A flush is cut into units: one call that threads share, or a run of calls too small for that. One unit is open at a time.
// Threads enter it and leave it as they come by; the last to leave closes it and opens the next. So a unit waits for the
// threads that are in it, never for one that is elsewhere, say asleep, or without a processor.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
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
  // Loops that may be under way before a barrier waits for them.
  static constexpr uint32_t kLoops = 64;

  struct Scratch {
    void* memory = nullptr;
    size_t bytes = 0;
    // @throws OutOfMemory
    void* grow(size_t wanted);
    ~Scratch();
  };
  struct alignas(64) Member {
    Thread thread;
    // Its view of calls that it runs by itself.
    Thread solo;
    Scratch scratch[kScratchSlots];
    // Tasks of the loops begun last, by number modulo kLoops.
    int64_t tasks[kLoops];
  };
  // Counts something of one loop: its number in the upper half, the count in the lower. A counter that still has an older
  // loop's number stands for zero; one with a newer number says that the loop is over. So none is ever cleared.
  struct alignas(64) Counter {
    std::atomic<uint64_t> word{0};
  };
  // What a thread needs to know of a unit to enter it.
  struct Unit {
    std::atomic<const double*> begin{nullptr}, end{nullptr};
    std::atomic<bool> solo{false};
    // The number of its first loop.
    std::atomic<uint32_t> loop{0};
  };

  void serve(int index);
  // Enters and leaves units until none is open. `inside`: whether the thread is in the open unit already.
  void work(Member& member, bool inside);
  // Leaves a unit, or closes it: true when the thread is in the next one. `loop` is the number of the first loop after it.
  bool leave(uint64_t number, const double* end, uint32_t loop);
  // Waits until a unit is closed.
  void awaitEnd(uint64_t number);
  // Runs the calls in [begin, end) on this thread's part.
  void execute(Member& member, const double* begin, const double* end, bool solo);
  // Finds the unit that begins at `begin`. @returns its end; whether it is solo.
  const double* unitAt(const double* begin, bool* solo) const;
  void describe(uint64_t number, const double* begin, uint32_t loop);
  Counter* taken(uint32_t loop, int part) { return &counters_[(loop % kLoops) * (count_ + 1) + part]; }
  Counter* done(uint32_t loop) { return &counters_[(loop % kLoops) * (count_ + 1) + count_]; }
  bool finished(uint32_t loop, int64_t tasks);
  void fail(Failure failure);
  void join();
  void recover();

  const int count_;
  const Placement placement_;
  const KernelEntry* table_;
  size_t tableSize_;
  std::vector<CallPlan> plans_;

  std::unique_ptr<Member[]> members_;
  Scratch shared_[kScratchSlots];
  PackCache packs_;
  std::vector<std::thread> workers_;

  const double* streamEnd_ = nullptr;
  std::atomic<bool> stopping_{false};

  // Number of the newest unit in the upper bits, then whether it is open, then how many threads are in it.
  alignas(64) std::atomic<uint64_t> state_{0};
  // Unit n is described by units_[n % 2]; the next one's description is written before the state names it.
  Unit units_[2];
  // For every change that a thread may be waiting for.
  Gate gate_;
  std::atomic<bool> failed_{false};
  std::mutex failureMutex_;
  Failure failure_;
  // For each of kLoops loops: tasks taken of each part, and tasks done.
  std::unique_ptr<Counter[]> counters_;
};

}  // namespace reckon

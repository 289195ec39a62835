#include "pool.h"

#include <signal.h>

#include <exception>
#include <stdexcept>
#include <utility>

#include "memory.h"
#include "table.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace reckon {
namespace {

// Thrown by barrier() on the threads that wait for one that failed.
struct Abandoned {};

// Sets results and operands too small for a normal number to zero while a flush runs. Decaying optimizer moments end up
// there, and arithmetic on such numbers is some hundred cycles slower on x86; AMX and AVX-512-BF16 flush them always.
class FlushToZero {
 public:
#if defined(__x86_64__)
  FlushToZero() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040); }
  ~FlushToZero() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FlushToZero() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" : : "r"(saved_ | (uint64_t{1} << 24)));
  }
  ~FlushToZero() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }

 private:
  uint64_t saved_;
#endif
};

}  // namespace

Pool::Pool(int threads, IsaLevel level, Precision precision)
    : count_(threads),
      spin_(static_cast<unsigned>(threads) <= std::thread::hardware_concurrency()),
      placement_(threads),
      table_(tableFor(level, &tableSize_)),
      members_(new Member[threads]),
      counters_(new Counter[kCounters * threads]) {
  for (size_t i = 0; i < tableSize_; i++) plans_.emplace_back(table_[i]);
  for (int i = 0; i < count_; i++) members_[i].thread = Thread{i, count_, level, precision, this, &packs_, 0, 0};
  solo_ = Thread{0, 1, level, precision, this, &packs_, 0, 0};
  // Signals are the JavaScript thread's business; threads inherit the mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    for (int i = 1; i < count_; i++) workers_.emplace_back([this, i] { serve(i); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    join();
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Pool::~Pool() { join(); }

void Pool::join() {
  stopping_ = true;
  begun_.advance();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

bool Pool::run(const double* stream, size_t length) {
  stream_ = stream;
  length_ = length;
  arrived_.store(0, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  if (failed_.load(std::memory_order_relaxed)) recover();
  clearCounters(members_[0].thread);
  for (int i = 0; i < count_; i++) members_[i].thread.loopsSinceBarrier = 0;
  if (count_ == 1 || allSolo()) {
    execute(members_[0].thread);
  } else {
    placement_.settleCaller();
    const uint32_t before = done_.value();
    begun_.advance();
    execute(members_[0].thread);
    done_.wait(before, spin_);
  }
  return !failed_.load(std::memory_order_relaxed);
}

// After a flush that stopped wherever its threads happened to be: a copy may be half packed, counters anywhere.
void Pool::recover() {
  failed_.store(false, std::memory_order_relaxed);
  packs_.drop(nullptr, SIZE_MAX);
  for (int i = 0; i < count_; i++) members_[i].thread.loop = members_[i].thread.loopsSinceBarrier = 0;
  for (uint32_t i = 0; i < kCounters * count_; i++) counters_[i].next.store(0, std::memory_order_relaxed);
}

void Pool::clearCounters(const Thread& thread) {
  for (uint32_t i = thread.loop - thread.loopsSinceBarrier; i != thread.loop; i++) {
    Counter* const loop = &counters_[i % kCounters * count_];
    for (int member = 0; member < count_; member++) loop[member].next.store(0, std::memory_order_relaxed);
  }
}

void Pool::serve(int index) {
  placement_.tieWorker(index);
  for (uint32_t seen = 0;; seen++) {
    begun_.wait(seen, spin_);
    if (stopping_) return;
    execute(members_[index].thread);
    if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_ - 1) done_.advance();
  }
}

bool Pool::allSolo() const {
  for (const double *at = stream_, *end = stream_ + length_; at < end;) {
    const size_t op = static_cast<size_t>(*at);
    if (op >= tableSize_) return true;
    if (!plans_[op].solo(at + 1)) return false;
    at += 1 + plans_[op].words();
  }
  return true;
}

void Pool::execute(Thread& thread) {
  const FlushToZero mode;
  const char* name = "stream";
  // Whether the first thread may still be busy with calls that the others skipped.
  bool skipped = false;
  try {
    for (const double *at = stream_, *end = stream_ + length_; at < end;) {
      const size_t op = static_cast<size_t>(*at);
      if (op >= tableSize_) throw std::out_of_range("unknown kernel number");
      const KernelEntry& entry = table_[op];
      const Arguments arguments{at + 1};
      name = entry.name;
      at += 1 + plans_[op].words();
      if (count_ > 1 && plans_[op].solo(arguments.words)) {
        skipped = true;
        if (thread.index == 0) entry.run(arguments, solo_);
        continue;
      }
      if (skipped) barrier(thread);
      skipped = false;
      entry.run(arguments, thread);
      // The end of the flush is a barrier of its own.
      if (at < end) barrier(thread);
    }
  } catch (const OutOfMemory& error) {
    fail({name, error.bytes});
  } catch (const Abandoned&) {
  } catch (const std::exception& error) {
    fail({std::string(name) + ": " + error.what(), 0});
  }
}

void Pool::fail(Failure failure) {
  {
    std::lock_guard<std::mutex> lock(failureMutex_);
    if (failed_.load(std::memory_order_relaxed)) return;
    failure_ = std::move(failure);
    failed_.store(true, std::memory_order_seq_cst);
  }
  passed_.advance();
}

void Pool::barrier(Thread& thread) {
  if (thread.count == 1) return;
  // The number is taken before the look at failed_, and fail() sets them in the other order: a failure is not missed.
  const uint32_t before = passed_.value();
  if (failed_.load(std::memory_order_seq_cst)) throw Abandoned{};
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < count_) {
    thread.loopsSinceBarrier = 0;
    passed_.wait(before, spin_);
    if (failed_.load(std::memory_order_relaxed)) throw Abandoned{};
    return;
  }
  arrived_.store(0, std::memory_order_relaxed);
  clearCounters(thread);
  thread.loopsSinceBarrier = 0;
  passed_.advance();
}

void* Pool::Scratch::grow(size_t wanted) {
  if (wanted <= bytes) return memory;
  release(memory, bytes);
  // A quarter more than asked for, so that sizes that creep up with the length of a text do not move it at each step.
  bytes = wanted + wanted / 4;
  memory = reserve(bytes);
  if (!memory) {
    bytes = 0;
    throw OutOfMemory{wanted};
  }
  return memory;
}

Pool::Scratch::~Scratch() { release(memory, bytes); }

size_t Pool::overheadBytes() const {
  size_t total = packs_.bytes();
  for (const Scratch& scratch : shared_) total += scratch.bytes;
  for (int i = 0; i < count_; i++) {
    for (const Scratch& scratch : members_[i].scratch) total += scratch.bytes;
  }
  return total;
}

void Thread::barrier() { pool->barrier(*this); }

void* Thread::scratch(int slot, size_t bytes) { return pool->members_[index].scratch[slot].grow(bytes); }

void* Thread::sharedScratch(int slot, size_t bytes) {
  Pool::Scratch& scratch = pool->shared_[slot];
  // All threads take the same branch: the size only changes behind the first barrier.
  const bool grows = bytes > scratch.bytes;
  barrier();
  if (grows) {
    if (index == 0) scratch.grow(bytes);
    barrier();
  }
  return scratch.memory;
}

std::atomic<int64_t>* Thread::nextCounters() {
  if (count == 1) {
    pool->alone_.next.store(0, std::memory_order_relaxed);
    return &pool->alone_.next;
  }
  // A ring's worth of loops without a barrier would meet a used counter.
  if (loopsSinceBarrier == Pool::kCounters) barrier();
  std::atomic<int64_t>* counters = &pool->counters_[loop % Pool::kCounters * count].next;
  loop++;
  loopsSinceBarrier++;
  return counters;
}

}  // namespace reckon

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

// How long a wait spins: most waits within a flush are shorter, and a thread that sleeps is missed for longer than this.
constexpr int64_t kSpinNs = 50'000;
// With more threads than processors, spinning only keeps others from what they are waited for.
constexpr int64_t kCrowdedSpinNs = 0;

constexpr uint64_t kOpen = 1u << 16, kMembers = kOpen - 1;
constexpr uint64_t stateOf(uint64_t number, bool open, uint64_t members) {
  return number << 17 | (open ? kOpen : 0) | members;
}
constexpr uint64_t numberOf(uint64_t state) { return state >> 17; }

// Whether loop a comes after loop b.
constexpr bool isAfter(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) > 0; }
constexpr uint64_t counted(uint32_t loop, uint64_t count) { return static_cast<uint64_t>(loop) << 32 | count; }
constexpr uint32_t loopOf(uint64_t word) { return static_cast<uint32_t>(word >> 32); }
constexpr int64_t countOf(uint64_t word) { return static_cast<uint32_t>(word); }

// Thrown on the threads that wait for one that failed.
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
      placement_(threads),
      table_(tableFor(level, &tableSize_)),
      members_(new Member[threads]),
      gate_(static_cast<unsigned>(threads) <= std::thread::hardware_concurrency() ? kSpinNs : kCrowdedSpinNs),
      counters_(new Counter[kLoops * (threads + 1)]) {
  for (size_t i = 0; i < tableSize_; i++) plans_.emplace_back(table_[i]);
  for (int i = 0; i < count_; i++) {
    Member& member = members_[i];
    member.thread = {i, count_, level, precision, this, &packs_};
    member.solo = {i, 1, level, precision, this, &packs_};
  }
  if (count_ > 1) askForLongSlices();
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
  stopping_.store(true, std::memory_order_seq_cst);
  gate_.notify();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

bool Pool::run(const double* stream, size_t length) {
  if (failed_.load(std::memory_order_relaxed)) recover();
  if (length == 0) return true;
  streamEnd_ = stream + length;
  if (count_ > 1) placement_.settleCaller();
  const uint64_t last = numberOf(state_.load(std::memory_order_relaxed));
  // Loops of the unit that closed last were counted when its successor would have been described.
  describe(last + 1, stream, units_[(last + 1) % 2].loop.load(std::memory_order_relaxed));
  state_.store(stateOf(last + 1, true, 1), std::memory_order_seq_cst);
  if (!units_[(last + 1) % 2].solo.load(std::memory_order_relaxed)) gate_.notify();
  work(members_[0], true);
  return !failed_.load(std::memory_order_relaxed);
}

// After a flush that stopped wherever its threads happened to be: a copy may be half packed, loops unfinished.
void Pool::recover() {
  failed_.store(false, std::memory_order_relaxed);
  packs_.drop(nullptr, SIZE_MAX);
  // Beyond the numbers of all loops that a thread may have begun.
  const uint64_t next = numberOf(state_.load(std::memory_order_relaxed)) + 1;
  uint32_t loop = units_[next % 2].loop.load(std::memory_order_relaxed);
  for (int i = 0; i < count_; i++) {
    if (isAfter(members_[i].thread.loop, loop)) loop = members_[i].thread.loop;
  }
  units_[next % 2].loop.store(loop, std::memory_order_relaxed);
}

const double* Pool::unitAt(const double* begin, bool* solo) const {
  *solo = false;
  const double* at = begin;
  while (at < streamEnd_) {
    const size_t op = static_cast<size_t>(*at);
    // execute() says what is wrong with it.
    if (op >= tableSize_) return streamEnd_;
    const bool small = count_ == 1 || plans_[op].solo(at + 1);
    if (!small && *solo) return at;
    at += 1 + plans_[op].words();
    if (!small) return at;
    *solo = true;
  }
  return at;
}

void Pool::describe(uint64_t number, const double* begin, uint32_t loop) {
  Unit& unit = units_[number % 2];
  bool solo;
  unit.end.store(unitAt(begin, &solo), std::memory_order_relaxed);
  unit.begin.store(begin, std::memory_order_relaxed);
  unit.solo.store(solo, std::memory_order_relaxed);
  unit.loop.store(loop, std::memory_order_relaxed);
}

void Pool::serve(int index) {
  placement_.tieWorker(index);
  askForLongSlices();
  for (;;) {
    gate_.await([&] {
      return (state_.load(std::memory_order_seq_cst) & kOpen) || stopping_.load(std::memory_order_seq_cst);
    });
    if (stopping_.load(std::memory_order_relaxed)) return;
    work(members_[index], false);
  }
}

void Pool::work(Member& member, bool inside) {
  const FlushToZero mode;
  for (;;) {
    uint64_t state = state_.load(std::memory_order_acquire);
    if (!inside && !(state & kOpen)) return;
    const uint64_t number = numberOf(state);
    const Unit& unit = units_[number % 2];
    const double* const begin = unit.begin.load(std::memory_order_relaxed);
    const double* const end = unit.end.load(std::memory_order_relaxed);
    const bool solo = unit.solo.load(std::memory_order_relaxed);
    const uint32_t loop = unit.loop.load(std::memory_order_relaxed);
    if (!inside) {
      // What was read of the unit is true only if it is still the newest when the thread enters.
      if (!(solo && (state & kMembers) > 0)) {
        if (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) continue;
      } else {
        awaitEnd(number);
        continue;
      }
    }
    member.thread.call = member.solo.call = number;
    member.thread.loop = loop;
    member.thread.unwaited = 0;
    execute(member, begin, end, solo);
    inside = leave(number, end, member.thread.loop);
  }
}

void Pool::awaitEnd(uint64_t number) {
  gate_.await([&] {
    const uint64_t state = state_.load(std::memory_order_seq_cst);
    return numberOf(state) != number || !(state & kOpen);
  });
}

bool Pool::leave(uint64_t number, const double* end, uint32_t loop) {
  uint64_t state = state_.load(std::memory_order_acquire);
  for (;;) {
    if ((state & kMembers) > 1) {
      if (!state_.compare_exchange_weak(state, state - 1, std::memory_order_seq_cst)) continue;
      awaitEnd(number);
      return false;
    }
    // All tasks are done: each was taken by a thread that has left, or by this one.
    const bool over = end >= streamEnd_ || failed_.load(std::memory_order_seq_cst);
    if (over) units_[(number + 1) % 2].loop.store(loop, std::memory_order_relaxed);
    else describe(number + 1, end, loop);
    // Closed, a unit keeps its number: the next flush begins with the one after it.
    const uint64_t next = over ? stateOf(number, false, 0) : stateOf(number + 1, true, 1);
    if (!state_.compare_exchange_weak(state, next, std::memory_order_seq_cst)) continue;
    gate_.notify();
    return !over;
  }
}

void Pool::execute(Member& member, const double* begin, const double* end, bool solo) {
  const char* name = "stream";
  try {
    for (const double* at = begin; at < end;) {
      const size_t op = static_cast<size_t>(*at);
      if (op >= tableSize_) throw std::out_of_range("unknown kernel number");
      name = table_[op].name;
      table_[op].run(Arguments{at + 1}, solo ? member.solo : member.thread);
      at += 1 + plans_[op].words();
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
  gate_.notify();
}

bool Pool::finished(uint32_t loop, int64_t tasks) {
  const uint64_t word = done(loop)->word.load(std::memory_order_seq_cst);
  return isAfter(loopOf(word), loop) || (loopOf(word) == loop && countOf(word) == tasks);
}

uint32_t Thread::beginLoop(int64_t tasks) {
  if (unwaited == Pool::kLoops) barrier();
  pool->members_[index].tasks[loop % Pool::kLoops] = tasks;
  unwaited++;
  return loop++;
}

int64_t Thread::take(uint32_t self, int part, int64_t limit) {
  std::atomic<uint64_t>& word = pool->taken(self, part)->word;
  for (uint64_t seen = word.load(std::memory_order_relaxed);;) {
    if (isAfter(loopOf(seen), self)) return -1;
    const int64_t next = loopOf(seen) == self ? countOf(seen) : 0;
    if (next >= limit) return -1;
    if (word.compare_exchange_weak(seen, counted(self, next + 1), std::memory_order_relaxed)) return next;
  }
}

void Thread::finish(uint32_t self, int64_t tasks) {
  std::atomic<uint64_t>& word = pool->done(self)->word;
  int64_t total;
  uint64_t seen = word.load(std::memory_order_relaxed);
  do {
    total = (loopOf(seen) == self ? countOf(seen) : 0) + tasks;
  } while (!word.compare_exchange_weak(seen, counted(self, total), std::memory_order_seq_cst, std::memory_order_relaxed));
  if (total == pool->members_[index].tasks[self % Pool::kLoops]) pool->gate_.notify();
}

void Thread::barrier() {
  if (count == 1) return;
  for (uint32_t self = loop - unwaited; self != loop; self++) {
    const int64_t tasks = pool->members_[index].tasks[self % Pool::kLoops];
    if (tasks > 0 && !pool->finished(self, tasks)) {
      pool->gate_.await([&] {
        return pool->finished(self, tasks) || pool->failed_.load(std::memory_order_seq_cst);
      });
    }
    if (pool->failed_.load(std::memory_order_relaxed)) throw Abandoned{};
  }
  unwaited = 0;
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

void* Thread::scratch(int slot, size_t bytes) { return pool->members_[index].scratch[slot].grow(bytes); }

void* Thread::sharedScratch(int slot, size_t bytes) {
  Pool::Scratch& scratch = pool->shared_[slot];
  // Loops that used it before must be over.
  barrier();
  once([&] { scratch.grow(bytes); });
  return scratch.memory;
}

}  // namespace reckon

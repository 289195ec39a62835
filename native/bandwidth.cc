#include "bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <thread>
#include <vector>

#include "memory.h"

namespace reckon {
namespace {

// Words in flight: enough sums that none of them waits for the one before, so that only the loads count.
constexpr size_t kLanes = 64;

// What a thread takes at a time, words: one that is kept from its processor holds the others up by no more.
constexpr size_t kPart = size_t{1} << 17;

uint64_t sumOf(const uint64_t* words, size_t count) {
  uint64_t sums[kLanes] = {};
  for (size_t i = 0; i + kLanes <= count; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; lane++) sums[lane] += words[i + lane];
  }
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

// Seconds from when all threads are there until all parts are read; 0 when a thread cannot start.
double secondsOfPass(const uint64_t* words, size_t count, int threads, std::atomic<uint64_t>* sink) {
  std::atomic<int> arrived{0};
  std::atomic<size_t> taken{0};
  const auto readParts = [&] {
    for (size_t at; (at = taken.fetch_add(kPart)) < count;) sink->fetch_add(sumOf(words + at, std::min(kPart, count - at)));
  };
  std::vector<std::thread> others;
  std::atomic<bool> begun{false};
  bool started = true;
  try {
    for (int index = 1; index < threads; index++) {
      others.emplace_back([&] {
        arrived.fetch_add(1);
        while (!begun.load()) std::this_thread::yield();
        readParts();
      });
    }
  } catch (const std::system_error&) {
    started = false;
  }
  while (started && arrived.load() < threads - 1) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  begun.store(true);
  readParts();
  for (std::thread& other : others) other.join();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return started ? seconds.count() : 0;
}

}  // namespace

bool readBandwidth(size_t bytes, int threads, int passes, double* oneThread, double* allThreads) {
  void* memory = reserve(bytes);
  if (!memory) return false;
  // Pages that were never written are all the same one, which a cache holds.
  std::memset(memory, 1, bytes);
  const size_t count = bytes / sizeof(uint64_t);
  std::atomic<uint64_t> sink{0};
  *oneThread = *allThreads = 0;
  for (int pass = 0; pass < passes; pass++) {
    for (const int readers : {1, threads}) {
      const double seconds = secondsOfPass(static_cast<const uint64_t*>(memory), count, readers, &sink);
      double& best = readers == 1 ? *oneThread : *allThreads;
      const double rate = seconds > 0 ? static_cast<double>(count * sizeof(uint64_t)) / seconds : 0;
      if (rate > best) best = rate;
    }
  }
  if (threads == 1) *allThreads = *oneThread;
  release(memory, bytes);
  return *oneThread > 0 && *allThreads > 0;
}

}  // namespace reckon

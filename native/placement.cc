#include "placement.h"

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdint>

namespace reckon {

#if defined(__linux__)

namespace {

// Of the calling thread. False where there are more processors than a cpu_set_t holds.
bool allowed(cpu_set_t* set) {
  CPU_ZERO(set);
  return sched_getaffinity(0, sizeof *set, set) == 0;
}

void tie(int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  sched_setaffinity(0, sizeof one, &one);
}

}  // namespace

Placement::Placement(int threads) {
  cpu_set_t set;
  if (threads < 2 || !allowed(&set) || CPU_COUNT(&set) != threads) return;
  for (int processor = 0; processor < CPU_SETSIZE; processor++) {
    if (CPU_ISSET(processor, &set)) processors_.push_back(processor);
  }
}

void Placement::tieWorker(int index) const {
  if (exclusive()) tie(processors_[index]);
}

void Placement::settleCaller() const {
  if (!exclusive() || sched_getcpu() == processors_[0]) return;
  cpu_set_t before;
  if (!allowed(&before)) return;
  tie(processors_[0]);
  sched_setaffinity(0, sizeof before, &before);
}

namespace {

// The arguments of sched_setattr, which C libraries do not declare.
struct SchedulingAttributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

}  // namespace

void askForLongSlices() {
  SchedulingAttributes attributes{};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  // Only where a process has not been given another policy.
  if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH) return;
  attributes.size = sizeof attributes;
  attributes.runtime = 100'000'000;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

#else

void askForLongSlices() {}
Placement::Placement(int) {}
void Placement::tieWorker(int) const {}
void Placement::settleCaller() const {}

#endif

}  // namespace reckon

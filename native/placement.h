// Where the threads of a pool run.
#pragma once
#include <vector>

namespace reckon {

// Gives each thread of a pool that takes every processor a processor of its own. Left alone, Linux wakes a worker on the
// processor of the thread that woke it and keeps both there for seconds: two threads then do the work of one. A pool
// that leaves processors free is not touched, so that two processes do not meet on the same ones. Linux only; elsewhere
// nothing is done.
class Placement {
 public:
  explicit Placement(int threads);

  // Whether threads have a processor each.
  bool exclusive() const { return !processors_.empty(); }

  // Ties the calling thread, the pool's worker `index` (from 1), to its processor.
  void tieWorker(int index) const;

  // Moves the calling thread off the workers' processors, without tying it: it is the host's, and what it starts would
  // inherit the tie.
  void settleCaller() const;

 private:
  // processors_[i] is thread i's; empty when threads are left to the system.
  std::vector<int> processors_;
};

// Asks the system to run the calling thread for long at a time (100 ms, the most it grants) when others want its processor, too.
// Its share stays what it was; but threads that work together are less often without one of them. Linux 6.12 and later;
// elsewhere nothing is done.
void askForLongSlices();

}  // namespace reckon

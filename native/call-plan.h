// What the pool knows of a kernel's calls beforehand: how many words they take, and whether one is worth sharing out.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime.h"

namespace reckon {

class CallPlan {
 public:
  explicit CallPlan(const KernelEntry& entry);

  // Argument words in the stream: one each, and one more for a weight's version.
  int words() const { return words_; }

  // Whether a call is so small that the first thread is done with it before the others could help: its elements (of a
  // matrix product: its multiplications) are those of some microseconds. The result is the same either way.
  bool solo(const double* arguments) const;

 private:
  int words_ = 0;
  // Places of the numbers that the work is a product of.
  std::vector<int> axes_;
  // Places of attention's table of segments and of the number of its rows; -1 for other kernels.
  int segments_ = -1, count_ = -1;
  double limit_;
};

}  // namespace reckon

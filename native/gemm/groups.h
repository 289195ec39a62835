// Which rows belong to which weight.
#pragma once
#include <cstdint>

namespace reckon {

struct Groups {
  const int32_t* offsets;  // null: one group of all rows
  int64_t count;
  int64_t rows;
  int64_t begin(int64_t group) const { return offsets ? offsets[group] : 0; }
  int64_t end(int64_t group) const { return offsets ? offsets[group + 1] : rows; }
};

}  // namespace reckon

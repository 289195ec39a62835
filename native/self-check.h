// Whether the matrix products of an open device come out right on this processor.
#pragma once
#include <string>

#include "pool.h"

namespace reckon {

// Runs small products of whole numbers, forward and backward, on the engine that `level` and the pool's precision choose,
// and compares them with plain sums. Whole numbers this small are exact in bf16 and their sums exact in f32 in any order:
// a result is right to the bit or wrong. Names the first product that is wrong; empty when all are right. Versions −1 and
// below are this function's: the host counts up from 1.
std::string wrongProduct(Pool& pool, IsaLevel level);

}  // namespace reckon

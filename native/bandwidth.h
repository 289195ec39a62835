// How fast this machine reads memory: what decoding is held against.
#pragma once
#include <cstddef>

namespace reckon {

// Reads `bytes` of memory that no cache holds in `passes` passes, once with one thread and then with `threads` that share it,
// and keeps the fastest of each, bytes a second. False when there is no memory for it, or no thread.
bool readBandwidth(size_t bytes, int threads, int passes, double* oneThread, double* allThreads);

}  // namespace reckon

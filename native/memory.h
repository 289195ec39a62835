// Memory for tensors, scratch and packed weights.
#pragma once
#include <cstddef>

namespace reckon {

// Thrown inside a flush and caught before it returns to JavaScript.
struct OutOfMemory {
  size_t bytes;
};

// Zeroed memory, 64-byte aligned (2 MiB aligned and backed by huge pages where the system grants them, from 4 MiB on);
// null when there is none. `bytes` must be handed back to release().
void* reserve(size_t bytes);
void release(void* memory, size_t bytes);

}  // namespace reckon

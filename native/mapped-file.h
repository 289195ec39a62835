// Files as memory: their pages come when they are read and can be given back at any time, so that what was copied out of
// a file is not held twice.
#pragma once
#include <cstddef>

namespace reckon {

// The first `bytes` bytes of an open file; null when the system refuses, as it does for none. Writes to it stay in this
// process. A file that is cut short while it is mapped ends the process that reads behind its new end.
void* mapFile(int file, size_t bytes);

void unmapFile(void* memory, size_t bytes);

// Says that the pages that lie wholly within [memory, memory + bytes) were used; they come back when they are read again.
void releaseMapped(void* memory, size_t bytes);

}  // namespace reckon

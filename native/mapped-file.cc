#include "mapped-file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace reckon {

void* mapFile(int file, size_t bytes) {
  if (bytes == 0) return nullptr;
  // Private and writable: a stray write from JavaScript costs a page, not the process or the file.
  int flags = MAP_PRIVATE;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void unmapFile(void* memory, size_t bytes) { munmap(memory, bytes); }

void releaseMapped(void* memory, size_t bytes) {
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (begin + page - 1) / page * page, end = (begin + bytes) / page * page;
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

}  // namespace reckon

#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace reckon {
namespace {

// From here on memory is mapped, so that the system has it back as soon as it is released.
constexpr size_t kMapped = size_t{1} << 20;
constexpr size_t kHuge = size_t{4} << 20;
constexpr size_t kHugePage = size_t{2} << 20;

size_t roundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t wholePages(size_t bytes) {
  static const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return roundUp(bytes, page);
}

void* map(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void* mapHuge(size_t bytes) {
  const size_t length = wholePages(bytes);
  char* start = static_cast<char*>(map(length + kHugePage));
  if (!start) return nullptr;
  const size_t lead = roundUp(reinterpret_cast<uintptr_t>(start), kHugePage) - reinterpret_cast<uintptr_t>(start);
  if (lead > 0) munmap(start, lead);
  if (lead < kHugePage) munmap(start + lead + length, kHugePage - lead);
#ifdef MADV_HUGEPAGE
  madvise(start + lead, length, MADV_HUGEPAGE);
#endif
  return start + lead;
}

}  // namespace

void* reserve(size_t bytes) {
  if (bytes > SIZE_MAX / 2) return nullptr;
  if (bytes >= kHuge) return mapHuge(bytes);
  if (bytes >= kMapped) return map(bytes);
  const size_t rounded = roundUp(bytes > 0 ? bytes : 1, 64);
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, rounded) != 0) return nullptr;
  std::memset(memory, 0, rounded);
  return memory;
}

void release(void* memory, size_t bytes) {
  if (!memory) return;
  if (bytes >= kHuge) {
    munmap(memory, wholePages(bytes));
  } else if (bytes >= kMapped) {
    munmap(memory, bytes);
  } else {
    std::free(memory);
  }
}

}  // namespace reckon

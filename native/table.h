// The kernel tables of the instruction sets that this addon was compiled for.
#pragma once
#include "runtime.h"

namespace reckon {

#define RECKON_TABLE(set) \
  namespace set {         \
  const KernelEntry* kernelTable(size_t* count); \
  }
RECKON_TABLE(portable)
#if defined(__x86_64__)
RECKON_TABLE(avx2)
RECKON_TABLE(avx512)
#elif defined(__aarch64__)
RECKON_TABLE(neon)
#endif
#undef RECKON_TABLE

// The table that serves a level; amx and avx512bf16 are served by avx512, whose matrix products look at the level.
const KernelEntry* tableFor(IsaLevel level, size_t* count);

}  // namespace reckon

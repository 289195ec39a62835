// Which engine a thread's products run on.
#pragma once
#include "bf16.h"
#include "f32.h"

namespace reckon {
namespace RECKON_ISA {

inline const Engine& chooseEngine(const Thread& thread) {
  if (thread.precision == Precision::f32) return f32Engine();
#if defined(RECKON_ISA_AVX512) && defined(RECKON_HAVE_AMX)
  if (thread.isaLevel == IsaLevel::amx) return amxEngine();
#endif
#if defined(RECKON_ISA_AVX512) && defined(RECKON_HAVE_AVX512BF16)
  if (thread.isaLevel >= IsaLevel::avx512bf16) return avx512bf16Engine();
#endif
  return roundedEngine();
}

}  // namespace RECKON_ISA
}  // namespace reckon

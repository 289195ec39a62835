// Engines that multiply bf16 operands with the processor's own instructions and accumulate in f32. Each exists where the
// compiler knows the instructions (scripts/build-native.mjs).
#pragma once
#include "engine.h"

namespace reckon {

#if defined(RECKON_HAVE_AVX512BF16)
// VDPBF16PS (AVX512_BF16).
const Engine& avx512bf16Engine();
#endif
#if defined(RECKON_HAVE_AMX)
// Tile registers (AMX-BF16).
const Engine& amxEngine();
#endif

}  // namespace reckon

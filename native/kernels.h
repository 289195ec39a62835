// The kernels of one instruction set. Sources that include this are compiled once per set, with RECKON_ISA the
// namespace (portable, neon, avx2 or avx512) and RECKON_ISA_<SET> (RECKON_ISA_AVX512, …) defined by the command line.
//
// Kernels state layout and accumulation order where they are defined. None may call an inline function of the standard
// library that does not inline for sure: such a function is one symbol for the whole addon, whatever it was compiled for
// (the build links the portable objects first, so that the linker keeps theirs).
#pragma once
#include "runtime.h"

#ifndef RECKON_ISA
#error "compile with -DRECKON_ISA=portable|neon|avx2|avx512 (see scripts/build-native.mjs)"
#endif

namespace reckon {
namespace RECKON_ISA {

// Hidden, so that a kernel nobody defined is an error of the linker, not of the first process to load the addon.
#pragma GCC visibility push(hidden)
#define KERNEL(name, signature) void name(const Arguments& arguments, Thread& thread);
#include "kernels.def"
#undef KERNEL
#pragma GCC visibility pop

}  // namespace RECKON_ISA
}  // namespace reckon

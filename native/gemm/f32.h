// The f32 engine of this instruction set, and the same on operands rounded to bf16 (where there are no bf16 instructions worth using).
#pragma once
#include "engine.h"

namespace reckon {
namespace RECKON_ISA {

const Engine& f32Engine();
const Engine& roundedEngine();

}  // namespace RECKON_ISA
}  // namespace reckon

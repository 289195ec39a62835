// The f32 engine of this instruction set, and the same on operands rounded to bf16 (where no bf16 instructions exist).
#pragma once
#include "engine.h"
#include "lanes.h"

namespace reckon {
namespace RECKON_ISA {

const Engine& f32Engine();
const Engine& roundedEngine();

}  // namespace RECKON_ISA
}  // namespace reckon

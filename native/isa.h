// Which instruction sets this processor, this system and this addon can use together.
#pragma once
#include <string>
#include <vector>

#include "runtime.h"

namespace reckon {

struct LevelState {
  IsaLevel level;
  const char* name;
  // The processor lists it, the system saves its registers, and the compiler that built the addon knew it.
  bool available;
  // Why it is not available; empty when it is.
  std::string reason;
  // Multiplies bf16 operands faster than f32 on this processor. VDPBF16PS does twice the work of f32 on AMD's cores and half
  // of it on Intel's, where only AMX gains.
  bool fastBf16;
};

// All levels of this architecture, strongest first. The first call asks Linux for the AMX tile registers.
const std::vector<LevelState>& isaLevels();

// Whether the instructions of a level execute although the processor does not list them (some hypervisors hide
// instructions without disabling them): runs one under a handler for illegal instructions.
bool probeLevel(IsaLevel level);

// Whether the level of a name can be used here, listed or not; `level` is set where it can, `why` says why it can't. A program
// that runs kernels asks here first: Linux hands the tile registers only to a process that has asked for them.
bool levelNamed(const std::string& name, IsaLevel* level, std::string* why);

}  // namespace reckon

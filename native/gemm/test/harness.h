// Runs single kernels on a pool, for the test program beside this file.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../../isa.h"
#include "../../pool.h"
#include "../../table.h"

namespace reckon {

// The level of a name, for a program that is about to run its kernels: says why and ends it where that cannot be.
inline IsaLevel usableLevel(const char* name) {
#if defined(RECKON_EMULATE_AMX)
  if (std::strcmp(name, "amx") == 0) return IsaLevel::amx;  // the processor and the system are not asked
#endif
  IsaLevel level;
  std::string why;
  if (levelNamed(name, &level, &why)) return level;
  std::fprintf(stderr, "instruction set %s cannot be used here: %s\n", name, why.c_str());
  std::exit(3);
}

class Runner {
 public:
  Runner(int threads, IsaLevel level, Precision precision) : pool_(threads, level, precision) {
    table_ = tableFor(level, &size_);
  }

  // One call; the words as Arguments has them.
  void run(const char* kernel, std::vector<double> words) {
    size_t index = 0;
    while (index < size_ && std::strcmp(table_[index].name, kernel) != 0) index++;
    words.insert(words.begin(), static_cast<double>(index));
    if (!pool_.run(words.data(), words.size())) {
      std::fprintf(stderr, "%s\n", pool_.failure().message.c_str());
      std::abort();
    }
  }

 private:
  Pool pool_;
  const KernelEntry* table_;
  size_t size_;
};

// A pointer as an argument word.
inline double word(const void* pointer) { return static_cast<double>(reinterpret_cast<uintptr_t>(pointer)); }

}  // namespace reckon

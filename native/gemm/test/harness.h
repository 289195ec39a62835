// Runs single kernels on a pool, for the test program beside this file.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../../pool.h"
#include "../../table.h"

namespace reckon {

inline IsaLevel levelNamed(const std::string& name) {
  const char* names[] = {"portable", "neon", "avx2", "avx512", "avx512bf16", "amx"};
  for (int i = 0; i < 6; i++) {
    if (name == names[i]) return static_cast<IsaLevel>(i);
  }
  std::abort();
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

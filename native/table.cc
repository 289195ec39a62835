#include "kernels.h"

#include "table.h"

namespace reckon {
namespace RECKON_ISA {

const KernelEntry* kernelTable(size_t* count) {
  static const KernelEntry entries[] = {
#define KERNEL(name, signature) {#name, signature, name},
#include "kernels.def"
#undef KERNEL
  };
  *count = sizeof(entries) / sizeof(entries[0]);
  return entries;
}

}  // namespace RECKON_ISA
}  // namespace reckon

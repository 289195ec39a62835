#include "isa.h"

#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include <mutex>

#if defined(__linux__)
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "table.h"

namespace reckon {

#if defined(__x86_64__)
namespace {

#ifdef RECKON_HAVE_AVX512BF16
constexpr bool kBuiltAvx512bf16 = true;
#else
constexpr bool kBuiltAvx512bf16 = false;
#endif
#ifdef RECKON_HAVE_AMX
constexpr bool kBuiltAmx = true;
#else
constexpr bool kBuiltAmx = false;
#endif

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

bool bit(unsigned value, int index) { return (value >> index) & 1; }

// Register files that the system saves on a thread switch (XCR0).
uint64_t savedRegisters() {
  if (!bit(cpuid(1, 0).ecx, 27)) return 0;
  unsigned low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

bool saves(uint64_t mask) { return (savedRegisters() & mask) == mask; }
bool savesAvx() { return saves(0x6); }
bool savesAvx512() { return saves(0xe6); }

// Linux hands the tile registers (8 KiB a thread) only to processes that ask: ARCH_REQ_XCOMP_PERM for XTILE_DATA.
const std::string& whyNoTiles() {
  static const std::string why = [] {
#if defined(__linux__)
    if (!saves(0x60000)) return std::string("the system does not save the AMX tile registers (Linux 5.16 and later do)");
    if (syscall(SYS_arch_prctl, 0x1023, 18) == 0) return std::string();
    return std::string("the system refuses the AMX tile registers: ") + std::strerror(errno);
#else
    return std::string("only Linux is asked for the AMX tile registers");
#endif
  }();
  return why;
}

bool isAmd() {
  const Registers r = cpuid(0, 0);
  return r.ebx == signature_AMD_ebx && r.ecx == signature_AMD_ecx && r.edx == signature_AMD_edx;
}

std::string notListed(const char* instructions) { return std::string("the processor does not list ") + instructions; }

std::string whyNotAvx2() {
  const Registers one = cpuid(1, 0), seven = cpuid(7, 0);
  if (!bit(seven.ebx, 5) || !bit(one.ecx, 12) || !bit(one.ecx, 29)) return notListed("AVX2, FMA and F16C");
  return savesAvx() ? "" : "the system does not save AVX registers";
}

std::string whyNotAvx512() {
  const unsigned ebx = cpuid(7, 0).ebx;
  if (!bit(ebx, 16) || !bit(ebx, 17) || !bit(ebx, 30) || !bit(ebx, 31)) return notListed("AVX-512 F, DQ, BW and VL");
  return savesAvx512() ? whyNotAvx2() : "the system does not save AVX-512 registers";
}

std::string whyNotAvx512bf16() {
  if (!kBuiltAvx512bf16) return "the compiler that built the addon does not know AVX512_BF16 (GCC 10 or Clang 9 do)";
  if (!bit(cpuid(7, 1).eax, 5)) return notListed("AVX512_BF16");
  return whyNotAvx512();
}

std::string whyNotAmx() {
  if (!kBuiltAmx) return "the compiler that built the addon does not know AMX (GCC 11 or Clang 12 do)";
  const unsigned edx = cpuid(7, 0).edx;
  if (!bit(edx, 24) || !bit(edx, 22)) return notListed("AMX-TILE and AMX-BF16");
  if (!whyNoTiles().empty()) return whyNoTiles();
  return whyNotAvx512bf16();
}

// Where the thread that tries an instruction goes on when it is illegal.
thread_local sigjmp_buf illegal;
thread_local volatile sig_atomic_t trying = 0;

void onIllegal(int number) {
  if (trying) siglongjmp(illegal, 1);
  // Another thread's, and none of ours: back at its instruction it ends the process, as it would have.
  signal(number, SIG_DFL);
}

// One at a time: the handler is the whole process's.
template <typename F>
bool executes(F&& instruction) {
  static std::mutex one;
  const std::lock_guard<std::mutex> lock(one);
  struct sigaction handler = {}, before;
  handler.sa_handler = onIllegal;
  sigaction(SIGILL, &handler, &before);
  const bool legal = sigsetjmp(illegal, 1) == 0;
  if (legal) {
    trying = 1;
    instruction();
  }
  trying = 0;
  sigaction(SIGILL, &before, nullptr);
  return legal;
}

}  // namespace

const std::vector<LevelState>& isaLevels() {
  static const std::vector<LevelState> levels = [] {
    std::vector<LevelState> all;
    const auto add = [&](IsaLevel level, const char* name, std::string reason, bool fastBf16) {
      all.push_back({level, name, reason.empty(), reason, fastBf16});
    };
    add(IsaLevel::amx, "amx", whyNotAmx(), true);
    add(IsaLevel::avx512bf16, "avx512bf16", whyNotAvx512bf16(), isAmd());
    add(IsaLevel::avx512, "avx512", whyNotAvx512(), false);
    add(IsaLevel::avx2, "avx2", whyNotAvx2(), false);
    add(IsaLevel::portable, "portable", "", false);
    return all;
  }();
  return levels;
}

bool probeLevel(IsaLevel level) {
  // Encoded by hand: the assembler may be older than the instruction.
  const auto dotBf16 = [] {  // vdpbf16ps zmm0, zmm0, zmm0
    asm volatile(".byte 0x62,0xf2,0x7e,0x48,0x52,0xc0\n\tvzeroupper" ::: "xmm0");
  };
  const auto releaseTiles = [] {  // tilerelease
    asm volatile(".byte 0xc4,0xe2,0x78,0x49,0xc0");
  };
  switch (level) {
    case IsaLevel::avx512bf16:
      return kBuiltAvx512bf16 && whyNotAvx512().empty() && executes(dotBf16);
    case IsaLevel::amx:
      return kBuiltAmx && probeLevel(IsaLevel::avx512bf16) && whyNoTiles().empty() && executes(releaseTiles);
    case IsaLevel::avx512:
      return whyNotAvx512().empty();
    case IsaLevel::avx2:
      return whyNotAvx2().empty();
    default:
      return level == IsaLevel::portable;
  }
}

const KernelEntry* tableFor(IsaLevel level, size_t* count) {
  if (level >= IsaLevel::avx512) return avx512::kernelTable(count);
  if (level == IsaLevel::avx2) return avx2::kernelTable(count);
  return portable::kernelTable(count);
}

#else

const std::vector<LevelState>& isaLevels() {
  static const std::vector<LevelState> levels = {
#if defined(__aarch64__)
      {IsaLevel::neon, "neon", true, "", false},
#endif
      {IsaLevel::portable, "portable", true, "", false},
  };
  return levels;
}

bool probeLevel(IsaLevel level) {
  for (const LevelState& state : isaLevels()) {
    if (state.level == level) return true;
  }
  return false;
}

const KernelEntry* tableFor(IsaLevel level, size_t* count) {
#if defined(__aarch64__)
  if (level == IsaLevel::neon) return neon::kernelTable(count);
#endif
  return portable::kernelTable(count);
}

#endif

bool levelNamed(const std::string& name, IsaLevel* level, std::string* why) {
  for (const LevelState& state : isaLevels()) {
    if (name != state.name) continue;
    *level = state.level;
    if (state.available || probeLevel(state.level)) return true;
    *why = state.reason;
    return false;
  }
  *why = "this architecture has none of that name";
  return false;
}

}  // namespace reckon

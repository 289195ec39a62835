// The tile instructions that tiles_amx.cc uses, in plain C++, so that its logic can be tested on any processor with
// AVX-512. Rounding follows Intel's manual: TDPBF16PS sums the even and the odd depths of a row apart, in order, then adds
// both to the sum. (The processor also flushes numbers too small for a normal one to zero, as the pool's threads do.)
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps

namespace amx {

struct State {
  bool configured = false;
  alignas(64) char tiles[8][16][64];
};
inline thread_local State state;

inline State& use() {
  if (!state.configured) std::abort();  // the processor would fault
  return state;
}
inline float widen(const char* from) {
  uint16_t half;
  std::memcpy(&half, from, 2);
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline void loadConfig(const void* shape) {
  const auto* bytes = static_cast<const uint8_t*>(shape);
  if (bytes[0] != 1) std::abort();
  for (int t = 0; t < 8; t++) {
    if (bytes[16 + 2 * t] != 64 || bytes[48 + t] != 16) std::abort();
  }
  state.configured = true;
}
inline void release() { state.configured = false; }
inline void zero(int t) { std::memset(use().tiles[t], 0, 1024); }
inline void load(int t, const void* from, int64_t stride) {
  for (int r = 0; r < 16; r++) std::memcpy(use().tiles[t][r], static_cast<const char*>(from) + r * stride, 64);
}
inline void store(int t, void* to, int64_t stride) {
  for (int r = 0; r < 16; r++) std::memcpy(static_cast<char*>(to) + r * stride, use().tiles[t][r], 64);
}
inline void multiply(int sums, int a, int b) {
  State& s = use();
  for (int m = 0; m < 16; m++) {
    float parts[16][2] = {};
    for (int k = 0; k < 16; k++) {
      for (int n = 0; n < 16; n++) {
        for (int half = 0; half < 2; half++) {
          parts[n][half] = __builtin_fmaf(widen(s.tiles[a][m] + 4 * k + 2 * half), widen(s.tiles[b][k] + 4 * n + 2 * half),
                                          parts[n][half]);
        }
      }
    }
    for (int n = 0; n < 16; n++) {
      float sum;
      std::memcpy(&sum, s.tiles[sums][m] + 4 * n, 4);
#if defined(RECKON_EMULATE_FAULT)
      if (m == 13 && n == 3) continue;  // one sum of a tile is never added to
#endif
      sum += parts[n][0] + parts[n][1];
      std::memcpy(s.tiles[sums][m] + 4 * n, &sum, 4);
    }
  }
}

}  // namespace amx

#define _tile_loadconfig amx::loadConfig
#define _tile_release amx::release
#define _tile_zero amx::zero
#define _tile_loadd amx::load
#define _tile_stored amx::store
#define _tile_dpbf16ps amx::multiply

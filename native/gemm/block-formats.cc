// Decoding goes by 32 elements, in loops of fixed length that the compiler turns into vectors. Sums and products round
// one by one, in the order of src/engine/formats/.
#include "block-formats.h"

#include "engine.h"

#include <cstring>

namespace reckon {
namespace RECKON_ISA {
namespace {

RECKON_INLINE float asFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

template <typename T>
RECKON_INLINE T read(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// The value of a half-precision number. A subnormal one is counted in steps of 2^−24: moving its bits to where an f32 has them
// would make a subnormal f32, which the threads take for zero.
RECKON_INLINE float halfValue(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16, exponent = half & 0x7c00u;
  const float steps = static_cast<float>(static_cast<int32_t>(half & 0x03ffu)) * 0x1p-24f;
  uint32_t small;
  std::memcpy(&small, &steps, 4);
  const uint32_t moved = ((half & 0x7fffu) << 13) + (exponent == 0x7c00u ? 224u << 23 : 112u << 23);
  return asFloat((exponent == 0 ? small : moved) | sign);
}

RECKON_INLINE float halfAt(const uint8_t* at) { return halfValue(read<uint16_t>(at)); }

// The upper halves of f32 numbers, where bf16Word says.
struct Bf16 {
  static size_t bytes(int64_t outer, int64_t inner) {
    return sizeof(uint32_t) * ceilDivide(outer, kBf16Panel) * bf16PanelWords(inner);
  }
  static void decode(const uint8_t* matrix, int64_t, int64_t inner, int64_t row, int64_t begin, int64_t count, float* __restrict to) {
    const uint32_t* from = reinterpret_cast<const uint32_t*>(matrix) + bf16Word(inner, row, begin);
    for (int64_t i = 0; i < count; i += 2, from += kBf16Panel) {
      to[i] = asFloat(*from << 16);
      to[i + 1] = asFloat(*from & 0xffff0000u);
    }
  }
};

struct F16 {
  static size_t bytes(int64_t outer, int64_t inner) { return sizeof(uint16_t) * outer * inner; }
  static void decode(const uint8_t* matrix, int64_t, int64_t inner, int64_t row, int64_t begin, int64_t count, float* __restrict to) {
    const uint8_t* from = matrix + sizeof(uint16_t) * (row * inner + begin);
    for (int64_t i = 0; i < count; i++) to[i] = halfAt(from + 2 * i);
  }
};

// Blocks of 64 of a row: f32 scale, 64 signed bytes.
struct Int8 {
  static constexpr int64_t kBlock = 64, kBytes = 4 + kBlock;
  static size_t bytes(int64_t outer, int64_t inner) { return outer * ((inner + kBlock - 1) / kBlock) * kBytes; }
  static void decode(const uint8_t* matrix, int64_t, int64_t inner, int64_t row, int64_t begin, int64_t count, float* __restrict to) {
    const uint8_t* blocks = matrix + row * ((inner + kBlock - 1) / kBlock) * kBytes;
    for (int64_t i = 0; i < count; i += kDecodeStep) {
      const uint8_t* block = blocks + (begin + i) / kBlock * kBytes;
      const float scale = read<float>(block);
      const int8_t* from = reinterpret_cast<const int8_t*>(block) + 4 + (begin + i) % kBlock;
      for (int j = 0; j < kDecodeStep; j++) to[i + j] = scale * static_cast<float>(from[j]);
    }
  }
};

// The 16 values of NormalFloat.
alignas(64) constexpr float kNormalFloat[16] = {
    -1.0f,           -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
    -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f,
    0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};

// The 256 values of the signed dynamic 8-bit type, ascending (see formats/nf4.ts).
struct DynamicMap {
  float values[256];
  DynamicMap() {
    const float scales[] = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
    int n = 0;
    for (int e = 0; e < 7; e++) {
      const int parts = 1 << e;
      const double step = (1.0f - 0.1f) / parts;
      const auto boundary = [&](int i) {
        return static_cast<float>(2 * i <= parts ? 0.1f + step * i : 1.0 - step * (parts - i));
      };
      for (int i = 0; i < parts; i++) values[n++] = scales[e] * ((boundary(i) + boundary(i + 1)) / 2);
    }
    // Their negatives below, then 0; 1 is the largest.
    for (int i = n - 1; i >= 0; i--) values[128 + i] = values[i];
    for (int i = 0; i < n; i++) values[n - 1 - i] = -values[128 + i];
    values[127] = 0;
    values[255] = 1;
  }
};

// Row-major codes in blocks of 64 that ignore rows' ends: f32 mean, f32 scales, codes, absmaxes.
struct Nf4 {
  static constexpr int64_t kBlock = 64, kScaleBlock = 256;
  static size_t codesAt(int64_t count) {
    const int64_t blocks = (count + kBlock - 1) / kBlock;
    return 4 + 4 * ((blocks + kScaleBlock - 1) / kScaleBlock);
  }
  static size_t bytes(int64_t outer, int64_t inner) {
    const int64_t count = outer * inner;
    return (codesAt(count) + (count + 1) / 2 + (count + kBlock - 1) / kBlock + 3) / 4 * 4;
  }
  static const float* map() {
    static const DynamicMap map;
    return map.values;
  }
  static RECKON_INLINE float absmax(const uint8_t* matrix, const uint8_t* absmaxes, int64_t block) {
    const float product = map()[absmaxes[block]] * read<float>(matrix + 4 + 4 * (block / kScaleBlock));
    return product + read<float>(matrix);
  }
#if defined(RECKON_ISA_AVX512)
  // 32 values from 16 bytes: the upper and the lower halves look up the table, and are put side by side.
  static RECKON_INLINE void normalFloats(const uint8_t* codes, float scale, float* to) {
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
    const __m512 table = _mm512_load_ps(kNormalFloat), factor = _mm512_set1_ps(scale);
    const __m512 even = _mm512_mul_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(bytes, 4), table), factor);
    const __m512 odd = _mm512_mul_ps(_mm512_permutexvar_ps(bytes, table), factor);
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    _mm512_storeu_ps(to, _mm512_permutex2var_ps(even, first, odd));
    _mm512_storeu_ps(to + 16, _mm512_permutex2var_ps(even, _mm512_add_epi32(first, _mm512_set1_epi32(8)), odd));
  }
#endif
  static void decode(const uint8_t* matrix, int64_t outer, int64_t inner, int64_t row, int64_t begin, int64_t count,
                     float* __restrict to) {
    const uint8_t* codes = matrix + codesAt(outer * inner);
    const uint8_t* absmaxes = codes + (outer * inner + 1) / 2;
    const int64_t first = row * inner + begin;
    int64_t i = 0;
    while (i < count) {
      const int64_t at = first + i;
      const float scale = absmax(matrix, absmaxes, at / kBlock);
      const int64_t left = kBlock - at % kBlock;
      const int64_t end = i + left < count ? i + left : count;
#if defined(RECKON_ISA_AVX512)
      for (; i + kDecodeStep <= end && (first + i) % 2 == 0; i += kDecodeStep) {
        normalFloats(codes + (first + i) / 2, scale, to + i);
      }
#endif
      for (; i < end; i++) {
        const uint8_t pair = codes[(first + i) / 2];
        to[i] = kNormalFloat[(first + i) % 2 == 0 ? pair >> 4 : pair & 15] * scale;
      }
    }
  }
};

// A GGUF format: LENGTH elements in BYTES bytes; `Block::step` decodes the 32 elements that begin at the `part`-th 32.
template <class Block>
struct Rows {
  static size_t bytes(int64_t outer, int64_t inner) { return outer * inner / Block::kLength * Block::kBytes; }
  static void decode(const uint8_t* matrix, int64_t, int64_t inner, int64_t row, int64_t begin, int64_t count, float* __restrict to) {
    const uint8_t* blocks = matrix + row * (inner / Block::kLength) * Block::kBytes;
    for (int64_t i = 0; i < count; i += kDecodeStep) {
      const int64_t at = begin + i;
      Block::step(blocks + at / Block::kLength * Block::kBytes, static_cast<int>(at % Block::kLength / kDecodeStep), to + i);
    }
  }
};

struct Q8_0 {
  static constexpr int64_t kLength = 32, kBytes = 34;
  static RECKON_INLINE void step(const uint8_t* block, int, float* __restrict to) {
    const float d = halfAt(block);
    const int8_t* q = reinterpret_cast<const int8_t*>(block) + 2;
    for (int i = 0; i < 32; i++) to[i] = d * static_cast<float>(q[i]);
  }
};

struct Q4_0 {
  static constexpr int64_t kLength = 32, kBytes = 18;
  static RECKON_INLINE void step(const uint8_t* block, int, float* __restrict to) {
    const float d = halfAt(block);
    for (int i = 0; i < 16; i++) to[i] = d * static_cast<float>((block[2 + i] & 15) - 8);
    for (int i = 0; i < 16; i++) to[16 + i] = d * static_cast<float>((block[2 + i] >> 4) - 8);
  }
};

struct Q4_1 {
  static constexpr int64_t kLength = 32, kBytes = 20;
  static RECKON_INLINE void step(const uint8_t* block, int, float* __restrict to) {
    const float d = halfAt(block), m = halfAt(block + 2);
    for (int i = 0; i < 16; i++) to[i] = d * static_cast<float>(block[4 + i] & 15) + m;
    for (int i = 0; i < 16; i++) to[16 + i] = d * static_cast<float>(block[4 + i] >> 4) + m;
  }
};

// Step and offset of part j of a q4_K or q5_K block: d, dMin and 12 bytes of 6-bit scales and minima lie in front.
struct Part {
  float step, least;
  RECKON_INLINE Part(const uint8_t* block, int j) {
    const uint8_t* s = block + 4;
    const int scale = j < 4 ? s[j] & 63 : (s[4 + j] & 15) | (s[j - 4] >> 6 << 4);
    const int minimum = j < 4 ? s[4 + j] & 63 : (s[4 + j] >> 4) | (s[j] >> 6 << 4);
    step = halfAt(block) * static_cast<float>(scale);
    least = halfAt(block + 2) * static_cast<float>(minimum);
  }
};

struct Q4_K {
  static constexpr int64_t kLength = 256, kBytes = 144;
  static RECKON_INLINE void step(const uint8_t* block, int j, float* __restrict to) {
    const Part part(block, j);
    const uint8_t* q = block + 16 + 32 * (j / 2);
    const int shift = 4 * (j % 2);
    for (int i = 0; i < 32; i++) to[i] = part.step * static_cast<float>((q[i] >> shift) & 15) - part.least;
  }
};

struct Q5_K {
  static constexpr int64_t kLength = 256, kBytes = 176;
  static RECKON_INLINE void step(const uint8_t* block, int j, float* __restrict to) {
    const Part part(block, j);
    const uint8_t *high = block + 16, *q = block + 48 + 32 * (j / 2);
    const int shift = 4 * (j % 2);
    for (int i = 0; i < 32; i++) {
      const int value = ((q[i] >> shift) & 15) | (((high[i] >> j) & 1) << 4);
      to[i] = part.step * static_cast<float>(value) - part.least;
    }
  }
};

struct Q6_K {
  static constexpr int64_t kLength = 256, kBytes = 210;
  static RECKON_INLINE void step(const uint8_t* block, int j, float* __restrict to) {
    const int side = j / 4, g = j % 4;
    const uint8_t *low = block + 64 * side + 32 * (g % 2), *high = block + 128 + 32 * side;
    const float d = halfAt(block + 208);
    const int8_t* scales = reinterpret_cast<const int8_t*>(block) + 192 + 2 * j;
    const float steps[2] = {d * static_cast<float>(scales[0]), d * static_cast<float>(scales[1])};
    const int lowShift = 4 * (g / 2), highShift = 2 * g;
    for (int half = 0; half < 2; half++) {
      for (int i = 16 * half; i < 16 * half + 16; i++) {
        const int value = ((low[i] >> lowShift) & 15) | (((high[i] >> highShift) & 3) << 4);
        to[i] = steps[half] * static_cast<float>(value - 32);
      }
    }
  }
};

template <class Format>
constexpr BlockFormat entry() {
  return {Format::bytes, Format::decode};
}

// In the order of `weightFormats`.
constexpr BlockFormat kFormats[] = {
    entry<Bf16>(),       entry<F16>(),        entry<Int8>(),       entry<Nf4>(),        entry<Rows<Q8_0>>(),
    entry<Rows<Q4_0>>(), entry<Rows<Q4_1>>(), entry<Rows<Q4_K>>(), entry<Rows<Q5_K>>(), entry<Rows<Q6_K>>(),
};

}  // namespace

Nf4Parts nf4Parts(const uint8_t* matrix, int64_t count) {
  const uint8_t* codes = matrix + Nf4::codesAt(count);
  return {kNormalFloat, Nf4::map(), matrix + 4, codes, codes + (count + 1) / 2, read<float>(matrix)};
}

const BlockFormat& blockFormat(int64_t number) { return kFormats[number]; }

}  // namespace RECKON_ISA
}  // namespace reckon

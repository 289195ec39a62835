// Panels of bf16 pairs straight from weights in blocks. 32 elements of a row become one vector of 16 pairs, and 16 rows are
// then transposed. The values are those of block-formats.cc, rounded as packPanel rounds them: where a block has few codes, they
// are rounded in a table that its codes look up.
#include "block-pairs.h"

#include "block-formats.h"
#include "pairs.h"

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined source operand inside its own AVX-512 intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace reckon {
namespace RECKON_ISA {
namespace {

RECKON_INLINE __m512 wholeNumbers() { return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }

RECKON_INLINE __m512 half(const uint8_t* at) {
  uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}

RECKON_INLINE Vec rounded(__m512 low, __m512 high) { return {(__m512)_mm512_cvtne2ps_pbh(high, low)}; }

// 32 elements: signed bytes times a factor.
RECKON_INLINE Vec scaledBytes(const uint8_t* bytes, __m512 factor) {
  const __m512i low = _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
  const __m512i high = _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes) + 1));
  return rounded(_mm512_mul_ps(factor, _mm512_cvtepi32_ps(low)), _mm512_mul_ps(factor, _mm512_cvtepi32_ps(high)));
}

// 32 elements that the lower four bits of 16-bit lanes choose among the rounded values of a table.
RECKON_INLINE Vec chosen(__m512 table, __m512i codes) {
  const __m512i twice = (__m512i)rounded(table, table).v;
  return {(__m512)_mm512_permutexvar_epi16(codes, twice)};
}

// The codes of GGUF's blocks of 32: the lower halves of 16 bytes, then the upper ones.
RECKON_INLINE __m512i lowThenHigh(const uint8_t* bytes) {
  const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
  return _mm512_inserti64x4(_mm512_castsi256_si512(wide), _mm256_srli_epi16(wide, 4), 1);
}

struct Int8 {
  static constexpr int64_t kLength = 64, kBytes = 68;
  static RECKON_INLINE Vec pairs(const uint8_t* block, int64_t at) {
    float scale;
    std::memcpy(&scale, block, sizeof(scale));
    return scaledBytes(block + 4 + at, _mm512_set1_ps(scale));
  }
};

struct Q8_0 {
  static constexpr int64_t kLength = 32, kBytes = 34;
  static RECKON_INLINE Vec pairs(const uint8_t* block, int64_t) { return scaledBytes(block + 2, half(block)); }
};

struct Q4_0 {
  static constexpr int64_t kLength = 32, kBytes = 18;
  static RECKON_INLINE Vec pairs(const uint8_t* block, int64_t) {
    return chosen(_mm512_mul_ps(half(block), _mm512_sub_ps(wholeNumbers(), _mm512_set1_ps(8))), lowThenHigh(block + 2));
  }
};

struct Q4_1 {
  static constexpr int64_t kLength = 32, kBytes = 20;
  static RECKON_INLINE Vec pairs(const uint8_t* block, int64_t) {
    int32_t bits;
    std::memcpy(&bits, block, sizeof(bits));
    const __m128 both = _mm_cvtph_ps(_mm_cvtsi32_si128(bits));
    const __m512 step = _mm512_broadcastss_ps(both), least = _mm512_broadcastss_ps(_mm_movehdup_ps(both));
    // The product of a half and a code is exact: adding to it rounds once, as a sum after a product does.
    return chosen(_mm512_fmadd_ps(step, wholeNumbers(), least), lowThenHigh(block + 4));
  }
};

// Where a row's blocks lie, one after another.
template <class Block>
struct InRows {
  const uint8_t* matrix;
  int64_t rowBytes;
  InRows(const uint8_t* matrix, int64_t, int64_t inner)
      : matrix(matrix), rowBytes(ceilDivide(inner, Block::kLength) * Block::kBytes) {}
  RECKON_INLINE Vec pairs(int64_t row, int64_t k) const {
    return Block::pairs(matrix + row * rowBytes + k / Block::kLength * Block::kBytes, k % Block::kLength);
  }
  RECKON_INLINE void fetch(int64_t row, int64_t k) const {
    __builtin_prefetch(matrix + row * rowBytes + k / Block::kLength * Block::kBytes, 0, 2);
  }
};

// Codes row by row, for rows of whole decoding steps.
struct Nf4 {
  Nf4Parts parts;
  int64_t inner;
  __m512 values;
  Nf4(const uint8_t* matrix, int64_t outer, int64_t inner)
      : parts(nf4Parts(matrix, outer * inner)), inner(inner), values(_mm512_loadu_ps(parts.values)) {}
  RECKON_INLINE Vec pairs(int64_t row, int64_t k) const {
    const int64_t at = row * inner + k, block = at / 64;
    float scale;
    std::memcpy(&scale, parts.scales + 4 * (block / 256), sizeof(scale));
    scale = parts.map[parts.absmaxes[block]] * scale + parts.mean;
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(parts.codes + at / 2)));
    // The upper half of a byte is the first code of a pair.
    const __m512i codes = _mm512_or_si512(_mm512_srli_epi32(bytes, 4), _mm512_slli_epi32(bytes, 16));
    return chosen(_mm512_mul_ps(values, _mm512_set1_ps(scale)), codes);
  }
  RECKON_INLINE void fetch(int64_t row, int64_t k) const { __builtin_prefetch(parts.codes + (row * inner + k) / 2, 0, 2); }
};

// Any format: decoded to f32, then rounded.
struct Decoded {
  BlockFormat format;
  const uint8_t* matrix;
  int64_t outer, inner;
  RECKON_INLINE Vec pairs(int64_t row, int64_t k) const {
    alignas(64) float values[kDecodeStep];
    format.decode(matrix, outer, inner, row, k, inner - k < kDecodeStep ? inner - k : kDecodeStep, values);
    return pairAlong(values, kDecodeStep);
  }
  RECKON_INLINE void fetch(int64_t, int64_t) const {}
};

// Rows of the next panel are fetched while this one is decoded (fetching what does not exist does no harm). WHOLE: zeros follow up to a multiple of kDecodeStep depths.
template <bool WHOLE, class Source>
void pack(const Source& source, int64_t column, int64_t columns, int64_t from, int64_t depth, float* to) {
  for (int64_t v = 0; v < kBf16Panel; v += W) {
    const int count = partOf(columns - v);
    for (int64_t k = 0; k < depth; k += kDecodeStep) {
      Vec square[W];
      if (count == W) {
#pragma GCC unroll 16
        for (int n = 0; n < W; n++) {
          square[n] = source.pairs(column + v + n, from + k);
          source.fetch(column + v + n + kBf16Panel, from + k);
        }
      } else {
        for (int n = 0; n < W; n++) square[n] = n < count ? source.pairs(column + v + n, from + k) : zero();
      }
      if (depth - k < kDecodeStep) {
        // What a format gives beyond a row's end is undefined.
        const int64_t left = depth - k;
        const __mmask32 kept = static_cast<__mmask32>((uint64_t{1} << left) - 1);
        for (int n = 0; n < W; n++) square[n].v = (__m512)_mm512_maskz_mov_epi16(kept, (__m512i)square[n].v);
      }
      transpose(square);
      const int pairs = WHOLE ? W : partOf(pairsOf(depth - k));
      float* at = to + k / 2 * kBf16Panel + v;
      for (int i = 0; i < pairs; i++) store(at + i * kBf16Panel, square[i]);
    }
  }
}

template <bool WHOLE>
void packPairs(int64_t formatNumber, const uint8_t* matrix, int64_t outer, int64_t inner, int64_t column,
                    int64_t columns, int64_t from, int64_t depth, void* panel) {
  float* to = static_cast<float*>(panel);
  const auto packed = [&](const auto& source) { pack<WHOLE>(source, column, columns, from, depth, to); };
  switch (formatNumber) {
    case kInt8Format: return packed(InRows<Int8>(matrix, outer, inner));
    case kQ8_0Format: return packed(InRows<Q8_0>(matrix, outer, inner));
    case kQ4_0Format: return packed(InRows<Q4_0>(matrix, outer, inner));
    case kQ4_1Format: return packed(InRows<Q4_1>(matrix, outer, inner));
    case kNf4Format:
      if (inner % kDecodeStep == 0) return packed(Nf4(matrix, outer, inner));
      return packed(Decoded{blockFormat(formatNumber), matrix, outer, inner});
    default: return packed(Decoded{blockFormat(formatNumber), matrix, outer, inner});
  }
}

}  // namespace

void packBlockPairs(int64_t formatNumber, const uint8_t* matrix, int64_t outer, int64_t inner, int64_t column,
                    int64_t columns, int64_t from, int64_t depth, void* panel) {
  packPairs<false>(formatNumber, matrix, outer, inner, column, columns, from, depth, panel);
}

void packBlockTiles(int64_t formatNumber, const uint8_t* matrix, int64_t outer, int64_t inner, int64_t column,
                    int64_t columns, int64_t from, int64_t depth, void* panel) {
  packPairs<true>(formatNumber, matrix, outer, inner, column, columns, from, depth, panel);
}

}  // namespace RECKON_ISA
}  // namespace reckon

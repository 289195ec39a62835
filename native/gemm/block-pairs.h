// Panels of engines that multiply pairs of bf16 (pairs.h), from frozen weights in any format of block-formats.h.
#pragma once
#include <cstdint>

namespace reckon {
namespace RECKON_ISA {

// Engine::packBlocks for panels of kBf16Panel columns whose words are pairs of depths, row after row; a processor with
// AVX512_BF16 alone may call it.
void packBlockPairs(int64_t formatNumber, const uint8_t* matrix, int64_t outer, int64_t inner, int64_t column,
                    int64_t columns, int64_t from, int64_t depth, void* panel);
// The same, padded with zeros to whole steps of kBf16Panel depths.
void packBlockTiles(int64_t formatNumber, const uint8_t* matrix, int64_t outer, int64_t inner, int64_t column,
                    int64_t columns, int64_t from, int64_t depth, void* panel);

}  // namespace RECKON_ISA
}  // namespace reckon

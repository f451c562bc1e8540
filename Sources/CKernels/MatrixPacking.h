// What the matrix products share: tile sizes, masks, and the transposition of a register block.
#pragma once
#include "CKernels.h"

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>
#include <string.h>

#define AVX512 __attribute__((target("arch=x86-64-v4,prfchw")))
#define AVX512_BF16 __attribute__((target("arch=x86-64-v4,prfchw,avx512bf16")))
// The innermost loops read each element dozens of times, each time through a call under ThreadSanitizer. Operands that
// are packed are still checked there, and OpenBLAS' accesses never were.
#define UNCHECKED __attribute__((no_sanitize("thread")))
#define TILE_INLINE static inline __attribute__((always_inline))

enum {
  LANES = 16,
  CACHE_LINE = 64,
  TILE_ROWS = 8,
  TILE_COLUMNS = LIMBECK_PRODUCT_PANEL,
  TILE_VECTORS = TILE_COLUMNS / LANES,
  DEPTH = LIMBECK_PRODUCT_DEPTH,
  PACKED_ROWS = LIMBECK_PRODUCT_ROWS,
  PANEL_WORDS = DEPTH * TILE_COLUMNS,
  ALL_WORDS = LIMBECK_PRODUCT_SCRATCH / 4,
};

// 32 bits: a float, or a pair of bfloat16 that are neighbours in the shared dimension.
typedef uint32_t __attribute__((may_alias)) word;

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// The first `count` of 16 lanes.
AVX512 TILE_INLINE __mmask16 lanes(size_t count) {
  return count >= LANES ? (__mmask16)0xffff : (__mmask16)((1u << count) - 1);
}

// 16 × 16 words: row i of the result is column i of what was there.
AVX512 TILE_INLINE void transpose(__m512i r[LANES]) {
  __m512i t[LANES];
#pragma unroll
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  // r[4·i + j] has, in its 128-bit lane l, column 4·l + j of rows 4·i to 4·i + 3
#pragma unroll
  for (int j = 0; j < 4; j++) {
    t[j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xdd);
    t[8 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88);
    t[12 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xdd);
  }
#pragma unroll
  for (int j = 0; j < 4; j++) {
    r[j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0x88);
    r[8 + j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0xdd);
    r[4 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0x88);
    r[12 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0xdd);
  }
}

// The words of the shared dimension that are worked on at a time: as equal parts as whole vectors allow.
static inline size_t depth_step(size_t depth) {
  size_t parts = (depth + DEPTH - 1) / DEPTH;
  return parts <= 1 ? depth : ((depth + parts - 1) / parts + LANES - 1) / LANES * LANES;
}

#endif

// The vectors of CPUs with AVX2 and fused multiply-add, and the sizes of tiles that suit their 16 registers: the same
// names as in MatrixVectors512.h.
#pragma once
#include "MatrixSupport.h"

#if defined(__x86_64__) && defined(__linux__)

#define TARGET __attribute__((target("arch=x86-64-v3")))

#define LANES 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define TILE_COLUMNS (TILE_VECTORS * LANES)
// a packed panel of columns then stays in the first-level cache
#define DEPTH 320
// rows of a left factor at a time, packed or where they lie: they stay in the second-level cache
#define PACKED_ROWS 258
// a panel is narrower than what the CPU reads ahead of rows that lie apart
#define READS_IN_PLACE 0
#define READS_AHEAD 1
#define FEW_STEPS 4

typedef __m256 floats;
typedef __m256i words;
typedef __m256i lane_mask;

TARGET TILE_INLINE lane_mask lanes(size_t count) {
  const __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)smaller(count, LANES)), place);
}

TARGET TILE_INLINE words load_words(const word *p) { return _mm256_loadu_si256((const __m256i *)p); }
TARGET TILE_INLINE words load_some_words(lane_mask mask, const word *p) {
  return _mm256_maskload_epi32((const int *)p, mask);
}
TARGET TILE_INLINE words zero_words(void) { return _mm256_setzero_si256(); }
TARGET TILE_INLINE words broadcast_word(word x) { return _mm256_set1_epi32((int)x); }
TARGET TILE_INLINE void store_words(word *p, words x) { _mm256_storeu_si256((__m256i *)p, x); }
TARGET TILE_INLINE void store_some_words(word *p, lane_mask mask, words x) {
  _mm256_maskstore_epi32((int *)p, mask, x);
}

TARGET TILE_INLINE void copy_tile_rows(word *to, const word *from) {
  _mm_storeu_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)from));
  _mm_storel_epi64((__m128i *)(to + 4), _mm_loadl_epi64((const __m128i *)(from + 4)));
}

TARGET TILE_INLINE floats load_floats(const float *p) { return _mm256_loadu_ps(p); }
TARGET TILE_INLINE floats load_some_floats(lane_mask mask, const float *p) { return _mm256_maskload_ps(p, mask); }
TARGET TILE_INLINE floats zero_floats(void) { return _mm256_setzero_ps(); }
TARGET TILE_INLINE void store_floats(float *p, floats x) { _mm256_storeu_ps(p, x); }
// p begins half a cache line.
TARGET TILE_INLINE void stream_floats(float *p, floats x) { _mm256_stream_ps(p, x); }
TARGET TILE_INLINE void store_some_floats(float *p, lane_mask mask, floats x) { _mm256_maskstore_ps(p, mask, x); }
TARGET TILE_INLINE floats add_floats(floats a, floats b) { return _mm256_add_ps(a, b); }
TARGET TILE_INLINE floats multiply_add(floats c, floats a, floats b) { return _mm256_fmadd_ps(a, b, c); }
TARGET TILE_INLINE floats floats_of(words x) { return _mm256_castsi256_ps(x); }
TARGET TILE_INLINE floats broadcast_float(float x) { return _mm256_set1_ps(x); }
TARGET TILE_INLINE floats multiply_floats(floats a, floats b) { return _mm256_mul_ps(a, b); }
TARGET TILE_INLINE floats multiply_subtract(floats a, floats b, floats c) { return _mm256_fmsub_ps(a, b, c); }

TARGET TILE_INLINE void transpose(words r[LANES]) {
  words t[LANES], u[LANES];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
#pragma unroll
  for (int i = 0; i < 2; i++) {
    u[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    u[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    u[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    u[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  // u[4·i + j] has, in its 128-bit lane l, column 4·l + j of rows 4·i to 4·i + 3
#pragma unroll
  for (int j = 0; j < 4; j++) {
    r[j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x20);
    r[4 + j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x31);
  }
}

TARGET TILE_INLINE floats lane_sums(const floats v[LANES]) {
  floats a[4];
#pragma unroll
  for (int i = 0; i < 4; i++)
    a[i] = _mm256_add_ps(_mm256_permute2f128_ps(v[i], v[i + 4], 0x20), _mm256_permute2f128_ps(v[i], v[i + 4], 0x31));
  return _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
}

#endif

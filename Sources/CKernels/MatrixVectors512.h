// The vectors of CPUs with AVX-512, and the sizes of tiles that suit their 32 registers.
#pragma once
#include "MatrixSupport.h"

#if defined(__x86_64__) && defined(__linux__)

#ifndef TARGET
#define TARGET __attribute__((target("arch=x86-64-v4,prfchw")))
#endif

#define LANES 16
#define TILE_ROWS 8
#define TILE_VECTORS 3
#define TILE_COLUMNS (TILE_VECTORS * LANES)
// words of the shared dimension at a time: a packed panel of columns then stays in the second-level cache
#define DEPTH LIMBECK_PRODUCT_DEPTH
// rows of a left factor that are packed at a time
#define PACKED_ROWS LIMBECK_PRODUCT_ROWS
// whether rows of a right factor are as fast where they lie as packed
#define READS_IN_PLACE 1
// whether what is packed next is asked for from memory while tiles are multiplied, or row by row while it is packed
#define READS_AHEAD 0
// steps at a time where rows of the left factor are few
#define FEW_STEPS 1

typedef __m512 floats;
typedef __m512i words;
typedef __mmask16 lane_mask;

// The first `count` lanes.
TARGET TILE_INLINE lane_mask lanes(size_t count) {
  return count >= LANES ? (lane_mask)0xffff : (lane_mask)((1u << count) - 1);
}

TARGET TILE_INLINE words load_words(const word *p) { return _mm512_loadu_epi32(p); }
TARGET TILE_INLINE words load_some_words(lane_mask mask, const word *p) { return _mm512_maskz_loadu_epi32(mask, p); }
TARGET TILE_INLINE words zero_words(void) { return _mm512_setzero_si512(); }
TARGET TILE_INLINE words broadcast_word(word x) { return _mm512_set1_epi32((int)x); }
TARGET TILE_INLINE void store_words(word *p, words x) { _mm512_storeu_epi32(p, x); }
TARGET TILE_INLINE void store_some_words(word *p, lane_mask mask, words x) { _mm512_mask_storeu_epi32(p, mask, x); }

// TILE_ROWS words.
TARGET TILE_INLINE void copy_tile_rows(word *to, const word *from) {
  _mm256_storeu_si256((__m256i *)to, _mm256_loadu_si256((const __m256i *)from));
}

TARGET TILE_INLINE floats load_floats(const float *p) { return _mm512_loadu_ps(p); }
TARGET TILE_INLINE floats load_some_floats(lane_mask mask, const float *p) { return _mm512_maskz_loadu_ps(mask, p); }
TARGET TILE_INLINE floats zero_floats(void) { return _mm512_setzero_ps(); }
TARGET TILE_INLINE void store_floats(float *p, floats x) { _mm512_storeu_ps(p, x); }
// p begins a cache line.
TARGET TILE_INLINE void stream_floats(float *p, floats x) { _mm512_stream_ps(p, x); }
TARGET TILE_INLINE void store_some_floats(float *p, lane_mask mask, floats x) { _mm512_mask_storeu_ps(p, mask, x); }
TARGET TILE_INLINE floats add_floats(floats a, floats b) { return _mm512_add_ps(a, b); }
// c + a·b
TARGET TILE_INLINE floats multiply_add(floats c, floats a, floats b) { return _mm512_fmadd_ps(a, b, c); }
TARGET TILE_INLINE floats floats_of(words x) { return _mm512_castsi512_ps(x); }
TARGET TILE_INLINE floats broadcast_float(float x) { return _mm512_set1_ps(x); }
TARGET TILE_INLINE floats multiply_floats(floats a, floats b) { return _mm512_mul_ps(a, b); }
// a·b − c
TARGET TILE_INLINE floats multiply_subtract(floats a, floats b, floats c) { return _mm512_fmsub_ps(a, b, c); }

// 16 × 16 words: row i of the result is column i of what was there.
TARGET TILE_INLINE void transpose(words r[LANES]) {
  words t[LANES];
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

// Lane r of the result is the sum of the lanes of v[r].
TARGET TILE_INLINE floats lane_sums(const floats v[LANES]) {
  floats a[8], b[4], c[2];
#pragma unroll
  for (int i = 0; i < 8; i++)
    a[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[i], v[i + 8], 0x44), _mm512_shuffle_f32x4(v[i], v[i + 8], 0xee));
#pragma unroll
  for (int i = 0; i < 4; i++)
    b[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a[i], a[i + 4], 0x88), _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd));
#pragma unroll
  for (int i = 0; i < 2; i++)
    c[i] = _mm512_add_ps(_mm512_shuffle_ps(b[i], b[i + 2], 0x44), _mm512_shuffle_ps(b[i], b[i + 2], 0xee));
  floats sums = _mm512_add_ps(_mm512_shuffle_ps(c[0], c[1], 0x88), _mm512_shuffle_ps(c[0], c[1], 0xdd));
  const words order = _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);
  return _mm512_permutexvar_ps(order, sums);
}

#endif

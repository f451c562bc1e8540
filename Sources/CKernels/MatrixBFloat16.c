#define TARGET __attribute__((target("arch=x86-64-v4,prfchw,avx512bf16")))
#include "MatrixVectors512.h"

#define MULTIPLY_ADD(c, a, b) _mm512_dpbf16_ps(c, (__m512bh)(a), (__m512bh)(b))
#include "MatrixTiles.h"

#if defined(__x86_64__) && defined(__linux__)

int limbeck_has_product_bf16(void) {
  return __builtin_cpu_supports("x86-64-v4") != 0 && __builtin_cpu_supports("avx512bf16") != 0;
}

// What is packed is asked for from memory so many rows of a left factor, or steps of the shared dimension, before: a
// core that rounds and stores what it reads does not read ahead fast enough by itself.
enum { ROWS_AHEAD = 4, STEPS_AHEAD = 16 };

// 32 floats, rounded to nearest even, as 16 pairs of neighbours.
TARGET TILE_INLINE __m512i neighbours(const float *x, size_t count) {
  __m512 low = _mm512_maskz_loadu_ps(lanes(count), x);
  __m512 high = _mm512_maskz_loadu_ps(lanes(count > LANES ? count - LANES : 0), x + LANES);
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// 16 floats of one row and 16 of the next as 16 pairs, one above the other; the next row may be NULL for zeros.
TARGET TILE_INLINE __m512i stacked(const float *x, const float *next, __mmask16 mask) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  __m512 low = _mm512_maskz_loadu_ps(mask, x);
  __m512 high = next ? _mm512_maskz_loadu_ps(mask, next) : _mm512_setzero_ps();
  return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

// The same of bfloat16s.
TARGET TILE_INLINE __m512i stacked_narrow(const uint16_t *x, const uint16_t *next, __mmask16 mask) {
  __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, x));
  __m512i high = next ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, next)) : _mm512_setzero_si512();
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// Up to 48 rows of `depth` contiguous floats → [pairs, 48].
TARGET static void pack_transposed(word *panel, const float *rows, size_t stride, size_t count, size_t depth) {
  size_t pairs = (depth + 1) / 2;
  for (size_t j = 0; j < count; j += LANES) {
    for (size_t k = 0; k < pairs; k += LANES) {
      __m512i block[LANES];
#pragma unroll
      for (size_t i = 0; i < LANES; i++) {
        block[i] =
            j + i < count ? neighbours(rows + (j + i) * stride + 2 * k, depth - 2 * k) : _mm512_setzero_si512();
      }
      transpose(block);
      size_t steps = smaller(LANES, pairs - k);
      for (size_t i = 0; i < steps; i++) _mm512_storeu_si512(panel + (k + i) * TILE_COLUMNS + j, block[i]);
    }
  }
}

// Up to 48 contiguous columns of `depth` rows → [pairs, 48].
TARGET static void pack_columns(word *panel, const float *b, size_t stride, size_t count, size_t depth) {
  for (size_t k = 0; k < depth; k += 2) {
    const float *row = b + k * stride;
    const float *next = k + 1 < depth ? row + stride : NULL;
    for (size_t j = 0; j < count; j += LANES) {
      __builtin_prefetch(row + STEPS_AHEAD * stride + j);
      __builtin_prefetch(row + (STEPS_AHEAD + 1) * stride + j);
      __m512i pair = stacked(row + j, next ? next + j : NULL, lanes(count - j));
      _mm512_storeu_si512(panel + k / 2 * TILE_COLUMNS + j, pair);
    }
  }
}

// `count` rows of `depth` contiguous floats → [count, pairs].
TARGET static void pack_rows(word *packed, const float *a, size_t stride, size_t count, size_t depth) {
  size_t pairs = (depth + 1) / 2;
  for (size_t r = 0; r < count; r++) {
    for (size_t k = 0; k < pairs; k += LANES) {
      const float *ahead = a + (r + ROWS_AHEAD) * stride + 2 * k;
      __builtin_prefetch(ahead);
      __builtin_prefetch(ahead + LANES);
      _mm512_mask_storeu_epi32(packed + r * pairs + k, lanes(pairs - k),
                               neighbours(a + r * stride + 2 * k, depth - 2 * k));
    }
  }
}

// 16 columns of one step of the shared dimension into two strips, or into one if there are at most 8.
TARGET TILE_INLINE void store_strips(word *strip, size_t pairs, size_t count, __m512i words) {
  _mm256_storeu_si256((__m256i *)strip, _mm512_castsi512_si256(words));
  if (count > TILE_ROWS) {
    _mm256_storeu_si256((__m256i *)(strip + TILE_ROWS * pairs), _mm512_extracti64x4_epi64(words, 1));
  }
}

// `count` contiguous columns, from column `first` on, of `depth` rows → strips of 8 columns, [count/8, pairs, 8]. Rows
// begin `stride` floats apart; column r of a narrow one, as limbeck_narrow_bf16 left it, is its r-th bfloat16.
TARGET TILE_INLINE void pack_strips(int is_narrow, word *strips, const void *a, size_t stride, size_t first,
                                    size_t count, size_t depth) {
  enum { STEPS = 8 };
  size_t pairs = (depth + 1) / 2, pitch = stride * sizeof(float);
  size_t width = is_narrow ? sizeof(uint16_t) : sizeof(float);
  for (size_t k = 0; k < pairs; k += STEPS) {
    size_t end = smaller(k + STEPS, pairs);
    for (size_t r = 0; r < count; r += LANES) {
      __mmask16 mask = lanes(count - r);
      const char *x = (const char *)a + 2 * k * pitch + (first + r) * width;
      word *to = strips + r * pairs;
      for (size_t step = k; step < end; step++, x += 2 * pitch) {
        const char *next = 2 * step + 1 < depth ? x + pitch : NULL;
        if (r * width % CACHE_LINE == 0) {
          __builtin_prefetch(x + STEPS_AHEAD * pitch);
          __builtin_prefetch(x + (STEPS_AHEAD + 1) * pitch);
        }
        __m512i pair = is_narrow ? stacked_narrow((const uint16_t *)x, (const uint16_t *)next, mask)
                                 : stacked((const float *)x, (const float *)next, mask);
        store_strips(to + step * TILE_ROWS, pairs, count - r, pair);
      }
    }
  }
}

TARGET void limbeck_narrow_bf16(float *x, size_t n) {
  word *narrow = (word *)x;
  size_t pairs = (n + 1) / 2;
  for (size_t k = 0; k < pairs; k += LANES) {
    __m512i pair = neighbours(x + 2 * k, n - 2 * k);
    _mm512_mask_storeu_epi32(narrow + k, lanes(pairs - k), pair);
  }
}

TARGET void limbeck_pack_bf16(void *packed, const float *b, size_t b_step, size_t b_column, size_t n,
                              size_t depth) {
  size_t pairs = (depth + 1) / 2;
  for (size_t column = 0; column < n; column += TILE_COLUMNS) {
    word *panel = (word *)packed + column * pairs;
    size_t columns = smaller(TILE_COLUMNS, n - column);
    if (b_column == 1) {
      pack_columns(panel, b + column, b_step, columns, depth);
    } else {
      pack_transposed(panel, b + column * b_column, b_column, columns, depth);
    }
  }
}

TARGET void limbeck_product_bf16(float *c, size_t c_row, limbeck_store store, limbeck_left_factor a,
                                 limbeck_right_factor b, size_t m, size_t n, size_t depth, void *scratch) {
  word *b_panel = scratch, *packed = b_panel + PANEL_WORDS;
  size_t step = 2 * depth_step((depth + 1) / 2);
  int has_rows = a.step == 1;
  for (size_t k = 0; k < depth; k += step) {
    size_t now = smaller(step, depth - k), pairs = (now + 1) / 2;
    limbeck_store now_store = store_of_step(store, c, c_row, k, now, depth);
    for (size_t row = 0; row < m; row += PACKED_ROWS) {
      size_t rows = smaller(PACKED_ROWS, m - row);
      const word *left = packed;
      size_t left_row = has_rows ? pairs : 1;
      if (has_rows && a.is_narrow) {
        left = (const word *)a.data + row * a.row + k / 2;
        left_row = a.row;
      } else if (has_rows) {
        pack_rows(packed, (const float *)a.data + row * a.row + k, a.row, rows, now);
      } else if (a.is_narrow) {
        pack_strips(1, packed, (const char *)a.data + k * a.step * sizeof(float), a.step, row, rows, now);
      } else {
        pack_strips(0, packed, (const char *)a.data + k * a.step * sizeof(float), a.step, row, rows, now);
      }
      for (size_t column = 0; column < n; column += TILE_COLUMNS) {
        size_t columns = smaller(TILE_COLUMNS, n - column);
        const word *right = b_panel;
        if (b.packed_pairs > 0) {
          right = (const word *)b.data + column * b.packed_pairs + k / 2 * TILE_COLUMNS;
        } else if (b.column == 1) {
          pack_columns(b_panel, (const float *)b.data + k * b.step + column, b.step, columns, now);
        } else {
          pack_transposed(b_panel, (const float *)b.data + column * b.column + k, b.column, columns, now);
        }
        float *out = c + row * c_row + column;
        if (has_rows) {
          panel(out, c_row, now_store, left, left_row, 1, TILE_ROWS * left_row, right, TILE_COLUMNS, rows, columns,
                pairs, NULL);
        } else {
          panel(out, c_row, now_store, left, 1, TILE_ROWS, TILE_ROWS * pairs, right, TILE_COLUMNS, rows, columns,
                pairs, NULL);
        }
      }
    }
  }
  if (store == LIMBECK_STREAM) _mm_sfence();
}

#else

int limbeck_has_product_bf16(void) { return 0; }

void limbeck_narrow_bf16(float *x, size_t n) {
  (void)x, (void)n;
  __builtin_trap();
}

void limbeck_pack_bf16(void *packed, const float *b, size_t b_step, size_t b_column, size_t n, size_t depth) {
  (void)packed, (void)b, (void)b_step, (void)b_column, (void)n, (void)depth;
  __builtin_trap();
}

void limbeck_product_bf16(float *c, size_t c_row, limbeck_store store, limbeck_left_factor a, limbeck_right_factor b,
                          size_t m, size_t n, size_t depth, void *scratch) {
  (void)c, (void)c_row, (void)store, (void)a, (void)b, (void)m, (void)n, (void)depth, (void)scratch;
  __builtin_trap();
}

#endif

#define TARGET AVX512_BF16
#define MULTIPLY_ADD(c, a, b) _mm512_dpbf16_ps(c, (__m512bh)(a), (__m512bh)(b))
#include "MatrixTiles.h"

#if defined(__x86_64__) && defined(__linux__)

int limbeck_has_product_bf16(void) {
  return __builtin_cpu_supports("x86-64-v4") != 0 && __builtin_cpu_supports("avx512bf16") != 0;
}

// 32 floats, rounded to nearest even, as 16 pairs of neighbours.
AVX512_BF16 TILE_INLINE __m512i neighbours(const float *x, size_t count) {
  __m512 low = _mm512_maskz_loadu_ps(lanes(count), x);
  __m512 high = _mm512_maskz_loadu_ps(lanes(count > LANES ? count - LANES : 0), x + LANES);
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// 16 floats of one row and 16 of the next as 16 pairs, one above the other; the next row may be NULL for zeros.
AVX512_BF16 TILE_INLINE __m512i stacked(const float *x, const float *next, __mmask16 mask) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                         20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  __m512 low = _mm512_maskz_loadu_ps(mask, x);
  __m512 high = next ? _mm512_maskz_loadu_ps(mask, next) : _mm512_setzero_ps();
  return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

// Up to 48 rows of `depth` contiguous floats → [pairs, 48].
AVX512_BF16 static void pack_transposed(word *panel, const float *rows, size_t stride, size_t count, size_t depth) {
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
AVX512_BF16 static void pack_columns(word *panel, const float *b, size_t stride, size_t count, size_t depth) {
  for (size_t k = 0; k < depth; k += 2) {
    const float *row = b + k * stride;
    const float *next = k + 1 < depth ? row + stride : NULL;
    for (size_t j = 0; j < count; j += LANES) {
      __m512i pair = stacked(row + j, next ? next + j : NULL, lanes(count - j));
      _mm512_storeu_si512(panel + k / 2 * TILE_COLUMNS + j, pair);
    }
  }
}

// `count` rows of `depth` contiguous floats → [count, pairs].
AVX512_BF16 static void pack_rows(word *packed, const float *a, size_t stride, size_t count, size_t depth) {
  size_t pairs = (depth + 1) / 2;
  for (size_t r = 0; r < count; r++) {
    for (size_t k = 0; k < pairs; k += LANES) {
      _mm512_mask_storeu_epi32(packed + r * pairs + k, lanes(pairs - k),
                               neighbours(a + r * stride + 2 * k, depth - 2 * k));
    }
  }
}

// `count` contiguous columns of `depth` rows → strips of 8 columns, [count/8, pairs, 8].
AVX512_BF16 static void pack_strips(word *strips, const float *a, size_t stride, size_t count, size_t depth) {
  size_t pairs = (depth + 1) / 2;
  for (size_t k = 0; k < pairs; k++) {
    const float *row = a + 2 * k * stride;
    const float *next = 2 * k + 1 < depth ? row + stride : NULL;
    for (size_t r = 0; r < count; r += LANES) {
      __m512i pair = stacked(row + r, next ? next + r : NULL, lanes(count - r));
      _mm256_storeu_si256((__m256i *)(strips + r * pairs + k * TILE_ROWS), _mm512_castsi512_si256(pair));
      if (count - r > TILE_ROWS) {
        _mm256_storeu_si256((__m256i *)(strips + (r + TILE_ROWS) * pairs + k * TILE_ROWS),
                            _mm512_extracti64x4_epi64(pair, 1));
      }
    }
  }
}

AVX512_BF16 void limbeck_product_bf16(float *c, size_t c_row, int accumulate, const float *a, size_t a_row,
                                      size_t a_step, const float *b, size_t b_step, size_t b_column, size_t m, size_t n,
                                      size_t depth, void *scratch) {
  word *b_panel = scratch, *packed = b_panel + PANEL_WORDS;
  size_t step = 2 * depth_step((depth + 1) / 2);
  for (size_t k = 0; k < depth; k += step) {
    size_t now = smaller(step, depth - k), pairs = (now + 1) / 2;
    int adds = accumulate || k > 0;
    for (size_t row = 0; row < m; row += PACKED_ROWS) {
      size_t rows = smaller(PACKED_ROWS, m - row);
      const float *left = a + row * a_row + k * a_step;
      if (a_step == 1) {
        pack_rows(packed, left, a_row, rows, now);
      } else {
        pack_strips(packed, left, a_step, rows, now);
      }
      for (size_t column = 0; column < n; column += TILE_COLUMNS) {
        size_t columns = smaller(TILE_COLUMNS, n - column);
        const float *right = b + k * b_step + column * b_column;
        if (b_column == 1) {
          pack_columns(b_panel, right, b_step, columns, now);
        } else {
          pack_transposed(b_panel, right, b_column, columns, now);
        }
        float *out = c + row * c_row + column;
        if (a_step == 1) {
          panel(out, c_row, adds, packed, pairs, 1, TILE_ROWS * pairs, b_panel, TILE_COLUMNS, rows, columns, pairs);
        } else {
          panel(out, c_row, adds, packed, 1, TILE_ROWS, TILE_ROWS * pairs, b_panel, TILE_COLUMNS, rows, columns, pairs);
        }
      }
    }
  }
}

#else

int limbeck_has_product_bf16(void) { return 0; }

#endif

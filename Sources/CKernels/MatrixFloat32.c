#define TARGET AVX512
#define MULTIPLY_ADD(c, a, b) _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), c)
#include "MatrixTiles.h"

#if defined(__x86_64__) && defined(__linux__)

int limbeck_has_product_f32(void) { return __builtin_cpu_supports("x86-64-v4") != 0; }

// Up to 48 rows of `depth` contiguous words → [depth, 48].
AVX512 static void pack_transposed(word *panel, const word *rows, size_t stride, size_t count, size_t depth) {
  for (size_t j = 0; j < count; j += LANES) {
    for (size_t k = 0; k < depth; k += LANES) {
      __m512i block[LANES];
      __mmask16 mask = lanes(depth - k);
#pragma unroll
      for (size_t i = 0; i < LANES; i++) {
        block[i] = j + i < count ? _mm512_maskz_loadu_epi32(mask, rows + (j + i) * stride + k) : _mm512_setzero_si512();
      }
      transpose(block);
      size_t steps = smaller(LANES, depth - k);
      for (size_t i = 0; i < steps; i++) _mm512_storeu_si512(panel + (k + i) * TILE_COLUMNS + j, block[i]);
    }
  }
}

// `count` contiguous columns of `depth` rows → strips of 8 columns, [count/8, depth, 8].
AVX512 static void pack_strips(word *strips, const word *a, size_t stride, size_t count, size_t depth) {
  for (size_t k = 0; k < depth; k++) {
    for (size_t r = 0; r < count; r += TILE_ROWS) {
      __mmask8 mask = (__mmask8)lanes(smaller(TILE_ROWS, count - r));
      _mm256_storeu_epi32(strips + r * depth + k * TILE_ROWS, _mm256_maskz_loadu_epi32(mask, a + k * stride + r));
    }
  }
}

// c = x·wᵀ or += for at most 48 rows of x, packed as [depth, 48]. The rows of w are broadcast, so that each weight is
// read once and none is packed; a tile of cᵀ is transposed on its way out.
AVX512 UNCHECKED static void multiply_one_panel(float *c, size_t c_row, int accumulate, const word *x, const word *w,
                                                size_t w_row, size_t m, size_t n, size_t depth) {
  float transposed[TILE_ROWS * TILE_COLUMNS];
  size_t vectors = (m + LANES - 1) / LANES;
  __mmask16 all = 0xffff;
  for (size_t first = 0; first < n; first += TILE_ROWS) {
    size_t width = smaller(TILE_ROWS, n - first);
    const word *rows = w + first * w_row;
    if (width < TILE_ROWS) {
      edge_tile(width, m, transposed, TILE_COLUMNS, 0, rows, w_row, 1, x, TILE_COLUMNS, depth);
    } else if (vectors == 1) {
      tile(TILE_ROWS, 1, 1, all, transposed, TILE_COLUMNS, 0, rows, w_row, 1, x, TILE_COLUMNS, depth);
    } else if (vectors == 2) {
      tile(TILE_ROWS, 2, 1, all, transposed, TILE_COLUMNS, 0, rows, w_row, 1, x, TILE_COLUMNS, depth);
    } else {
      tile(TILE_ROWS, 3, 1, all, transposed, TILE_COLUMNS, 0, rows, w_row, 1, x, TILE_COLUMNS, depth);
    }
    for (size_t row = 0; row < m; row++) {
      float *out = c + row * c_row + first;
      for (size_t j = 0; j < width; j++) {
        out[j] = (accumulate ? out[j] : 0.0f) + transposed[j * TILE_COLUMNS + row];
      }
    }
  }
}

AVX512 void limbeck_product_f32(float *c, size_t c_row, int accumulate, const float *a_floats, size_t a_row,
                                size_t a_step, const float *b_floats, size_t b_step, size_t b_column, size_t m,
                                size_t n, size_t depth, void *scratch) {
  const word *a = (const word *)a_floats, *b = (const word *)b_floats;
  word *b_panel = scratch, *strips = b_panel + PANEL_WORDS;
  int fits_one_panel = a_step == 1 && b_step == 1 && m <= TILE_COLUMNS;
  // one panel is left the memory of the strips: whole rows of b are read, one after another
  size_t step = fits_one_panel && depth <= ALL_WORDS / TILE_COLUMNS ? depth : depth_step(depth);
  for (size_t k = 0; k < depth; k += step) {
    size_t now = smaller(step, depth - k);
    int adds = accumulate || k > 0;
    if (fits_one_panel) {
      pack_transposed(b_panel, a + k, a_row, m, now);
      multiply_one_panel(c, c_row, adds, b_panel, b + k, b_column, m, n, now);
      continue;
    }
    size_t row_step = a_step == 1 ? m : PACKED_ROWS;
    for (size_t row = 0; row < m; row += row_step) {
      size_t rows = smaller(row_step, m - row);
      if (a_step != 1) pack_strips(strips, a + k * a_step + row, a_step, rows, now);
      for (size_t column = 0; column < n; column += TILE_COLUMNS) {
        size_t columns = smaller(TILE_COLUMNS, n - column);
        const word *right = b + k * b_step + column;
        size_t right_step = b_step;
        if (b_column != 1) {
          pack_transposed(b_panel, b + column * b_column + k, b_column, columns, now);
          right = b_panel;
          right_step = TILE_COLUMNS;
        }
        float *out = c + row * c_row + column;
        if (a_step == 1) {
          const word *left = a + row * a_row + k;
          panel(out, c_row, adds, left, a_row, 1, TILE_ROWS * a_row, right, right_step, rows, columns, now);
        } else {
          panel(out, c_row, adds, strips, 1, TILE_ROWS, TILE_ROWS * now, right, right_step, rows, columns, now);
        }
      }
    }
  }
}

#else

int limbeck_has_product_f32(void) { return 0; }

void limbeck_product_f32(float *c, size_t c_row, int accumulate, const float *a, size_t a_row, size_t a_step,
                         const float *b, size_t b_step, size_t b_column, size_t m, size_t n, size_t depth,
                         void *scratch) {
  (void)c, (void)c_row, (void)accumulate, (void)a, (void)a_row, (void)a_step, (void)b, (void)b_step, (void)b_column;
  (void)m, (void)n, (void)depth, (void)scratch;
  __builtin_trap();
}

#endif

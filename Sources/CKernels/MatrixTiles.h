// Register tiles of matrix products, included once per precision with these defined:
//   TARGET               the function attribute that allows the instructions
//   MULTIPLY_ADD(c, a, b)  c + a·b on vectors of 16 words
// A word has 32 bits: one float, or a pair of bfloat16 that are neighbours in the shared dimension.
//
// 8 rows × 48 columns of the result stay in 24 registers while the shared dimension runs by; each step loads three
// vectors of b and broadcasts one word of a per row (Goto & van de Geijn 2008; the register scheme of BLIS).
#include "MatrixPacking.h"

#if defined(__x86_64__) && defined(__linux__)

// c[rows, columns] = a·b or += a·b over `depth` words: word k of row r is a[r·a_row + k·a_step], word k of column j
// b[k·b_step + j]. `mask` has the columns of the last of `vectors`. Where a is `streamed`, the next rows are fetched
// from memory while these are used.
TARGET TILE_INLINE void tile(int rows, int vectors, int streamed, __mmask16 mask, float *c, size_t c_row,
                             int accumulate, const word *a, size_t a_row, size_t a_step, const word *b, size_t b_step,
                             size_t depth) {
  __m512 sums[TILE_ROWS][TILE_VECTORS];
#pragma unroll
  for (int r = 0; r < rows; r++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) {
      // written only after the whole depth: by then the line has come from memory
      __builtin_prefetch(c + r * c_row + j * LANES, 1);
      sums[r][j] = _mm512_setzero_ps();
    }
  }
  for (size_t k = 0; k < depth; k++) {
    if (streamed) __builtin_prefetch(a + TILE_ROWS * a_row + k * TILE_ROWS);
    __m512i words[TILE_VECTORS];
#pragma unroll
    for (int j = 0; j < vectors; j++) {
      __mmask16 m = j == vectors - 1 ? mask : (__mmask16)0xffff;
      words[j] = _mm512_maskz_loadu_epi32(m, b + k * b_step + j * LANES);
    }
#pragma unroll
    for (int r = 0; r < rows; r++) {
      __m512i word = _mm512_set1_epi32((int)a[r * a_row + k * a_step]);
#pragma unroll
      for (int j = 0; j < vectors; j++) sums[r][j] = MULTIPLY_ADD(sums[r][j], word, words[j]);
    }
  }
#pragma unroll
  for (int r = 0; r < rows; r++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) {
      __mmask16 m = j == vectors - 1 ? mask : (__mmask16)0xffff;
      float *out = c + r * c_row + j * LANES;
      __m512 sum = accumulate ? _mm512_add_ps(_mm512_maskz_loadu_ps(m, out), sums[r][j]) : sums[r][j];
      _mm512_mask_storeu_ps(out, m, sum);
    }
  }
}

// A tile of any number of rows up to 8 and of columns up to 48; one of a's strides is 1.
TARGET UNCHECKED static void edge_tile(size_t rows, size_t columns, float *c, size_t c_row, int accumulate,
                                       const word *a, size_t a_row, size_t a_step, const word *b, size_t b_step,
                                       size_t depth) {
  size_t vectors = (columns + LANES - 1) / LANES;
  __mmask16 mask = lanes(columns - (vectors - 1) * LANES);
#define EDGE(ROWS, VECTORS, A_ROW, A_STEP)                                                               \
  case VECTORS * 16 + ROWS:                                                                              \
    tile(ROWS, VECTORS, 0, mask, c, c_row, accumulate, a, A_ROW, A_STEP, b, b_step, depth);              \
    break;
#define EDGES(VECTORS, A_ROW, A_STEP)                                                                    \
  EDGE(1, VECTORS, A_ROW, A_STEP) EDGE(2, VECTORS, A_ROW, A_STEP) EDGE(3, VECTORS, A_ROW, A_STEP)        \
  EDGE(4, VECTORS, A_ROW, A_STEP) EDGE(5, VECTORS, A_ROW, A_STEP) EDGE(6, VECTORS, A_ROW, A_STEP)        \
  EDGE(7, VECTORS, A_ROW, A_STEP) EDGE(8, VECTORS, A_ROW, A_STEP)
  if (a_step == 1) {
    switch (vectors * 16 + rows) { EDGES(1, a_row, 1) EDGES(2, a_row, 1) EDGES(3, a_row, 1) }
  } else {
    switch (vectors * 16 + rows) { EDGES(1, 1, a_step) EDGES(2, 1, a_step) EDGES(3, 1, a_step) }
  }
#undef EDGES
#undef EDGE
}

// All rows of a by up to 48 columns of b. Each 8 rows of a begin `a_tile` words after the last.
TARGET UNCHECKED static void panel(float *c, size_t c_row, int accumulate, const word *a, size_t a_row, size_t a_step,
                                   size_t a_tile, const word *b, size_t b_step, size_t rows, size_t columns,
                                   size_t depth) {
  const __mmask16 all = 0xffff;
  for (size_t row = 0; row < rows; row += TILE_ROWS, a += a_tile, c += TILE_ROWS * c_row) {
    size_t height = smaller(TILE_ROWS, rows - row);
    if (height < TILE_ROWS || columns < TILE_COLUMNS) {
      edge_tile(height, columns, c, c_row, accumulate, a, a_row, a_step, b, b_step, depth);
    } else if (a_step == 1) {
      tile(TILE_ROWS, TILE_VECTORS, 0, all, c, c_row, accumulate, a, a_row, 1, b, b_step, depth);
    } else {
      tile(TILE_ROWS, TILE_VECTORS, 0, all, c, c_row, accumulate, a, 1, a_step, b, b_step, depth);
    }
  }
}

#endif

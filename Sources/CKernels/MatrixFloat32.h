// Products in float32, included once per CPU level, after its vectors, with
//   PRODUCT_F32  the name of the function
#define MULTIPLY_ADD(c, a, b) multiply_add(c, floats_of(a), floats_of(b))
#include "MatrixTiles.h"

#if defined(__x86_64__) && defined(__linux__)

// Up to TILE_COLUMNS rows of `depth` contiguous words → [depth, TILE_COLUMNS].
TARGET static void pack_transposed(word *panel, const word *rows, size_t stride, size_t count, size_t depth) {
  for (size_t j = 0; j < count; j += LANES) {
    for (size_t k = 0; k < depth; k += LANES) {
      words block[LANES];
      lane_mask mask = lanes(depth - k);
#pragma unroll
      for (size_t i = 0; i < LANES; i++) {
        if (!READS_AHEAD) __builtin_prefetch(rows + (j + i + LANES) * stride + k);
        block[i] = j + i < count ? load_some_words(mask, rows + (j + i) * stride + k) : zero_words();
      }
      transpose(block);
      size_t steps = smaller(LANES, depth - k);
      for (size_t i = 0; i < steps; i++) store_words(panel + (k + i) * TILE_COLUMNS + j, block[i]);
    }
  }
}

// Up to TILE_COLUMNS contiguous columns of `depth` rows → [depth, TILE_COLUMNS].
TARGET static void pack_columns(word *panel, const word *b, size_t stride, size_t count, size_t depth) {
  for (size_t j = 0; j < count; j += LANES) {
    lane_mask mask = lanes(count - j);
    for (size_t k = 0; k < depth; k++) {
      store_words(panel + k * TILE_COLUMNS + j, load_some_words(mask, b + k * stride + j));
    }
  }
}

// `count` contiguous columns of `depth` rows → strips of TILE_ROWS columns, [count/TILE_ROWS, depth, TILE_ROWS]. Strips
// lie a multiple of large powers of two apart, which share places in the first-level cache: several steps of one are
// written before the next strip's.
TARGET static void pack_strips(word *strips, const word *a, size_t stride, size_t count, size_t depth) {
  enum { STEPS = 16, STEPS_AHEAD = 32 };
  for (size_t k = 0; k < depth; k += STEPS) {
    size_t end = smaller(k + STEPS, depth);
    for (size_t r = 0; r < count; r += TILE_ROWS) {
      size_t width = smaller(TILE_ROWS, count - r);
      const word *from = a + r;
      word *to = strips + r * depth;
      for (size_t step = k; step < end; step++) {
        if (!READS_AHEAD && r % LANES == 0) __builtin_prefetch(from + (step + STEPS_AHEAD) * stride);
        if (width == TILE_ROWS) {
          copy_tile_rows(to + step * TILE_ROWS, from + step * stride);
        } else {
          for (size_t i = 0; i < width; i++) to[step * TILE_ROWS + i] = from[step * stride + i];
        }
      }
    }
  }
}

// c[columns, width] = tileᵀ or +=, rows of the tile TILE_COLUMNS floats apart.
TARGET TILE_INLINE void store_transposed(float *c, size_t c_row, int accumulate, const float *tile, size_t width,
                                         size_t columns) {
  lane_mask mask = lanes(width);
  for (size_t column = 0; column < columns; column += LANES) {
    words block[LANES];
#pragma unroll
    for (size_t i = 0; i < LANES; i++) {
      block[i] = i < TILE_ROWS ? load_words((const word *)tile + i * TILE_COLUMNS + column) : zero_words();
    }
    transpose(block);
    size_t rows = smaller(LANES, columns - column);
    for (size_t i = 0; i < rows; i++) {
      float *out = c + (column + i) * c_row;
      floats sums = floats_of(block[i]);
      if (accumulate) sums = add_floats(load_some_floats(mask, out), sums);
      store_some_floats(out, mask, sums);
    }
  }
}

// c = x·wᵀ or += for rows of x packed in panels of [depth, TILE_COLUMNS]. The rows of w are broadcast, so that each
// weight is read from memory once and none is packed; a tile of cᵀ is transposed on its way out.
TARGET UNCHECKED static void multiply_panels(float *c, size_t c_row, int accumulate, const word *x, const word *w,
                                             size_t w_row, size_t m, size_t n, size_t depth) {
  float transposed[TILE_ROWS * TILE_COLUMNS];
  const lane_mask all = lanes(LANES);
  for (size_t first = 0; first < n; first += TILE_ROWS) {
    size_t width = smaller(TILE_ROWS, n - first);
    const word *rows = w + first * w_row;
    for (size_t row = 0; row < m; row += TILE_COLUMNS) {
      size_t columns = smaller(TILE_COLUMNS, m - row);
      const word *panel = x + row * depth;
#define STREAMED_TILE(VECTORS)                                                                                    \
  tile(TILE_ROWS, VECTORS, 1, 0, 1, all, transposed, TILE_COLUMNS, 0, rows, w_row, 1, panel, TILE_COLUMNS, depth)
      if (width < TILE_ROWS) {
        edge_tile(width, columns, transposed, TILE_COLUMNS, 0, rows, w_row, 1, panel, TILE_COLUMNS, depth);
      } else if (columns <= LANES) {
        STREAMED_TILE(1);
      } else if (columns <= 2 * LANES) {
        STREAMED_TILE(2);
      } else {
        STREAMED_TILE(TILE_VECTORS);
      }
#undef STREAMED_TILE
      store_transposed(c + row * c_row + first, c_row, accumulate, transposed, width, columns);
    }
  }
}

// The rows of a left factor that are worked on at a time: as equal parts as whole tiles allow.
static inline size_t rows_step(size_t rows) {
  size_t parts = (rows + PACKED_ROWS - 1) / PACKED_ROWS;
  return ((rows + parts - 1) / parts + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
}

// Rows of a left factor of which all are packed, for what is read once of the right one.
enum { PANEL_ROWS = LIMBECK_PRODUCT_PANEL };

TARGET void PRODUCT_F32(float *c, size_t c_row, limbeck_store store, const float *a_floats, size_t a_row, size_t a_step,
                        const float *b_floats, size_t b_step, size_t b_column, size_t m, size_t n, size_t depth,
                        void *scratch) {
  if (m == 0 || n == 0) return;
  const word *a = (const word *)a_floats, *b = (const word *)b_floats;
  word *b_panel = scratch, *strips = b_panel + PANEL_WORDS;
  int fits_panels = a_step == 1 && b_step == 1 && m <= PANEL_ROWS;
  // panels alone are left the memory of the strips: whole rows of b are read, one after another
  size_t step = fits_panels && depth <= ALL_WORDS / PANEL_ROWS ? depth : depth_step(depth);
  for (size_t k = 0; k < depth; k += step) {
    size_t now = smaller(step, depth - k);
    limbeck_store now_store = store_of_step(store, c, c_row, k, now, depth);
    if (fits_panels) {
      for (size_t row = 0; row < m; row += TILE_COLUMNS) {
        pack_transposed(b_panel + row * now, a + row * a_row + k, a_row, smaller(TILE_COLUMNS, m - row), now);
      }
      multiply_panels(c, c_row, now_store == LIMBECK_ADD, b_panel, b + k, b_column, m, n, now);
      continue;
    }
    size_t row_step = a_step == 1 && READS_IN_PLACE ? m : rows_step(m);
    size_t panels = (n + TILE_COLUMNS - 1) / TILE_COLUMNS;
    for (size_t row = 0; row < m; row += row_step) {
      size_t rows = smaller(row_step, m - row), tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
      if (a_step != 1) pack_strips(strips, a + k * a_step + row, a_step, rows, now);
      // rows of a left factor that is used where it lies are read fast enough as they come
      factors_ahead soon = {0};
      if (a_step != 1 && row + rows < m) {
        soon.left = region_ahead(a + k * a_step + row + rows, 4 * a_step, 4 * smaller(rows, m - row - rows), now,
                                 panels * tiles);
      }
      for (size_t column = 0; column < n; column += TILE_COLUMNS) {
        size_t columns = smaller(TILE_COLUMNS, n - column);
        const word *right = b_panel;
        size_t right_step = TILE_COLUMNS;
        if (b_column != 1) {
          pack_transposed(b_panel, b + column * b_column + k, b_column, columns, now);
        } else if (READS_IN_PLACE) {
          right = b + k * b_step + column;
          right_step = b_step;
        } else {
          pack_columns(b_panel, b + k * b_step + column, b_step, columns, now);
        }
        // the next panel, or the first of the next part of the shared dimension
        size_t next = column + columns < n ? column + columns : 0, next_k = next > 0 ? k : k + now;
        size_t width = smaller(TILE_COLUMNS, n - next), length = smaller(now, depth - next_k);
        if (next_k < depth) {
          soon.right = b_column != 1
                           ? region_ahead(b + next * b_column + next_k, 4 * b_column, 4 * length, width, tiles)
                           : region_ahead(b + next_k * b_step + next, 4 * b_step, 4 * width, length, tiles);
        }
        float *out = c + row * c_row + column;
        if (a_step == 1) {
          const word *left = a + row * a_row + k;
          panel(out, c_row, now_store, left, a_row, 1, TILE_ROWS * a_row, right, right_step, rows, columns, now, &soon);
        } else {
          panel(out, c_row, now_store, strips, 1, TILE_ROWS, TILE_ROWS * now, right, right_step, rows, columns, now,
                &soon);
        }
      }
    }
  }
  if (store == LIMBECK_STREAM) _mm_sfence();
}

#endif

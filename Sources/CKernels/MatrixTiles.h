// Register tiles of matrix products, included once per precision and CPU level, after the vectors of the level, with
//   MULTIPLY_ADD(c, a, b)  c + a·b on vectors of words
// A word has 32 bits: one float, or a pair of bfloat16 that are neighbours in the shared dimension.
//
// TILE_ROWS rows × TILE_COLUMNS columns of the result stay in registers (8 × 48 in 24 of AVX-512's, 6 × 16 in 12 of
// AVX2's) while the shared dimension runs by; each step loads a few vectors of b and broadcasts one word of a per row
// (Goto & van de Geijn 2008; the register scheme of BLIS).
#if defined(__x86_64__) && defined(__linux__)

// the words from a step of a right factor to the next
#if READS_IN_PLACE
#define RIGHT_STEP(b_step) b_step
#else
#define RIGHT_STEP(b_step) TILE_COLUMNS
#endif

enum { PANEL_WORDS = DEPTH * TILE_COLUMNS };
_Static_assert(PANEL_WORDS + DEPTH * PACKED_ROWS <= ALL_WORDS, "a panel and packed rows exceed the scratch memory");

// The words of the shared dimension that are worked on at a time: as equal parts as whole vectors allow.
static inline size_t depth_step(size_t depth) {
  size_t parts = (depth + DEPTH - 1) / DEPTH;
  return parts <= 1 ? depth : ((depth + parts - 1) / parts + LANES - 1) / LANES * LANES;
}

// sums += one step of the shared dimension: a word of each row, `a_place` words from where `row` is, by the vectors at
// b.
TARGET TILE_INLINE void tile_step(int rows, int vectors, int is_whole, lane_mask mask,
                                  floats sums[TILE_ROWS][TILE_VECTORS], const word *const row[TILE_ROWS],
                                  size_t a_place, const word *b) {
  words right[TILE_VECTORS];
#pragma unroll
  for (int j = 0; j < vectors; j++) {
    right[j] = is_whole || j < vectors - 1 ? load_words(b + j * LANES) : load_some_words(mask, b + j * LANES);
  }
#pragma unroll
  for (int r = 0; r < rows; r++) {
    words left = broadcast_word(row[r][a_place]);
#pragma unroll
    for (int j = 0; j < vectors; j++) sums[r][j] = MULTIPLY_ADD(sums[r][j], left, right[j]);
  }
}

// c[rows, columns] = a·b or += a·b over `depth` words: word k of row r is a[r·a_row + k·a_step], word k of column j
// b[k·b_step + j]. `mask` has the columns of the last of `vectors`, and `is_whole` says that these are all. Where a is
// read `from_memory`, the next rows are fetched while these are used; where c `streams`, it is written past the caches,
// a line at a time.
TARGET TILE_INLINE void tile(int rows, int vectors, int from_memory, int streams, int is_whole, lane_mask mask,
                             float *c, size_t c_row, int accumulate, const word *a, size_t a_row, size_t a_step,
                             const word *b, size_t b_step, size_t depth) {
  // steps at a time: a core that shares its front end with another thread's multiplies no faster than it decodes
  enum { STEPS = 8 };
  floats sums[TILE_ROWS][TILE_VECTORS];
#pragma unroll
  for (int r = 0; r < rows; r++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) {
      // written only after the whole depth: by then the line has come from memory
      if (!streams) __builtin_prefetch(c + r * c_row + j * LANES, 1);
      sums[r][j] = zero_floats();
    }
  }
  const word *row[TILE_ROWS];
#pragma unroll
  for (int r = 0; r < rows; r++) {
    row[r] = a + r * a_row;
    // each in a register of its own, else the compiler adds them up in every step
    if (is_whole && a_step == 1) __asm__("" : "+r"(row[r]));
  }
  size_t k = 0;
  if (is_whole) {
    for (; k + STEPS <= depth; k += STEPS) {
      if (from_memory) {
        const word *soon = a + TILE_ROWS * a_row + k * TILE_ROWS;
#pragma unroll
        for (int i = 0; i < STEPS * TILE_ROWS; i += CACHE_LINE / 4) __builtin_prefetch(soon + i);
      }
#pragma unroll
      for (int s = 0; s < STEPS; s++) {
        tile_step(rows, vectors, 1, mask, sums, row, (k + s) * a_step, b + (k + s) * b_step);
      }
    }
  }
  for (; k < depth; k++) tile_step(rows, vectors, is_whole, mask, sums, row, k * a_step, b + k * b_step);
#pragma unroll
  for (int r = 0; r < rows; r++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) {
      float *out = c + r * c_row + j * LANES;
      if (streams) {
        stream_floats(out, sums[r][j]);
      } else if (is_whole || j < vectors - 1) {
        store_floats(out, accumulate ? add_floats(load_floats(out), sums[r][j]) : sums[r][j]);
      } else {
        store_some_floats(out, mask, accumulate ? add_floats(load_some_floats(mask, out), sums[r][j]) : sums[r][j]);
      }
    }
  }
}

// A tile of any number of rows and columns up to a whole one; one of a's strides is 1.
TARGET UNCHECKED static void edge_tile(size_t rows, size_t columns, float *c, size_t c_row, int accumulate,
                                       const word *a, size_t a_row, size_t a_step, const word *b, size_t b_step,
                                       size_t depth) {
  size_t vectors = (columns + LANES - 1) / LANES;
  lane_mask mask = lanes(columns - (vectors - 1) * LANES);
#define EDGE(ROWS, VECTORS, A_ROW, A_STEP)                                                                \
  case VECTORS * 16 + ROWS:                                                                               \
    tile(ROWS, VECTORS, 0, 0, 0, mask, c, c_row, accumulate, a, A_ROW, A_STEP, b, b_step, depth);         \
    break;
#if TILE_ROWS == 8
#define EDGES(VECTORS, A_ROW, A_STEP)                                                                     \
  EDGE(1, VECTORS, A_ROW, A_STEP) EDGE(2, VECTORS, A_ROW, A_STEP) EDGE(3, VECTORS, A_ROW, A_STEP)         \
  EDGE(4, VECTORS, A_ROW, A_STEP) EDGE(5, VECTORS, A_ROW, A_STEP) EDGE(6, VECTORS, A_ROW, A_STEP)         \
  EDGE(7, VECTORS, A_ROW, A_STEP) EDGE(8, VECTORS, A_ROW, A_STEP)
#define ALL_EDGES(A_ROW, A_STEP) EDGES(1, A_ROW, A_STEP) EDGES(2, A_ROW, A_STEP) EDGES(3, A_ROW, A_STEP)
#else
#define EDGES(VECTORS, A_ROW, A_STEP)                                                                     \
  EDGE(1, VECTORS, A_ROW, A_STEP) EDGE(2, VECTORS, A_ROW, A_STEP) EDGE(3, VECTORS, A_ROW, A_STEP)         \
  EDGE(4, VECTORS, A_ROW, A_STEP) EDGE(5, VECTORS, A_ROW, A_STEP) EDGE(6, VECTORS, A_ROW, A_STEP)
#define ALL_EDGES(A_ROW, A_STEP) EDGES(1, A_ROW, A_STEP) EDGES(2, A_ROW, A_STEP)
#endif
  if (a_step == 1) {
    switch (vectors * 16 + rows) { ALL_EDGES(a_row, 1) }
  } else {
    switch (vectors * 16 + rows) { ALL_EDGES(1, a_step) }
  }
#undef ALL_EDGES
#undef EDGES
#undef EDGE
}

// All rows of a by the columns of a tile, or fewer. Each TILE_ROWS rows of a begin `a_tile` words after the last.
// Before each of them some of what will be read `soon` is asked for. Whole tiles of rows that lie where they are can be
// streamed.
TARGET UNCHECKED static void panel(float *c, size_t c_row, limbeck_store store, const word *a, size_t a_row,
                                   size_t a_step, size_t a_tile, const word *b, size_t b_step, size_t rows,
                                   size_t columns, size_t depth, factors_ahead *soon) {
  const lane_mask all = lanes(LANES);
  const int accumulate = store == LIMBECK_ADD;
  for (size_t row = 0; row < rows; row += TILE_ROWS, a += a_tile, c += TILE_ROWS * c_row) {
    size_t height = smaller(TILE_ROWS, rows - row);
    if (READS_AHEAD) {
      read_ahead(&soon->left);
      read_ahead(&soon->right);
    }
    if (height < TILE_ROWS || columns < TILE_COLUMNS) {
      edge_tile(height, columns, c, c_row, accumulate, a, a_row, a_step, b, b_step, depth);
    } else if (a_step == 1 && store == LIMBECK_STREAM) {
      tile(TILE_ROWS, TILE_VECTORS, 0, 1, 1, all, c, c_row, 0, a, a_row, 1, b, RIGHT_STEP(b_step), depth);
    } else if (a_step == 1) {
      tile(TILE_ROWS, TILE_VECTORS, 0, 0, 1, all, c, c_row, accumulate, a, a_row, 1, b, RIGHT_STEP(b_step), depth);
    } else {
      tile(TILE_ROWS, TILE_VECTORS, 0, 0, 1, all, c, c_row, accumulate, a, 1, TILE_ROWS, b, RIGHT_STEP(b_step), depth);
    }
  }
}

#endif

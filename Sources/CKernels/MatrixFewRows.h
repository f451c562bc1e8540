// Products of few rows in float32, included once per CPU level, after its vectors, with
//   FEW_ROWS_F32  the name of the function
#if defined(__x86_64__) && defined(__linux__)

// Inner products of every row of w with a few rows of x. Each is kept in vectors, whose lanes are added up in one
// order, however many rows there are: a row has the same bits alone and beside others.

enum {
  // rows of x that are multiplied together
  BLOCK_ROWS = 6,
  // floats ahead that rows are asked for from memory, where one after another is read
  ROW_AHEAD = 1024,
};
_Static_assert(4 * LIMBECK_FEW_ROWS * PACKED_DEPTH <= LIMBECK_PRODUCT_SCRATCH, "packed rows exceed the scratch memory");

// The rows of x in blocks as equal as can be; block b has those from block_start(m, b) to block_start(m, b + 1).
static inline size_t block_count(size_t m) { return (m + BLOCK_ROWS - 1) / BLOCK_ROWS; }
static inline size_t block_start(size_t m, size_t block) { return block * m / block_count(m); }

// Floats of a packed row: whole vectors.
static inline size_t packed_row(size_t depth) { return (depth + LANES - 1) / LANES * LANES; }

// `count` rows → [depth/LANES, count, LANES], so that they are read one after another; what is missing at the end is
// zero.
TARGET static void interleave(float *packed, const float *x, size_t x_stride, size_t count, size_t depth) {
  for (size_t k = 0; k < depth; k += LANES) {
    lane_mask mask = lanes(depth - k);
    for (size_t i = 0; i < count; i++, packed += LANES) {
      store_floats(packed, load_some_floats(mask, x + i * x_stride + k));
    }
  }
}

// sums[i][place + r], each still of many lanes, = or += of `rows` neighbouring rows of w with `count` interleaved ones
// of x; constants both. Where it `fetches`, what lies `ahead` floats further on is asked for from memory: while it
// multiplies, a core does not read ahead far enough.
TARGET TILE_INLINE void partial_sums(floats (*sums)[LANES], size_t place, int adds, const float *w, size_t w_stride,
                                     int rows, const float *x, int count, size_t depth, int fetches, size_t ahead) {
  floats even[2][BLOCK_ROWS], odd[2][BLOCK_ROWS];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int i = 0; i < count; i++) even[r][i] = odd[r][i] = zero_floats();
  size_t k = 0;
  // fewer instructions for the same sums: a core that is shared with another thread's work decodes half as many
#pragma unroll(FEW_STEPS)
  for (; k + 2 * LANES <= depth; k += 2 * LANES, x += 2 * count * LANES) {
    floats first[2], second[2];
#pragma unroll
    for (int r = 0; r < rows; r++) {
      first[r] = load_floats(w + r * w_stride + k);
      second[r] = load_floats(w + r * w_stride + k + LANES);
      if (fetches) {
        __builtin_prefetch(w + r * w_stride + k + ahead);
        __builtin_prefetch(w + r * w_stride + k + LANES + ahead);
      }
    }
#pragma unroll
    for (int i = 0; i < count; i++) {
      floats left = load_floats(x + i * LANES), right = load_floats(x + (count + i) * LANES);
#pragma unroll
      for (int r = 0; r < rows; r++) {
        even[r][i] = multiply_add(even[r][i], first[r], left);
        odd[r][i] = multiply_add(odd[r][i], second[r], right);
      }
    }
  }
  for (; k < depth; k += LANES, x += count * LANES) {
    lane_mask mask = lanes(depth - k);
#pragma unroll
    for (int r = 0; r < rows; r++) {
      floats weights = load_some_floats(mask, w + r * w_stride + k);
#pragma unroll
      for (int i = 0; i < count; i++) {
        even[r][i] = multiply_add(even[r][i], weights, load_some_floats(mask, x + i * LANES));
      }
    }
  }
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int i = 0; i < count; i++) {
      floats sum = add_floats(even[r][i], odd[r][i]);
      sums[i][place + r] = adds ? add_floats(sums[i][place + r], sum) : sum;
    }
}

// Up to LANES rows of w with a single row of x: one after another, as memory is read fastest.
TARGET UNCHECKED TILE_INLINE void single_row(floats (*sums)[LANES], const float *w, size_t w_stride, size_t rows,
                                             const float *x, size_t depth) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t k = 0; k < depth; k += CACHED_DEPTH) {
      const float *row = w + r * w_stride + k;
      partial_sums(sums, r, k > 0, row, w_stride, 1, x + k, 1, smaller(CACHED_DEPTH, depth - k), 1, ROW_AHEAD);
    }
  }
}

// Up to LANES rows of w with a block of x of `count` rows, a constant: two rows of w at a time where there are
// registers for all sums, which saves loads of x. Of several blocks each asks for its share of the next rows of w.
TARGET UNCHECKED TILE_INLINE void row_block(floats (*sums)[LANES], const float *w, size_t w_stride, size_t rows,
                                            const float *x, int count, size_t depth, size_t block, size_t blocks) {
  if (count == 1) {
    switch (depth) {
      // heads of attention: x stays in registers
      case 32: return single_row(sums, w, w_stride, rows, x, 32);
      case 48: return single_row(sums, w, w_stride, rows, x, 48);
      case 64: return single_row(sums, w, w_stride, rows, x, 64);
      default: return single_row(sums, w, w_stride, rows, x, depth);
    }
  }
  const int together = 4 * count <= TILE_ROWS * TILE_VECTORS ? 2 : 1;
  for (size_t k = 0; k < depth; k += CACHED_DEPTH) {
    size_t now = smaller(CACHED_DEPTH, depth - k), r = 0;
    for (; r + together <= rows; r += together) {
      const float *group = w + r * w_stride + k;
      // constants: a branch in the innermost loop would keep its vectors from staying in registers
      if (r / together % blocks == block) {
        partial_sums(sums, r, k > 0, group, w_stride, together, x + k * count, count, now, 1, LANES * w_stride);
      } else {
        partial_sums(sums, r, k > 0, group, w_stride, together, x + k * count, count, now, 0, 0);
      }
    }
    if (r < rows) partial_sums(sums, r, k > 0, w + r * w_stride + k, w_stride, 1, x + k * count, count, now, 0, 0);
  }
}

TARGET UNCHECKED static void few_rows(float *out, size_t out_stride, int accumulate, const float *x, size_t m,
                                      const float *w, size_t w_stride, size_t n, size_t depth) {
  floats sums[BLOCK_ROWS][LANES];
  size_t blocks = block_count(m), x_row = packed_row(depth);
  for (size_t first = 0; first < n; first += LANES) {
    size_t rows = smaller(LANES, n - first);
    lane_mask mask = lanes(rows);
    const float *group = w + first * w_stride;
    for (size_t block = 0; block < blocks; block++) {
      size_t from = block_start(m, block), count = block_start(m, block + 1) - from;
      const float *left = x + from * x_row;
#define ROWS(COUNT)                                                                  \
  case COUNT:                                                                        \
    row_block(sums, group, w_stride, rows, left, COUNT, depth, block, blocks); \
    break;
      switch (count) { ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) }
#undef ROWS
      for (size_t i = 0; i < count; i++) {
        float *to = out + (from + i) * out_stride + first;
        // lanes of rows that are not there hold anything, and are not stored
        floats total = lane_sums(sums[i]);
        if (accumulate) total = add_floats(load_some_floats(mask, to), total);
        store_some_floats(to, mask, total);
      }
    }
  }
}

TARGET void FEW_ROWS_F32(float *out, size_t out_stride, int accumulate, const float *x, size_t x_stride, size_t m,
                         const float *w, size_t w_stride, size_t n, size_t depth, void *scratch) {
  for (size_t k = 0; k < depth; k += PACKED_DEPTH) {
    size_t now = smaller(PACKED_DEPTH, depth - k);
    const float *packed = x + k;
    if (m > 1) {
      size_t row = packed_row(now);
      for (size_t block = 0; block < block_count(m); block++) {
        size_t from = block_start(m, block), count = block_start(m, block + 1) - from;
        interleave((float *)scratch + from * row, x + from * x_stride + k, x_stride, count, now);
      }
      packed = scratch;
    }
    few_rows(out, out_stride, accumulate || k > 0, packed, m, w + k, w_stride, n, now);
  }
}

#endif

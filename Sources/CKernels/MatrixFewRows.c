#include "MatrixPacking.h"

#if defined(__x86_64__) && defined(__linux__)

// Inner products of every row of w with a few rows of x. Each is kept in vectors, whose lanes are added up in one order,
// however many rows there are: a row has the same bits alone and beside others.

enum {
  // rows of x that are multiplied together
  BLOCK_ROWS = 6,
  // of the shared dimension: packed rows of x fit the scratch memory, and part of a block stays in the first-level cache
  PACKED_DEPTH = 12288,
  CACHED_DEPTH = 768,
};
_Static_assert(4 * LIMBECK_FEW_ROWS * PACKED_DEPTH <= LIMBECK_PRODUCT_SCRATCH, "packed rows exceed the scratch memory");

// The rows of x in blocks as equal as can be; block b has those from block_start(m, b) to block_start(m, b + 1).
static inline size_t block_count(size_t m) { return (m + BLOCK_ROWS - 1) / BLOCK_ROWS; }
static inline size_t block_start(size_t m, size_t block) { return block * m / block_count(m); }

// Floats of a packed row: whole vectors.
static inline size_t packed_row(size_t depth) { return (depth + LANES - 1) / LANES * LANES; }

// `count` rows → [depth/16, count, 16], so that they are read one after another; what is missing at the end is zero.
AVX512 static void interleave(float *packed, const float *x, size_t x_stride, size_t count, size_t depth) {
  for (size_t k = 0; k < depth; k += LANES) {
    __mmask16 mask = lanes(depth - k);
    for (size_t i = 0; i < count; i++, packed += LANES) {
      _mm512_storeu_ps(packed, _mm512_maskz_loadu_ps(mask, x + i * x_stride + k));
    }
  }
}

// sums[i][place + r], each still of 16 lanes, = or += of `rows` neighbouring rows of w with `count` interleaved ones of x;
// constants both. Where it `fetches`, the rows 16 further on are asked for from memory: while it multiplies, a core does
// not read ahead far enough.
AVX512 TILE_INLINE void partial_sums(__m512 (*sums)[LANES], size_t place, int adds, const float *w, size_t w_stride,
                                     int rows, const float *x, int count, size_t depth, int fetches) {
  __m512 even[2][BLOCK_ROWS], odd[2][BLOCK_ROWS];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int i = 0; i < count; i++) even[r][i] = odd[r][i] = _mm512_setzero_ps();
  size_t k = 0;
  for (; k + 2 * LANES <= depth; k += 2 * LANES, x += 2 * count * LANES) {
    __m512 first[2], second[2];
#pragma unroll
    for (int r = 0; r < rows; r++) {
      first[r] = _mm512_loadu_ps(w + r * w_stride + k);
      second[r] = _mm512_loadu_ps(w + r * w_stride + k + LANES);
      if (fetches) {
        __builtin_prefetch(w + (LANES + r) * w_stride + k, 0, 2);
        __builtin_prefetch(w + (LANES + r) * w_stride + k + LANES, 0, 2);
      }
    }
#pragma unroll
    for (int i = 0; i < count; i++) {
      __m512 left = _mm512_loadu_ps(x + i * LANES), right = _mm512_loadu_ps(x + (count + i) * LANES);
#pragma unroll
      for (int r = 0; r < rows; r++) {
        even[r][i] = _mm512_fmadd_ps(first[r], left, even[r][i]);
        odd[r][i] = _mm512_fmadd_ps(second[r], right, odd[r][i]);
      }
    }
  }
  for (; k < depth; k += LANES, x += count * LANES) {
    __mmask16 mask = lanes(depth - k);
#pragma unroll
    for (int r = 0; r < rows; r++) {
      __m512 words = _mm512_maskz_loadu_ps(mask, w + r * w_stride + k);
#pragma unroll
      for (int i = 0; i < count; i++) {
        even[r][i] = _mm512_fmadd_ps(words, _mm512_maskz_loadu_ps(mask, x + i * LANES), even[r][i]);
      }
    }
  }
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int i = 0; i < count; i++) {
      __m512 sum = _mm512_add_ps(even[r][i], odd[r][i]);
      sums[i][place + r] = adds ? _mm512_add_ps(sums[i][place + r], sum) : sum;
    }
}

// Up to 16 rows of w with a block of x of `count` rows, a constant: two rows of w at a time, which saves loads of x,
// but a single row of x with one after another, as memory is read fastest. Of several blocks each asks for its share of
// the next rows of w.
AVX512 UNCHECKED TILE_INLINE void row_block(__m512 (*sums)[LANES], const float *w, size_t w_stride, size_t rows,
                                            const float *x, int count, size_t depth, size_t block, size_t blocks) {
  if (count == 1) {
    for (size_t r = 0; r < rows; r++) {
      for (size_t k = 0; k < depth; k += CACHED_DEPTH) {
        const float *row = w + r * w_stride + k;
        partial_sums(sums, r, k > 0, row, w_stride, 1, x + k, 1, smaller(CACHED_DEPTH, depth - k), 0);
      }
    }
    return;
  }
  for (size_t k = 0; k < depth; k += CACHED_DEPTH) {
    size_t now = smaller(CACHED_DEPTH, depth - k), r = 0;
    for (; r + 2 <= rows; r += 2) {
      int fetches = r / 2 % blocks == block;
      partial_sums(sums, r, k > 0, w + r * w_stride + k, w_stride, 2, x + k * count, count, now, fetches);
    }
    if (r < rows) partial_sums(sums, r, k > 0, w + r * w_stride + k, w_stride, 1, x + k * count, count, now, 0);
  }
}

// Lane r of the result is the sum of the lanes of v[r].
AVX512 TILE_INLINE __m512 lane_sums(const __m512 v[LANES]) {
  __m512 a[8], b[4], c[2];
#pragma unroll
  for (int i = 0; i < 8; i++)
    a[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[i], v[i + 8], 0x44), _mm512_shuffle_f32x4(v[i], v[i + 8], 0xee));
#pragma unroll
  for (int i = 0; i < 4; i++)
    b[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a[i], a[i + 4], 0x88), _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd));
#pragma unroll
  for (int i = 0; i < 2; i++)
    c[i] = _mm512_add_ps(_mm512_shuffle_ps(b[i], b[i + 2], 0x44), _mm512_shuffle_ps(b[i], b[i + 2], 0xee));
  __m512 sums = _mm512_add_ps(_mm512_shuffle_ps(c[0], c[1], 0x88), _mm512_shuffle_ps(c[0], c[1], 0xdd));
  const __m512i order = _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);
  return _mm512_permutexvar_ps(order, sums);
}

AVX512 UNCHECKED static void few_rows(float *out, size_t out_stride, int accumulate, const float *x, size_t m,
                                      const float *w, size_t w_stride, size_t n, size_t depth) {
  __m512 sums[BLOCK_ROWS][LANES];
  size_t blocks = block_count(m), x_row = packed_row(depth);
  for (size_t first = 0; first < n; first += LANES) {
    size_t rows = smaller(LANES, n - first);
    __mmask16 mask = lanes(rows);
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
        __m512 total = lane_sums(sums[i]);
        if (accumulate) total = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), total);
        _mm512_mask_storeu_ps(to, mask, total);
      }
    }
  }
}

AVX512 void limbeck_few_rows(float *out, size_t out_stride, int accumulate, const float *x, size_t x_stride, size_t m,
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

#else

void limbeck_few_rows(float *out, size_t out_stride, int accumulate, const float *x, size_t x_stride, size_t m,
                      const float *w, size_t w_stride, size_t n, size_t depth, void *scratch) {
  (void)out, (void)out_stride, (void)accumulate, (void)x, (void)x_stride, (void)m, (void)w, (void)w_stride, (void)n;
  (void)depth, (void)scratch;
  __builtin_trap();
}

#endif

// What the matrix products of all CPU levels share.
#pragma once
#include "CKernels.h"

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>
#include <string.h>

// The innermost loops read each element dozens of times, each time through a call under ThreadSanitizer. Operands that
// are packed are still checked there, and OpenBLAS' accesses never were.
#define UNCHECKED __attribute__((no_sanitize("thread")))
#define TILE_INLINE static inline __attribute__((always_inline))

enum {
  CACHE_LINE = 64,
  ALL_WORDS = LIMBECK_PRODUCT_SCRATCH / 4,
  // of the shared dimension of few rows: packed ones fit the scratch memory, and part of a block of them stays in the
  // first-level cache
  PACKED_DEPTH = 12288,
  CACHED_DEPTH = 768,
};

// 32 bits: a float, or a pair of bfloat16 that are neighbours in the shared dimension.
typedef uint32_t __attribute__((may_alias)) word;

// limbeck_product_f32 and limbeck_few_rows on one CPU level.
typedef void product_f32(float *c, size_t c_row, limbeck_store store, const float *a, size_t a_row, size_t a_step,
                         const float *b, size_t b_step, size_t b_column, size_t m, size_t n, size_t depth,
                         void *scratch);
typedef void few_rows_f32(float *out, size_t out_stride, int accumulate, const float *x, size_t x_stride, size_t m,
                          const float *w, size_t w_stride, size_t n, size_t depth, void *scratch);
product_f32 product_f32_avx2, product_f32_avx512;
few_rows_f32 few_rows_f32_avx2, few_rows_f32_avx512;

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// How the sums over `now` steps from k on are stored, of `depth`: each part but the first adds to c. Only what is
// complete is streamed, and only where all its lines are c's.
static inline limbeck_store store_of_step(limbeck_store store, const float *c, size_t c_row, size_t k, size_t now,
                                          size_t depth) {
  if (k > 0) return LIMBECK_ADD;
  int is_in_lines = ((uintptr_t)c | c_row * sizeof(float)) % CACHE_LINE == 0;
  return store == LIMBECK_STREAM && (now < depth || !is_in_lines) ? LIMBECK_OVERWRITE : store;
}

// Memory that will be read soon, `rows` of `width` bytes that lie `pitch` apart, of which `share` cache lines are asked
// for at a time: while it multiplies, a core reads ahead neither far enough nor from row to row.
typedef struct {
  const char *row;
  size_t pitch, width, rows, share, next;
} region;

// What products will read of both factors.
typedef struct {
  region left, right;
} factors_ahead;

// A region that is read in about `shares` shares.
static inline region region_ahead(const void *start, size_t pitch, size_t width, size_t rows, size_t shares) {
  size_t lines = rows * ((width + CACHE_LINE - 1) / CACHE_LINE);
  region result = {start, pitch, width, rows, lines / shares + 1, 0};
  return result;
}

TILE_INLINE void read_ahead(region *soon) {
  for (size_t line = 0; line < soon->share && soon->rows > 0; line++) {
    __builtin_prefetch(soon->row + soon->next);
    soon->next += CACHE_LINE;
    if (soon->next < soon->width) continue;
    soon->next = 0;
    soon->row += soon->pitch;
    soon->rows--;
  }
}

#endif

// Decoders of quantised blocks, and their products with one row, included once per CPU level, after its vectors, with
//   BLOCK_KERNELS  the name of the table of them
#include "BlockVectors.h"
#include "Blocks256.h"
#include "Blocks32.h"

#if defined(__x86_64__) && defined(__linux__)

// Bytes ahead that blocks are asked for from memory: while it unpacks, a core does not read ahead far enough.
enum { BLOCKS_AHEAD = 2048 };

// A block, of a type that is a constant.
TARGET TILE_INLINE void put_block(limbeck_block_type type, target *t, int multiplies, const void *block) {
  for (size_t line = 0; line < block_bytes(type); line += CACHE_LINE) {
    __builtin_prefetch((const char *)block + BLOCKS_AHEAD + line);
  }
  switch (type) {
    case LIMBECK_Q4_0: return put_q4_0(t, multiplies, block);
    case LIMBECK_Q4_1: return put_q4_1(t, multiplies, block);
    case LIMBECK_Q5_0: return put_q5_0(t, multiplies, block);
    case LIMBECK_Q5_1: return put_q5_1(t, multiplies, block);
    case LIMBECK_Q8_0: return put_q8_0(t, multiplies, block);
    case LIMBECK_IQ4_NL: return put_iq4_nl(t, multiplies, block);
    case LIMBECK_Q2_K: return put_q2_k(t, multiplies, block);
    case LIMBECK_Q3_K: return put_q3_k(t, multiplies, block);
    case LIMBECK_Q4_K: return put_q4_k(t, multiplies, block);
    case LIMBECK_Q5_K: return put_q5_k(t, multiplies, block);
    case LIMBECK_Q6_K: return put_q6_k(t, multiplies, block);
  }
}

TARGET TILE_INLINE void decode(limbeck_block_type type, float *to, const char *from, size_t count) {
  target t = {to, NULL, zero_floats(), zero_floats()};
  for (size_t i = 0; i < count; i++) put_block(type, &t, 0, from + i * block_bytes(type));
}

// The sums of one row of blocks with x, as partial_sums in MatrixFewRows.h has them of floats.
TARGET TILE_INLINE floats row_sums(limbeck_block_type type, const char *row, const float *x, size_t depth) {
  floats sums = zero_floats();
  for (size_t k = 0; k < depth; k += CACHED_DEPTH) {
    target t = {NULL, x + k, zero_floats(), zero_floats()};
    size_t end = smaller(depth, k + CACHED_DEPTH) / block_length(type);
    for (size_t b = k / block_length(type); b < end; b++) put_block(type, &t, 1, row + b * block_bytes(type));
    floats sum = add_floats(t.even, t.odd);
    sums = k > 0 ? add_floats(sums, sum) : sum;
  }
  return sums;
}

TARGET UNCHECKED TILE_INLINE void one_row(limbeck_block_type type, float *out, int accumulate, const float *x,
                                          const char *w, size_t n, size_t depth) {
  size_t pitch = depth / block_length(type) * block_bytes(type);
  for (size_t k = 0; k < depth; k += PACKED_DEPTH) {
    size_t now = smaller(PACKED_DEPTH, depth - k);
    const char *row = w + k / block_length(type) * block_bytes(type);
    for (size_t first = 0; first < n; first += LANES) {
      floats sums[LANES];
      size_t rows = smaller(LANES, n - first);
      for (size_t r = 0; r < rows; r++, row += pitch) sums[r] = row_sums(type, row, x + k, now);
      // lanes of rows that are not there hold anything, and are not stored
      floats total = lane_sums(sums);
      lane_mask mask = lanes(rows);
      if (accumulate || k > 0) total = add_floats(load_some_floats(mask, out + first), total);
      store_some_floats(out + first, mask, total);
    }
  }
}

#define KERNELS(TYPE)                                                                                       \
  TARGET static void decode_##TYPE(float *to, const void *from, size_t count) {                             \
    decode(LIMBECK_##TYPE, to, from, count);                                                                \
  }                                                                                                         \
  TARGET UNCHECKED static void one_row_##TYPE(float *out, int accumulate, const float *x, const void *w, size_t n, \
                                              size_t depth) {                                               \
    one_row(LIMBECK_##TYPE, out, accumulate, x, w, n, depth);                                               \
  }
EACH_BLOCK_TYPE(KERNELS)

#define ENTRY(TYPE) [LIMBECK_##TYPE] = {decode_##TYPE, one_row_##TYPE},
const block_kernels BLOCK_KERNELS[] = {EACH_BLOCK_TYPE(ENTRY)};

#endif

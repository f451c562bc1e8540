// Blocks of quantised weights in vectors, included once per CPU level, after its vectors. Weights are unpacked 32 at a
// time, in registers, and go from there to memory or straight into a product.
#include "../MatrixSupport.h"
#include "Blocks.h"

#if defined(__x86_64__) && defined(__linux__)

// Where weights go: to memory at `to`, or, where it `multiplies`, into two vectors of sums with what is at x, as
// partial_sums has them.
typedef struct {
  float *to;
  const float *x;
  floats even, odd;
} target;

// 16 bytes; with vectors of eight floats twice, so that those of either half need no moving from half to half.
typedef uint8_t bytes __attribute__((vector_size(LANES == 16 ? 16 : 32)));

// 16 signed bytes as multiples of UNIT.
typedef struct {
  floats part[16 / LANES];
} sixteen;

#if LANES == 16

#define UNIT 1.0f

TARGET TILE_INLINE bytes copies(__m128i x) { return (bytes)x; }
TARGET TILE_INLINE bytes look_up(bytes table, bytes places) {
  return (bytes)_mm_shuffle_epi8((__m128i)table, (__m128i)places);
}

TARGET TILE_INLINE sixteen floats_of_bytes(bytes x) {
  sixteen result = {{_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32((__m128i)x))}};
  return result;
}

#else

// A byte becomes the uppermost of a word of 32 bits, whose sign it then has.
#define UNIT 0x1p-24f

TARGET TILE_INLINE bytes copies(__m128i x) { return (bytes)_mm256_broadcastsi128_si256(x); }
TARGET TILE_INLINE bytes look_up(bytes table, bytes places) {
  return (bytes)_mm256_shuffle_epi8((__m256i)table, (__m256i)places);
}

TARGET TILE_INLINE sixteen floats_of_bytes(bytes x) {
  const __m256i first = _mm256_setr_epi8(-1, -1, -1, 0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1, 4, -1,
                                         -1, -1, 5, -1, -1, -1, 6, -1, -1, -1, 7);
  const __m256i second = _mm256_setr_epi8(-1, -1, -1, 8, -1, -1, -1, 9, -1, -1, -1, 10, -1, -1, -1, 11, -1, -1, -1, 12,
                                          -1, -1, -1, 13, -1, -1, -1, 14, -1, -1, -1, 15);
  sixteen result = {{_mm256_cvtepi32_ps(_mm256_shuffle_epi8((__m256i)x, first)),
                     _mm256_cvtepi32_ps(_mm256_shuffle_epi8((__m256i)x, second))}};
  return result;
}

#endif

TARGET TILE_INLINE bytes load_bytes(const void *p) { return copies(_mm_loadu_si128((const __m128i *)p)); }
// Of each byte the bits from `shift` on that are in `mask`.
TARGET TILE_INLINE bytes bits(bytes x, int shift, int mask) { return x >> (uint8_t)shift & (uint8_t)mask; }

TARGET TILE_INLINE float float_of(const half *p) {
  uint16_t value;
  memcpy(&value, p, sizeof value);
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(value)));
}

// 16 bytes, each times `scale`.
TARGET TILE_INLINE void store_sixteen(float *to, bytes x, float scale) {
  sixteen values = floats_of_bytes(x);
#pragma unroll
  for (int p = 0; p < 16 / LANES; p++) {
    store_floats(to + p * LANES, multiply_floats(values.part[p], broadcast_float(scale * UNIT)));
  }
}

// A scale, and what is taken off afterwards.
typedef struct {
  floats scale, minimum;
} affine;

TARGET TILE_INLINE affine scaled_by(float scale) {
  affine result = {broadcast_float(scale), zero_floats()};
  return result;
}

TARGET TILE_INLINE affine scaled_and_less(float scale, float minimum) {
  affine result = {broadcast_float(scale), broadcast_float(minimum)};
  return result;
}

// The next 32 weights.
TARGET TILE_INLINE void put_floats(target *t, int multiplies, const floats w[32 / LANES]) {
#pragma unroll
  for (int i = 0; i < 32 / LANES; i++) {
    if (!multiplies) {
      store_floats(t->to + i * LANES, w[i]);
    } else if (i % 2 == 0) {
      t->even = multiply_add(t->even, w[i], load_floats(t->x + i * LANES));
    } else {
      t->odd = multiply_add(t->odd, w[i], load_floats(t->x + i * LANES));
    }
  }
  if (multiplies) {
    t->x += 32;
  } else {
    t->to += 32;
  }
}

TARGET TILE_INLINE floats weights_of(floats q, affine a, int has_minimum) {
  return has_minimum ? multiply_subtract(q, a.scale, a.minimum) : multiply_floats(q, a.scale);
}

// 32 weights of the next two times 16 bytes; constants: whether they are multiplied, and whether they have minimums.
TARGET TILE_INLINE void put(target *t, int multiplies, int has_minimum, bytes first, affine of_first, bytes second,
                            affine of_second) {
  sixteen halves[2] = {floats_of_bytes(first), floats_of_bytes(second)};
  affine of[2] = {of_first, of_second};
  floats w[32 / LANES];
#pragma unroll
  for (int i = 0; i < 32 / LANES; i++) {
    w[i] = weights_of(halves[i * LANES / 16].part[i % (16 / LANES)], of[i * LANES / 16], has_minimum);
  }
  put_floats(t, multiplies, w);
}

// The 16 values that four bits stand for.
typedef struct {
#if LANES == 16
  floats weights;
#else
  bytes values;
  affine of;
#endif
} four_bits;

#if LANES == 16

// One vector has the weights of all 16: each block's are computed once, and looked up.
TARGET TILE_INLINE four_bits four_bits_of(bytes values, affine a, int has_minimum) {
  four_bits result = {weights_of(floats_of_bytes(values).part[0], a, has_minimum)};
  return result;
}

TARGET TILE_INLINE floats look_up_weights(four_bits table, bytes q, int shift) {
  // of each place the lowest four bits count
  __m512i places = _mm512_srli_epi32(_mm512_cvtepu8_epi32((__m128i)q), (unsigned)shift);
  return (floats)_mm512_permutexvar_ps(places, (__m512)table.weights);
}

// 32 weights: those of 16 bytes' four bits from a shift on, 0 or 4, and of another 16; constants as in `put`.
TARGET TILE_INLINE void put_four_bits(target *t, int multiplies, int has_minimum, bytes first, int first_shift,
                                      four_bits of_first, bytes second, int second_shift, four_bits of_second) {
  (void)has_minimum;
  floats w[2] = {look_up_weights(of_first, first, first_shift), look_up_weights(of_second, second, second_shift)};
  put_floats(t, multiplies, w);
}

#else

TARGET TILE_INLINE four_bits four_bits_of(bytes values, affine a, int has_minimum) {
  (void)has_minimum;
  four_bits result = {values, a};
  return result;
}

TARGET TILE_INLINE bytes look_up_values(four_bits table, bytes q, int shift, int has_minimum) {
  // with a minimum the values are the bits themselves
  return has_minimum ? bits(q, shift, 15) : look_up(table.values, bits(q, shift, 15));
}

TARGET TILE_INLINE void put_four_bits(target *t, int multiplies, int has_minimum, bytes first, int first_shift,
                                      four_bits of_first, bytes second, int second_shift, four_bits of_second) {
  put(t, multiplies, has_minimum, look_up_values(of_first, first, first_shift, has_minimum), of_first.of,
      look_up_values(of_second, second, second_shift, has_minimum), of_second.of);
}

#endif

// The values of four bits of blocks with minimums.
TARGET TILE_INLINE bytes unsigned_values(void) {
  return copies(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

#endif

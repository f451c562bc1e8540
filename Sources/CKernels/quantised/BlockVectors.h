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

// 32 weights of the next two times 16 bytes; constants: whether they are multiplied, and whether they have minimums.
TARGET TILE_INLINE void put(target *t, int multiplies, int has_minimum, bytes first, affine of_first, bytes second,
                            affine of_second) {
  sixteen halves[2] = {floats_of_bytes(first), floats_of_bytes(second)};
  affine of[2] = {of_first, of_second};
#pragma unroll
  for (int i = 0; i < 32 / LANES; i++) {
    floats q = halves[i * LANES / 16].part[i % (16 / LANES)];
    affine a = of[i * LANES / 16];
    floats w = has_minimum ? multiply_subtract(q, a.scale, a.minimum) : multiply_floats(q, a.scale);
    if (!multiplies) {
      store_floats(t->to + i * LANES, w);
    } else if (i % 2 == 0) {
      t->even = multiply_add(t->even, w, load_floats(t->x + i * LANES));
    } else {
      t->odd = multiply_add(t->odd, w, load_floats(t->x + i * LANES));
    }
  }
  if (multiplies) {
    t->x += 32;
  } else {
    t->to += 32;
  }
}

// ---- 32 weights

TARGET TILE_INLINE void put_q4_0(target *t, int multiplies, const q4_0 *b) {
  bytes q = load_bytes(b->q);
  affine a = scaled_by(float_of(&b->d) * UNIT);
  put(t, multiplies, 0, bits(q, 0, 15) - 8, a, bits(q, 4, 15) - 8, a);
}

TARGET TILE_INLINE void put_q4_1(target *t, int multiplies, const q4_1 *b) {
  bytes q = load_bytes(b->q);
  affine a = scaled_and_less(float_of(&b->d) * UNIT, -float_of(&b->m));
  put(t, multiplies, 1, bits(q, 0, 15), a, bits(q, 4, 15), a);
}

// 16 bytes that are all ones where the bit from 16·part on is.
TARGET TILE_INLINE bytes bytes_of_bits(const uint8_t high[4], int part) {
  int all;
  memcpy(&all, high, sizeof all);
  bytes copy = copies(_mm_set1_epi32(all));
  // clang would replace a look-up in copies of a word by several shuffles
  __asm__("" : "+x"(copy));
  char first = (char)(2 * part), second = (char)(2 * part + 1);
  bytes place = copies(_mm_setr_epi8(first, first, first, first, first, first, first, first, second, second, second,
                                     second, second, second, second, second));
  bytes bit = copies(_mm_set1_epi64x((long long)0x8040201008040201));
  return (bytes)((look_up(copy, place) & bit) == bit);
}

TARGET TILE_INLINE void put_q5_0(target *t, int multiplies, const q5_0 *b) {
  bytes q = load_bytes(b->q);
  affine a = scaled_by(float_of(&b->d) * UNIT);
  put(t, multiplies, 0, bits(q, 0, 15) | (~bytes_of_bits(b->high, 0) & 0xf0), a,
      bits(q, 4, 15) | (~bytes_of_bits(b->high, 1) & 0xf0), a);
}

TARGET TILE_INLINE void put_q5_1(target *t, int multiplies, const q5_1 *b) {
  bytes q = load_bytes(b->q);
  affine a = scaled_and_less(float_of(&b->d) * UNIT, -float_of(&b->m));
  put(t, multiplies, 1, bits(q, 0, 15) | (bytes_of_bits(b->high, 0) & 16), a,
      bits(q, 4, 15) | (bytes_of_bits(b->high, 1) & 16), a);
}

TARGET TILE_INLINE void put_q8_0(target *t, int multiplies, const q8_0 *b) {
  affine a = scaled_by(float_of(&b->d) * UNIT);
  put(t, multiplies, 0, load_bytes(b->q), a, load_bytes(b->q + 16), a);
}

TARGET TILE_INLINE void put_iq4_nl(target *t, int multiplies, const iq4_nl *b) {
  const bytes values =
      copies(_mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113));
  bytes q = load_bytes(b->q);
  affine a = scaled_by(float_of(&b->d) * UNIT);
  put(t, multiplies, 0, look_up(values, bits(q, 0, 15)), a, look_up(values, bits(q, 4, 15)), a);
}

// ---- 256 weights, in loops that clang would unroll whole, with too few registers for what it then has at hand

#define ROLLED _Pragma("clang loop unroll(disable)")

TARGET TILE_INLINE void put_q2_k(target *t, int multiplies, const q2_k *b) {
  float scales[16], minimums[16];
  bytes both = load_bytes(b->scales);
  store_sixteen(scales, bits(both, 0, 15), float_of(&b->d) * UNIT);
  store_sixteen(minimums, bits(both, 4, 15), float_of(&b->m));
  ROLLED for (int half = 0; half < 2; half++) {
    bytes first = load_bytes(b->q + 32 * half), second = load_bytes(b->q + 32 * half + 16);
    const float *scale = scales + 8 * half, *minimum = minimums + 8 * half;
#pragma unroll
    for (int i = 0; i < 8; i += 2) {
      put(t, multiplies, 1, bits(first, i, 3), scaled_and_less(scale[i], minimum[i]), bits(second, i, 3),
          scaled_and_less(scale[i + 1], minimum[i + 1]));
    }
  }
}

// Where the third bit, the lowest of `high`, is not set, a weight is 4 less.
TARGET TILE_INLINE bytes third_bit(bytes q, bytes high) { return q + ((high & 1) << 2) - 4; }

TARGET TILE_INLINE void put_q3_k(target *t, int multiplies, const q3_k *b) {
  float scales[16];
  uint64_t low;
  uint32_t high;
  memcpy(&low, b->scales, sizeof low);
  memcpy(&high, b->scales + 8, sizeof high);
  bytes lower = copies(_mm_set_epi64x((long long)(low >> 4), (long long)low));
  bytes upper = copies(_mm_setr_epi32((int)high, (int)(high >> 2), (int)(high >> 4), (int)(high >> 6)));
  store_sixteen(scales, ((lower & 15) | (upper & 3) << 4) - 32, float_of(&b->d) * UNIT);
  bytes first_high = load_bytes(b->high), second_high = load_bytes(b->high + 16);
  ROLLED for (int half = 0; half < 2; half++) {
    bytes first = load_bytes(b->q + 32 * half), second = load_bytes(b->q + 32 * half + 16);
    const float *scale = scales + 8 * half;
#pragma unroll
    for (int i = 0; i < 8; i += 2) {
      put(t, multiplies, 0, third_bit(bits(first, i, 3), first_high), scaled_by(scale[i]),
          third_bit(bits(second, i, 3), second_high), scaled_by(scale[i + 1]));
      first_high >>= 1;
      second_high >>= 1;
    }
  }
}

// The eight scales, and the eight minimums, of 6 bits each, times what they are multiples of.
TARGET TILE_INLINE void six_bit_scales(float scales[8], float minimums[8], const uint8_t packed[12], const half *d,
                                       const half *m) {
  uint32_t word[3];
  memcpy(word, packed, sizeof word);
  const uint32_t lower = 0x0f0f0f0f, six = 0x3f3f3f3f, upper = 0x30303030;
  __m128i both = _mm_setr_epi32((int)(word[0] & six), (int)((word[2] & lower) | (word[0] >> 2 & upper)),
                                 (int)(word[1] & six), (int)((word[2] >> 4 & lower) | (word[1] >> 2 & upper)));
  __m256 first = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(both));
  __m256 second = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(both, both)));
  _mm256_storeu_ps(scales, _mm256_mul_ps(first, _mm256_set1_ps(float_of(d) * UNIT)));
  _mm256_storeu_ps(minimums, _mm256_mul_ps(second, _mm256_set1_ps(float_of(m))));
}

TARGET TILE_INLINE void put_q4_k(target *t, int multiplies, const q4_k *b) {
  float scales[8], minimums[8];
  six_bit_scales(scales, minimums, b->scales, &b->d, &b->m);
  ROLLED for (int part = 0; part < 8; part += 2) {
    bytes first = load_bytes(b->q + 16 * part), second = load_bytes(b->q + 16 * part + 16);
    affine low = scaled_and_less(scales[part], minimums[part]);
    affine high = scaled_and_less(scales[part + 1], minimums[part + 1]);
    put(t, multiplies, 1, bits(first, 0, 15), low, bits(second, 0, 15), low);
    put(t, multiplies, 1, bits(first, 4, 15), high, bits(second, 4, 15), high);
  }
}

TARGET TILE_INLINE void put_q5_k(target *t, int multiplies, const q5_k *b) {
  float scales[8], minimums[8];
  six_bit_scales(scales, minimums, b->scales, &b->d, &b->m);
  // the fifth bits of two parts are the lowest
  bytes first_high = load_bytes(b->high), second_high = load_bytes(b->high + 16);
  ROLLED for (int part = 0; part < 8; part += 2) {
    bytes first = load_bytes(b->q + 16 * part), second = load_bytes(b->q + 16 * part + 16);
    affine low = scaled_and_less(scales[part], minimums[part]);
    affine high = scaled_and_less(scales[part + 1], minimums[part + 1]);
    put(t, multiplies, 1, bits(first, 0, 15) | (first_high << 4 & 16), low,
        bits(second, 0, 15) | (second_high << 4 & 16), low);
    put(t, multiplies, 1, bits(first, 4, 15) | (first_high << 3 & 16), high,
        bits(second, 4, 15) | (second_high << 3 & 16), high);
    first_high >>= 2;
    second_high >>= 2;
  }
}

TARGET TILE_INLINE void put_q6_k(target *t, int multiplies, const q6_k *b) {
  float scales[16];
  store_sixteen(scales, load_bytes(b->scales), float_of(&b->d) * UNIT);
  ROLLED for (int half = 0; half < 2; half++) {
    const uint8_t *low = b->low + 64 * half;
    bytes first_high = load_bytes(b->high + 32 * half), second_high = load_bytes(b->high + 32 * half + 16);
    const float *scale = scales + 8 * half;
#pragma unroll
    for (int i = 0; i < 8; i += 2) {
      bytes first = bits(load_bytes(low + i % 4 * 16), i / 4 * 4, 15);
      bytes second = bits(load_bytes(low + i % 4 * 16 + 16), i / 4 * 4, 15);
      put(t, multiplies, 0, (first | (first_high & 3) << 4) - 32, scaled_by(scale[i]),
          (second | (second_high & 3) << 4) - 32, scaled_by(scale[i + 1]));
      first_high >>= 2;
      second_high >>= 2;
    }
  }
}

#endif

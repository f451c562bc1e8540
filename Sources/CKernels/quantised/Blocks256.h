// Blocks of 256 quantised weights, each put as BlockVectors.h does it; included after that, once per CPU level.
#if defined(__x86_64__) && defined(__linux__)

// Loops that clang would unroll whole, with too few registers for what it then has at hand.
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
  const bytes values = unsigned_values();
  float scales[8], minimums[8];
  six_bit_scales(scales, minimums, b->scales, &b->d, &b->m);
  ROLLED for (int part = 0; part < 8; part += 2) {
    bytes first = load_bytes(b->q + 16 * part), second = load_bytes(b->q + 16 * part + 16);
    four_bits low = four_bits_of(values, scaled_and_less(scales[part], minimums[part]), 1);
    four_bits high = four_bits_of(values, scaled_and_less(scales[part + 1], minimums[part + 1]), 1);
    put_four_bits(t, multiplies, 1, first, 0, low, second, 0, low);
    put_four_bits(t, multiplies, 1, first, 4, high, second, 4, high);
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

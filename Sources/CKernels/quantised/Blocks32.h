// Blocks of 32 quantised weights, each put as BlockVectors.h does it; included after that, once per CPU level.
#if defined(__x86_64__) && defined(__linux__)

TARGET TILE_INLINE void put_q4_0(target *t, int multiplies, const q4_0 *b) {
  const bytes values = copies(_mm_setr_epi8(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7));
  bytes q = load_bytes(b->q);
  four_bits weights = four_bits_of(values, scaled_by(float_of(&b->d) * UNIT), 0);
  put_four_bits(t, multiplies, 0, q, 0, weights, q, 4, weights);
}

TARGET TILE_INLINE void put_q4_1(target *t, int multiplies, const q4_1 *b) {
  bytes q = load_bytes(b->q);
  four_bits weights = four_bits_of(unsigned_values(), scaled_and_less(float_of(&b->d) * UNIT, -float_of(&b->m)), 1);
  put_four_bits(t, multiplies, 1, q, 0, weights, q, 4, weights);
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
  four_bits weights = four_bits_of(values, scaled_by(float_of(&b->d) * UNIT), 0);
  put_four_bits(t, multiplies, 0, q, 0, weights, q, 4, weights);
}

#endif

#include "../KernelSupport.h"

// Blocks of quantised weights as ggml keeps them, one function a type: the layout in its parameter, the formula in its
// body. Scales are halves, of 11 digits; times integers of so few bits they are exact in float32, so that a weight is
// rounded once, where a minimum is taken off, or not at all, in whatever order a compiler multiplies.

typedef _Float16 __attribute__((aligned(1))) half;

enum { SMALL = 32, LARGE = 256 };

// What is not of `count` bytes would not fit the file's blocks.
#define BLOCK(NAME, COUNT, ...)           \
  typedef struct __attribute__((packed)) { \
    __VA_ARGS__                           \
  } NAME;                                 \
  _Static_assert(sizeof(NAME) == COUNT, #NAME)

BLOCK(q4_0, 18, half d; uint8_t q[16];);
BLOCK(q4_1, 20, half d, m; uint8_t q[16];);
BLOCK(q5_0, 22, half d; uint8_t high[4], q[16];);
BLOCK(q5_1, 24, half d, m; uint8_t high[4], q[16];);
BLOCK(q8_0, 34, half d; int8_t q[32];);
BLOCK(iq4_nl, 18, half d; uint8_t q[16];);
BLOCK(q2_k, 84, uint8_t scales[16], q[64]; half d, m;);
BLOCK(q3_k, 110, uint8_t high[32], q[64], scales[12]; half d;);
BLOCK(q4_k, 144, half d, m; uint8_t scales[12], q[128];);
BLOCK(q5_k, 176, half d, m; uint8_t scales[12], high[32], q[128];);
BLOCK(q6_k, 210, uint8_t low[128], high[64]; int8_t scales[16]; half d;);

// ---- 32 weights: those of the lower halves of bytes first, then those of the upper ones

INLINE void decode_q4_0(float *to, const q4_0 *b) {
  float d = (float)b->d;
  for (int i = 0; i < 16; i++) to[i] = d * (float)((b->q[i] & 15) - 8);
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)((b->q[i] >> 4) - 8);
}

INLINE void decode_q4_1(float *to, const q4_1 *b) {
  float d = (float)b->d, m = (float)b->m;
  for (int i = 0; i < 16; i++) to[i] = d * (float)(b->q[i] & 15) + m;
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)(b->q[i] >> 4) + m;
}

// The fifth bit of weight i is bit i of `high`.
INLINE int fifth_bit(const uint8_t high[4], int i) { return (high[i / 8] >> i % 8 & 1) << 4; }

INLINE void decode_q5_0(float *to, const q5_0 *b) {
  float d = (float)b->d;
  for (int i = 0; i < 16; i++) to[i] = d * (float)(((b->q[i] & 15) | fifth_bit(b->high, i)) - 16);
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)((b->q[i] >> 4 | fifth_bit(b->high, 16 + i)) - 16);
}

INLINE void decode_q5_1(float *to, const q5_1 *b) {
  float d = (float)b->d, m = (float)b->m;
  for (int i = 0; i < 16; i++) to[i] = d * (float)((b->q[i] & 15) | fifth_bit(b->high, i)) + m;
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)(b->q[i] >> 4 | fifth_bit(b->high, 16 + i)) + m;
}

INLINE void decode_q8_0(float *to, const q8_0 *b) {
  float d = (float)b->d;
  for (int i = 0; i < 32; i++) to[i] = d * (float)b->q[i];
}

// Four bits choose one of 16 values, which lie closer together around zero.
INLINE void decode_iq4_nl(float *to, const iq4_nl *b) {
  static const int8_t values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  float d = (float)b->d;
  for (int i = 0; i < 16; i++) to[i] = d * (float)values[b->q[i] & 15];
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)values[b->q[i] >> 4];
}

// ---- 256 weights in parts of 16 or 32, each with a scale of its own, and some with a minimum

// Bits 2·s and 2·s + 1 of 32 bytes are 32 weights, of which 16 have a scale and a minimum.
INLINE void decode_q2_k(float *to, const q2_k *b) {
  float d = (float)b->d, m = (float)b->m;
  for (int part = 0; part < 16; part++, to += 16) {
    const uint8_t *q = b->q + part / 8 * 32 + part % 2 * 16;
    int shift = part % 8 / 2 * 2;
    float scale = d * (float)(b->scales[part] & 15), minimum = m * (float)(b->scales[part] >> 4);
    for (int i = 0; i < 16; i++) to[i] = scale * (float)(q[i] >> shift & 3) - minimum;
  }
}

// The same two bits, and a third in `high`, without which 4 is taken off. A scale's lower four bits are in the first
// eight bytes, its upper two in the last four.
INLINE void decode_q3_k(float *to, const q3_k *b) {
  float d = (float)b->d;
  for (int part = 0; part < 16; part++, to += 16) {
    const uint8_t *q = b->q + part / 8 * 32 + part % 2 * 16, *high = b->high + part % 2 * 16;
    int shift = part % 8 / 2 * 2, bit = part / 2;
    int low = b->scales[part % 8] >> part / 8 * 4 & 15, top = b->scales[8 + part % 4] >> part / 4 * 2 & 3;
    float scale = d * (float)((low | top << 4) - 32);
    for (int i = 0; i < 16; i++) to[i] = scale * (float)((q[i] >> shift & 3) + (high[i] >> bit & 1) * 4 - 4);
  }
}

// Scale and minimum of one of eight parts, of 6 bits each: the first four have bytes of their own, whose upper bits are
// the upper two of the last four.
INLINE int six_bit_scale(const uint8_t s[12], int part) {
  return part < 4 ? s[part] & 63 : (s[part + 4] & 15) | s[part - 4] >> 6 << 4;
}
INLINE int six_bit_minimum(const uint8_t s[12], int part) {
  return part < 4 ? s[part + 4] & 63 : s[part + 4] >> 4 | s[part] >> 6 << 4;
}

INLINE void decode_q4_k(float *to, const q4_k *b) {
  float d = (float)b->d, m = (float)b->m;
  for (int part = 0; part < 8; part++, to += 32) {
    const uint8_t *q = b->q + part / 2 * 32;
    int shift = part % 2 * 4;
    float scale = d * (float)six_bit_scale(b->scales, part), minimum = m * (float)six_bit_minimum(b->scales, part);
    for (int i = 0; i < 32; i++) to[i] = scale * (float)(q[i] >> shift & 15) - minimum;
  }
}

INLINE void decode_q5_k(float *to, const q5_k *b) {
  float d = (float)b->d, m = (float)b->m;
  for (int part = 0; part < 8; part++, to += 32) {
    const uint8_t *q = b->q + part / 2 * 32;
    int shift = part % 2 * 4;
    float scale = d * (float)six_bit_scale(b->scales, part), minimum = m * (float)six_bit_minimum(b->scales, part);
    for (int i = 0; i < 32; i++) {
      to[i] = scale * (float)((q[i] >> shift & 15) | (b->high[i] >> part & 1) << 4) - minimum;
    }
  }
}

// Of each 128 weights the first 64 have the lower halves of 64 bytes; each byte of `high` has two bits of four weights
// that lie 32 apart.
INLINE void decode_q6_k(float *to, const q6_k *b) {
  float d = (float)b->d;
  for (int part = 0; part < 16; part++, to += 16) {
    const uint8_t *low = b->low + part / 8 * 64 + part % 4 * 16, *high = b->high + part / 8 * 32 + part % 2 * 16;
    int shift = part % 8 / 4 * 4, top = part % 8 / 2 * 2;
    float scale = d * (float)b->scales[part];
    for (int i = 0; i < 16; i++) to[i] = scale * (float)(((low[i] >> shift & 15) | (high[i] >> top & 3) << 4) - 32);
  }
}

#define DECODE(TYPE, LENGTH)                                                       \
  KERNEL static void decode_blocks_##TYPE(float *to, const TYPE *from, size_t count) { \
    for (size_t i = 0; i < count; i++) decode_##TYPE(to + i * LENGTH, from + i);   \
  }
DECODE(q4_0, SMALL)
DECODE(q4_1, SMALL)
DECODE(q5_0, SMALL)
DECODE(q5_1, SMALL)
DECODE(q8_0, SMALL)
DECODE(iq4_nl, SMALL)
DECODE(q2_k, LARGE)
DECODE(q3_k, LARGE)
DECODE(q4_k, LARGE)
DECODE(q5_k, LARGE)
DECODE(q6_k, LARGE)

void limbeck_decode_blocks(limbeck_block_type type, float *to, const void *from, size_t count) {
  switch (type) {
    case LIMBECK_Q4_0: return decode_blocks_q4_0(to, from, count);
    case LIMBECK_Q4_1: return decode_blocks_q4_1(to, from, count);
    case LIMBECK_Q5_0: return decode_blocks_q5_0(to, from, count);
    case LIMBECK_Q5_1: return decode_blocks_q5_1(to, from, count);
    case LIMBECK_Q8_0: return decode_blocks_q8_0(to, from, count);
    case LIMBECK_IQ4_NL: return decode_blocks_iq4_nl(to, from, count);
    case LIMBECK_Q2_K: return decode_blocks_q2_k(to, from, count);
    case LIMBECK_Q3_K: return decode_blocks_q3_k(to, from, count);
    case LIMBECK_Q4_K: return decode_blocks_q4_k(to, from, count);
    case LIMBECK_Q5_K: return decode_blocks_q5_k(to, from, count);
    case LIMBECK_Q6_K: return decode_blocks_q6_k(to, from, count);
  }
}

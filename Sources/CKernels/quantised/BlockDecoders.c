#include "../KernelSupport.h"
#include "Blocks.h"

// Blocks of quantised weights as ggml keeps them, one function a type: the layout in its parameter, the formula in its
// body. Scales are halves, of 11 digits; times integers of so few bits they are exact in float32, so that a weight is
// rounded once, where a minimum is taken off, or not at all, in whatever order a compiler multiplies.

// ---- 32 weights: those of the lower halves of bytes first, then those of the upper ones

static void decode_q4_0(float *to, const q4_0 *b) {
  float d = (float)b->d;
  for (int i = 0; i < 16; i++) to[i] = d * (float)((b->q[i] & 15) - 8);
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)((b->q[i] >> 4) - 8);
}

static void decode_q4_1(float *to, const q4_1 *b) {
  float d = (float)b->d, m = (float)b->m;
  for (int i = 0; i < 16; i++) to[i] = d * (float)(b->q[i] & 15) + m;
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)(b->q[i] >> 4) + m;
}

// The fifth bit of weight i is bit i of `high`.
INLINE int fifth_bit(const uint8_t high[4], int i) { return (high[i / 8] >> i % 8 & 1) << 4; }

static void decode_q5_0(float *to, const q5_0 *b) {
  float d = (float)b->d;
  for (int i = 0; i < 16; i++) to[i] = d * (float)(((b->q[i] & 15) | fifth_bit(b->high, i)) - 16);
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)((b->q[i] >> 4 | fifth_bit(b->high, 16 + i)) - 16);
}

static void decode_q5_1(float *to, const q5_1 *b) {
  float d = (float)b->d, m = (float)b->m;
  for (int i = 0; i < 16; i++) to[i] = d * (float)((b->q[i] & 15) | fifth_bit(b->high, i)) + m;
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)(b->q[i] >> 4 | fifth_bit(b->high, 16 + i)) + m;
}

static void decode_q8_0(float *to, const q8_0 *b) {
  float d = (float)b->d;
  for (int i = 0; i < 32; i++) to[i] = d * (float)b->q[i];
}

// Four bits choose one of 16 values, which lie closer together around zero.
static void decode_iq4_nl(float *to, const iq4_nl *b) {
  static const int8_t values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  float d = (float)b->d;
  for (int i = 0; i < 16; i++) to[i] = d * (float)values[b->q[i] & 15];
  for (int i = 0; i < 16; i++) to[16 + i] = d * (float)values[b->q[i] >> 4];
}

// ---- 256 weights in parts of 16 or 32, each with a scale of its own, and some with a minimum

// Bits 2·s and 2·s + 1 of 32 bytes are 32 weights, of which 16 have a scale and a minimum.
static void decode_q2_k(float *to, const q2_k *b) {
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
static void decode_q3_k(float *to, const q3_k *b) {
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

static void decode_q4_k(float *to, const q4_k *b) {
  float d = (float)b->d, m = (float)b->m;
  for (int part = 0; part < 8; part++, to += 32) {
    const uint8_t *q = b->q + part / 2 * 32;
    int shift = part % 2 * 4;
    float scale = d * (float)six_bit_scale(b->scales, part), minimum = m * (float)six_bit_minimum(b->scales, part);
    for (int i = 0; i < 32; i++) to[i] = scale * (float)(q[i] >> shift & 15) - minimum;
  }
}

static void decode_q5_k(float *to, const q5_k *b) {
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
static void decode_q6_k(float *to, const q6_k *b) {
  float d = (float)b->d;
  for (int part = 0; part < 16; part++, to += 16) {
    const uint8_t *low = b->low + part / 8 * 64 + part % 4 * 16, *high = b->high + part / 8 * 32 + part % 2 * 16;
    int shift = part % 8 / 4 * 4, top = part % 8 / 2 * 2;
    float scale = d * (float)b->scales[part];
    for (int i = 0; i < 16; i++) to[i] = scale * (float)(((low[i] >> shift & 15) | (high[i] >> top & 3) << 4) - 32);
  }
}

// ---- By type, on any CPU and in its vectors

static void decode_block(limbeck_block_type type, float *to, const void *block) {
  switch (type) {
    case LIMBECK_Q4_0: return decode_q4_0(to, block);
    case LIMBECK_Q4_1: return decode_q4_1(to, block);
    case LIMBECK_Q5_0: return decode_q5_0(to, block);
    case LIMBECK_Q5_1: return decode_q5_1(to, block);
    case LIMBECK_Q8_0: return decode_q8_0(to, block);
    case LIMBECK_IQ4_NL: return decode_iq4_nl(to, block);
    case LIMBECK_Q2_K: return decode_q2_k(to, block);
    case LIMBECK_Q3_K: return decode_q3_k(to, block);
    case LIMBECK_Q4_K: return decode_q4_k(to, block);
    case LIMBECK_Q5_K: return decode_q5_k(to, block);
    case LIMBECK_Q6_K: return decode_q6_k(to, block);
  }
}

#if defined(__x86_64__) && defined(__linux__)

static const block_kernels *kernels_of(limbeck_vectors vectors, limbeck_block_type type) {
  return (vectors == LIMBECK_AVX512 ? block_kernels_avx512 : block_kernels_avx2) + type;
}

#else

static const block_kernels *kernels_of(limbeck_vectors vectors, limbeck_block_type type) {
  (void)vectors, (void)type;
  __builtin_trap();
}

#endif

void limbeck_decode_blocks(limbeck_vectors vectors, limbeck_block_type type, float *to, const void *from,
                           size_t count) {
  if (vectors != LIMBECK_NO_VECTORS) return kernels_of(vectors, type)->decode(to, from, count);
  for (size_t i = 0; i < count; i++) {
    decode_block(type, to + i * block_length(type), (const char *)from + i * block_bytes(type));
  }
}

void limbeck_one_row_of_blocks(limbeck_vectors vectors, limbeck_block_type type, float *out, int accumulate,
                               const float *x, const void *w, size_t n, size_t depth) {
  kernels_of(vectors, type)->one_row(out, accumulate, x, w, n, depth);
}

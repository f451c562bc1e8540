#include "BlockEncoders.h"

// Blocks of 32 weights, operation by operation as `quantize_row_q4_0_ref` and `quantize_row_q8_0_ref` in ggml-quants.c
// have them: their bits are ggml's.

KERNEL void encode_q4_0(void *to, const float *x, size_t count) {
  q4_0 *b = to;
  for (size_t block = 0; block < count; block++, b++, x += 32) {
    // of equally large ones the first
    float largest = 0, most = 0;
    for (int i = 0; i < 32; i++) {
      if (fabsf(x[i]) > largest) largest = fabsf(x[i]), most = x[i];
    }
    float d = most / -8, inverse = inverse_of(d);
    b->d = (half)d;
    for (int i = 0; i < 16; i++) {
      float low = x[i] * inverse, high = x[16 + i] * inverse;
      int first = (int)(low + 8.5f), second = (int)(high + 8.5f);
      b->q[i] = (uint8_t)((first < 15 ? first : 15) | (second < 15 ? second : 15) << 4);
    }
  }
}

KERNEL void encode_q8_0(void *to, const float *x, size_t count) {
  q8_0 *b = to;
  for (size_t block = 0; block < count; block++, b++, x += 32) {
    float largest = 0;
    for (int i = 0; i < 32; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    float d = largest / 127, inverse = inverse_of(d);
    b->d = (half)d;
    // half away from zero
    for (int i = 0; i < 32; i++) b->q[i] = (int8_t)(int)roundf(x[i] * inverse);
  }
}

void limbeck_encode_blocks(limbeck_block_type type, void *to, const float *from, size_t count) {
  switch (type) {
    case LIMBECK_Q4_0: return encode_q4_0(to, from, count);
    case LIMBECK_Q8_0: return encode_q8_0(to, from, count);
    case LIMBECK_Q4_K: return encode_q4_k(to, from, count);
    case LIMBECK_Q6_K: return encode_q6_k(to, from, count);
    default: __builtin_trap();
  }
}

#include "KernelSupport.h"

// Weights of 16 bits, as checkpoints keep them. They may begin at any byte of a file.

typedef uint16_t __attribute__((aligned(1), may_alias)) brain;
typedef _Float16 __attribute__((aligned(1), may_alias)) half;

KERNEL void limbeck_decode_bf16(float *to, const void *from, size_t n) {
  const brain *in = from;
  for (size_t i = 0; i < n; i++) to[i] = float_from_bits((int32_t)((uint32_t)in[i] << 16));
}

KERNEL void limbeck_decode_f16(float *to, const void *from, size_t n) {
  const half *in = from;
  for (size_t i = 0; i < n; i++) to[i] = (float)in[i];
}

KERNEL void limbeck_encode_bf16(void *to, const float *from, size_t n) {
  brain *out = to;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)bits_from_float(from[i]);
    // Adding half a unit, less one where the kept part is even, carries exactly when rounding to nearest even goes up.
    uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
    // Rounding could carry a NaN into infinity, and cutting could leave no fraction bit; the quiet bit keeps it a NaN.
    uint32_t quiet = bits | 0x400000;
    out[i] = (uint16_t)(((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded) >> 16);
  }
}

KERNEL void limbeck_encode_f16(void *to, const float *from, size_t n) {
  half *out = to;
  for (size_t i = 0; i < n; i++) out[i] = (half)from[i];
}

// What the encoders of all types share. Every operation is rounded by itself, in a fixed order, so that blocks have the
// same bits on every CPU.
#pragma once
#include "../KernelSupport.h"
#include "Blocks.h"

#pragma STDC FP_CONTRACT OFF

// `count` blocks of finite weights.
void encode_q4_0(void *to, const float *x, size_t count);
void encode_q8_0(void *to, const float *x, size_t count);
void encode_q4_k(void *to, const float *x, size_t count);
void encode_q6_k(void *to, const float *x, size_t count);

// Half and scales of a block that holds 256 weights exactly; 0 where there is none.
int find_q6_k(q6_k *b, const float *x);

// 1/d; 0 for 0, and where a half cannot hold d in any case.
INLINE float inverse_of(float d) {
  float inverse = d != 0 ? 1.0f / d : 0.0f;
  return isinf(inverse) ? 0.0f : inverse;
}

// The nearest integer between two, ties to even, of |x| < 2^22.
INLINE float rounded(float x, float least, float most) {
  float nearest = x + 12582912.0f;
  nearest = nearest - 12582912.0f;
  return nearest < least ? least : nearest > most ? most : nearest;
}

// Their sum, whatever the vectors.
INLINE float sum_of_16(float v[16]) {
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) v[i] += v[width + i];
  }
  return v[0];
}

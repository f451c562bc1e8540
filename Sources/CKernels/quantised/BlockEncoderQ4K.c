#include "BlockEncoders.h"

// Q4_K: x = s·q − m, q from 0 to 15, m not below 0, in parts of 32. Scales and minimums are searched for, so that the
// squared error is small, weighted as ggml weights it, by |x| and the root mean square of the part: first each part
// gets a pair by itself, then the block the halves of which they are multiples, and each part the best multiples near
// them.

typedef struct {
  float scale, minimum, error;
} affine_fit;

INLINE float sum_of_32(float v[32]) {
  for (int i = 0; i < 16; i++) v[i] += v[16 + i];
  return sum_of_16(v);
}

INLINE float error_of_32(const float *x, const float *w, float scale, float minimum) {
  float inverse = inverse_of(scale), errors[32];
  for (int i = 0; i < 32; i++) {
    float q = rounded((x[i] + minimum) * inverse, 0, 15), difference = scale * q - minimum - x[i];
    errors[i] = w[i] * difference * difference;
  }
  return sum_of_32(errors);
}

// Scale and minimum that fit best where (x + m)/s is rounded, for m and 1/s as given.
INLINE affine_fit fit_of_32(const float *x, const float *w, float inverse, float minimum) {
  float own[32], q1[32], q2[32], x1[32], xq[32];
  for (int i = 0; i < 32; i++) {
    float q = rounded((x[i] + minimum) * inverse, 0, 15);
    own[i] = w[i];
    q1[i] = w[i] * q;
    q2[i] = q1[i] * q;
    x1[i] = w[i] * x[i];
    xq[i] = q1[i] * x[i];
  }
  float sw = sum_of_32(own), sq = sum_of_32(q1), sqq = sum_of_32(q2), sx = sum_of_32(x1), sxq = sum_of_32(xq);
  float determinant = sw * sqq - sq * sq;
  affine_fit fit = {0, minimum, INFINITY};
  if (!(sqq > 0)) return fit;
  if (determinant > 0) {
    fit.scale = (sw * sxq - sx * sq) / determinant;
    fit.minimum = (sq * sxq - sqq * sx) / determinant;
  }
  if (!(determinant > 0) || fit.minimum < 0) fit.minimum = 0, fit.scale = sxq / sqq;
  if (fit.scale > 0) fit.error = error_of_32(x, w, fit.scale, fit.minimum);
  return fit;
}

INLINE affine_fit affine_of_32(const float *x, const float *w) {
  float low = 0, high = x[0];
  for (int i = 0; i < 32; i++) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  affine_fit best = {0, -low, error_of_32(x, w, 0, -low)};
  if (!(high > low)) return best;
  for (int step = -12; step <= 12; step++) {
    affine_fit fit = fit_of_32(x, w, (15.0f + 0.1f * (float)step) / (high - low), -low);
    if (fit.error < best.error) best = fit;
  }
  for (int round = 0; round < 2; round++) {
    affine_fit fit = fit_of_32(x, w, inverse_of(best.scale), best.minimum);
    if (fit.error < best.error) best = fit;
  }
  return best;
}

INLINE void pack_part_of_q4_k(q4_k *b, int part, int scale, int minimum, const float *x) {
  if (part < 4) {
    b->scales[part] |= (uint8_t)scale;
    b->scales[part + 4] |= (uint8_t)minimum;
  } else {
    b->scales[part + 4] |= (uint8_t)((scale & 15) | (minimum & 15) << 4);
    b->scales[part - 4] |= (uint8_t)(scale >> 4 << 6);
    b->scales[part] |= (uint8_t)(minimum >> 4 << 6);
  }
  float inverse = inverse_of((float)b->d * (float)scale), m = (float)b->m * (float)minimum;
  for (int i = 0; i < 32; i++) {
    int q = (int)rounded((x[i] + m) * inverse, 0, 15);
    b->q[part / 2 * 32 + i] |= (uint8_t)(q << part % 2 * 4);
  }
}

KERNEL void encode_q4_k(void *to, const float *x, size_t count) {
  q4_k *b = to;
  for (size_t block = 0; block < count; block++, b++, x += 256) {
    float w[256], scale = 0, minimum = 0;
    affine_fit fits[8];
    for (int part = 0; part < 8; part++) {
      const float *own = x + 32 * part;
      float squares[32];
      for (int i = 0; i < 32; i++) squares[i] = own[i] * own[i];
      float size = sqrtf(sum_of_32(squares) / 32);
      for (int i = 0; i < 32; i++) w[32 * part + i] = size + fabsf(own[i]);
      fits[part] = affine_of_32(own, w + 32 * part);
      scale = fits[part].scale > scale ? fits[part].scale : scale;
      minimum = fits[part].minimum > minimum ? fits[part].minimum : minimum;
    }
    memset(b, 0, sizeof *b);
    b->d = (half)(scale / 63);
    b->m = (half)(minimum / 63);
    float d = (float)b->d, m = (float)b->m;
    for (int part = 0; part < 8; part++) {
      float near = rounded(fits[part].scale * inverse_of(d), 0, 63);
      float near_minimum = rounded(fits[part].minimum * inverse_of(m), 0, 63), best = INFINITY;
      int scales = 0, minimums = 0;
      for (int step = 0; step < 9; step++) {
        float s = rounded(near + (float)(step / 3 - 1), 0, 63);
        float lowest = rounded(near_minimum + (float)(step % 3 - 1), 0, 63);
        float error = error_of_32(x + 32 * part, w + 32 * part, d * s, m * lowest);
        if (error < best) best = error, scales = (int)s, minimums = (int)lowest;
      }
      pack_part_of_q4_k(b, part, scales, minimums, x + 32 * part);
    }
  }
}

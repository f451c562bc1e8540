#include "BlockEncoders.h"
#include <float.h>

// Q6_K: x = s·q, q from −32 to 31, in parts of 16. The scales are searched for, so that the squared error is small,
// weighted by x² as ggml weights it: first each part gets a scale by itself, then the block the half of which they are
// multiples, and each part the best multiple near its own scale.

// Ways to round a part that are tried at once, side by side: no sum goes across them.
enum { WAYS = 16 };

// The best scales where x·inverse is rounded, and by how much the errors are below that of zeros.
INLINE void fits_of_16(const float *x, const float *w, const float inverse[WAYS], float gains[WAYS],
                       float scales[WAYS]) {
  float products[WAYS] = {0}, squares[WAYS] = {0};
  for (int i = 0; i < 16; i++) {
    for (int way = 0; way < WAYS; way++) {
      float q = rounded(x[i] * inverse[way], -32, 31), wq = w[i] * q;
      products[way] += wq * x[i];
      squares[way] += wq * q;
    }
  }
  for (int way = 0; way < WAYS; way++) {
    // 0 where all are rounded to 0
    scales[way] = products[way] / (squares[way] > FLT_MIN ? squares[way] : FLT_MIN);
    gains[way] = products[way] * scales[way];
  }
}

INLINE float scale_of_16(const float *x, const float *w) {
  float most = 0, best = 0, scale = 0, inverse[WAYS], gains[WAYS], scales[WAYS];
  for (int i = 0; i < 16; i++) most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
  float inverse_of_most = inverse_of(most);
  // the largest weight becomes −32, or what is near it, from −29 to −34.875
  for (int first = 0; first < 3 * WAYS; first += WAYS) {
    for (int way = 0; way < WAYS; way++) inverse[way] = -(29.0f + 0.125f * (float)(first + way)) * inverse_of_most;
    fits_of_16(x, w, inverse, gains, scales);
    for (int way = 0; way < WAYS; way++) {
      if (gains[way] > best) best = gains[way], scale = scales[way];
    }
  }
  return scale;
}

INLINE void errors_of_16(const float *x, const float *w, const float scales[WAYS], float errors[WAYS]) {
  float inverse[WAYS];
  for (int way = 0; way < WAYS; way++) inverse[way] = inverse_of(scales[way]), errors[way] = 0;
  for (int i = 0; i < 16; i++) {
    for (int way = 0; way < WAYS; way++) {
      float difference = x[i] - scales[way] * rounded(x[i] * inverse[way], -32, 31);
      errors[way] += w[i] * difference * difference;
    }
  }
}

// Halves that are tried, each with three multiples beside each other for each part.
enum { HALVES = 5 };

// The half of the smallest error, and with it the scales of the parts.
INLINE void choose_scales(q6_k *b, const float *x, const float *w, const float scales[16]) {
  float most = 0, d[WAYS], inverse[WAYS], multiples[16][WAYS], errors[16][WAYS];
  half halves[HALVES];
  for (int part = 0; part < 16; part++) most = fabsf(scales[part]) > fabsf(most) ? scales[part] : most;
  for (int tried = 0; tried < HALVES; tried++) halves[tried] = (half)(most / (float)(2 * tried - 128));
  for (int way = 0; way < WAYS; way++) {
    d[way] = (float)halves[way / 3 % HALVES];
    inverse[way] = inverse_of(d[way]);
  }
  for (int part = 0; part < 16; part++) {
    float products[WAYS];
    for (int way = 0; way < WAYS; way++) {
      float near = rounded(scales[part] * inverse[way], -128, 127);
      multiples[part][way] = rounded(near + (float)(way % 3 - 1), -128, 127);
      products[way] = d[way] * multiples[part][way];
    }
    errors_of_16(x + 16 * part, w + 16 * part, products, errors[part]);
  }
  float best = INFINITY;
  b->d = 0;
  memset(b->scales, 0, sizeof b->scales);
  for (int tried = 0; tried < HALVES; tried++) {
    int8_t chosen[16] = {0};
    float total = 0;
    for (int part = 0; part < 16; part++) {
      float least = INFINITY;
      for (int way = 3 * tried; way < 3 * tried + 3; way++) {
        if (errors[part][way] < least) least = errors[part][way], chosen[part] = (int8_t)multiples[part][way];
      }
      total += least;
    }
    if (!(total < best)) continue;
    best = total;
    b->d = halves[tried];
    memcpy(b->scales, chosen, sizeof chosen);
  }
}

INLINE void pack_q6_k(q6_k *b, const float *x) {
  float d = (float)b->d;
  memset(b->low, 0, sizeof b->low);
  memset(b->high, 0, sizeof b->high);
  for (int part = 0; part < 16; part++, x += 16) {
    uint8_t *low = b->low + part / 8 * 64 + part % 4 * 16, *high = b->high + part / 8 * 32 + part % 2 * 16;
    int shift = part % 8 / 4 * 4, top = part % 8 / 2 * 2;
    float inverse = inverse_of(d * (float)b->scales[part]);
    for (int i = 0; i < 16; i++) {
      int q = (int)rounded(x[i] * inverse, -32, 31) + 32;
      low[i] |= (uint8_t)((q & 15) << shift);
      high[i] |= (uint8_t)(q >> 4 << top);
    }
  }
}

KERNEL void encode_q6_k(void *to, const float *x, size_t count) {
  q6_k *b = to;
  for (size_t block = 0; block < count; block++, b++, x += 256) {
    if (find_q6_k(b, x)) {
      pack_q6_k(b, x);
      continue;
    }
    float w[256], scales[16];
    for (int i = 0; i < 256; i++) w[i] = x[i] * x[i];
    for (int part = 0; part < 16; part++) scales[part] = scale_of_16(x + 16 * part, w + 16 * part);
    choose_scales(b, x, w, scales);
    pack_q6_k(b, x);
  }
}

#include "BlockEncoders.h"

// Q6_K: x = s·q, q from −32 to 31, in parts of 16. The scales are searched for, so that the squared error is small,
// weighted by x² as ggml weights it: first each part gets a scale by itself, then the block the half of which they are
// multiples, and each part the best multiple near its own scale.

// The best scale where x·inverse is rounded, and by how much the error is below that of zeros.
INLINE float fit_of_16(const float *x, const float *w, float inverse, float *scale) {
  float xq[16], qq[16];
  for (int i = 0; i < 16; i++) {
    float q = rounded(x[i] * inverse, -32, 31), wq = w[i] * q;
    xq[i] = wq * x[i];
    qq[i] = wq * q;
  }
  float products = sum_of_16(xq), squares = sum_of_16(qq);
  if (!(squares > 0)) return 0;
  *scale = products / squares;
  return products * *scale;
}

INLINE float scale_of_16(const float *x, const float *w) {
  float most = 0;
  for (int i = 0; i < 16; i++) most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
  float inverse = inverse_of(most), best = 0, scale = 0;
  // the largest weight becomes −32, or what is near it
  for (int step = -24; step <= 24; step++) {
    float found = 0, gain = fit_of_16(x, w, -(32.0f + 0.125f * (float)step) * inverse, &found);
    if (gain > best) best = gain, scale = found;
  }
  for (int round = 0; round < 2; round++) {
    float found = 0, gain = fit_of_16(x, w, inverse_of(scale), &found);
    if (gain > best) best = gain, scale = found;
  }
  return scale;
}

INLINE float error_of_16(const float *x, const float *w, float scale) {
  float inverse = inverse_of(scale), errors[16];
  for (int i = 0; i < 16; i++) {
    float difference = x[i] - scale * rounded(x[i] * inverse, -32, 31);
    errors[i] = w[i] * difference * difference;
  }
  return sum_of_16(errors);
}

// The scales of all parts as multiples of d, and their error.
INLINE float multiples(const float *x, const float *w, const float scales[16], float d, int8_t found[16]) {
  float total = 0, inverse = inverse_of(d);
  for (int part = 0; part < 16; part++, x += 16, w += 16) {
    float near = rounded(scales[part] * inverse, -128, 127), best = INFINITY;
    for (int step = -1; step <= 1; step++) {
      float multiple = rounded(near + (float)step, -128, 127), error = error_of_16(x, w, d * multiple);
      if (error < best) best = error, found[part] = (int8_t)multiple;
    }
    total += best;
  }
  return total;
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
    float w[256], scales[16], most = 0, best = INFINITY;
    for (int i = 0; i < 256; i++) w[i] = x[i] * x[i];
    for (int part = 0; part < 16; part++) {
      scales[part] = scale_of_16(x + 16 * part, w + 16 * part);
      most = fabsf(scales[part]) > fabsf(most) ? scales[part] : most;
    }
    for (int largest = -128; largest <= -120; largest += 2) {
      half d = (half)(most / (float)largest);
      int8_t found[16] = {0};
      float error = multiples(x, w, scales, (float)d, found);
      if (!(error < best)) continue;
      best = error;
      b->d = d;
      memcpy(b->scales, found, sizeof found);
    }
    pack_q6_k(b, x);
  }
}

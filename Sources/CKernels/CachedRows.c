#include "KernelSupport.h"

// Rows in float16, one after another, as a cache keeps keys and values; each is read once for a single query, so that
// memory sets the pace and half as much of it is twice as fast.

typedef _Float16 half;

// Halves ahead that rows are asked for from memory: while it multiplies, a core does not read ahead far enough.
enum { AHEAD = 2048, CACHE_LINE = 32 };

KERNEL void limbeck_narrow_f16(void *to, const float *from, size_t n) {
  const float largest = 65504.0f;
  half *out = to;
  for (size_t i = 0; i < n; i++) {
    float x = from[i] > largest ? largest : from[i];
    out[i] = (half)(x < -largest ? -largest : x);
  }
}

KERNEL void limbeck_widen_f16(float *to, const void *from, size_t n) {
  const half *in = from;
  for (size_t i = 0; i < n; i++) to[i] = (float)in[i];
}

INLINE void inner_products(float *out, const half *w, const float *x, size_t rows, size_t n) {
  for (size_t r = 0; r < rows; r++, w += n) {
    REASSOCIATE
    float sum = 0;
    for (size_t i = 0; i < n; i += CACHE_LINE) __builtin_prefetch(w + i + AHEAD);
    for (size_t i = 0; i < n; i++) sum += (float)w[i] * x[i];
    out[r] = sum;
  }
}

KERNEL void limbeck_inner_products_f16(float *out, const void *w, const float *x, size_t rows, size_t n) {
  switch (n) {
    // usual heads of attention: x stays in registers
    case 32: return inner_products(out, w, x, rows, 32);
    case 48: return inner_products(out, w, x, rows, 48);
    case 64: return inner_products(out, w, x, rows, 64);
    case 128: return inner_products(out, w, x, rows, 128);
    default: return inner_products(out, w, x, rows, n);
  }
}

#include "KernelSupport.h"

KERNEL void limbeck_add(float *out, const float *a, const float *b, float scale, size_t n) {
  CONTRACT
  // of a scale of 1 the fused sum is the plain one
  for (size_t i = 0; i < n; i++) out[i] = a[i] + scale * b[i];
}

KERNEL void limbeck_scaled(float *out, const float *x, float alpha, float beta, size_t n) {
  CONTRACT
  for (size_t i = 0; i < n; i++) out[i] = (beta == 0.0f ? 0.0f : out[i]) + alpha * x[i];
}

KERNEL void limbeck_multiply(float *out, const float *a, const float *b, float beta, size_t n) {
  CONTRACT
  // out is a or overlaps nothing
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) out[i] = (beta == 0.0f ? 0.0f : out[i]) + a[i] * b[i];
}

KERNEL void limbeck_accumulate(float *y, const float *x, float alpha, size_t n) {
  CONTRACT
  for (size_t i = 0; i < n; i++) y[i] += alpha * x[i];
}

// p never overlaps q: without `restrict` the order of the sum would depend on how close they lie (see Divergences.c).
KERNEL double limbeck_subtract_clipped(float *restrict p, const float *restrict q, size_t n) {
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      float difference = p[i] - q[i];
      p[i] = difference > 0 ? difference : 0;
      sum += p[i];
    }
    total += (double)sum;
  }
  return total;
}

KERNEL void limbeck_scale(float *x, float alpha, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= alpha;
}

KERNEL void limbeck_exp(float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = exp_inline(x[i]);
}

KERNEL void limbeck_round_bf16(float *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int32_t bits = bits_from_float(x[i]);
    int32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & (int32_t)0xffff0000;
    out[i] = x[i] == x[i] ? float_from_bits(rounded) : x[i];
  }
}

// Turns the first 2·half of `size` elements of each head; the others stay as they are.
INLINE void rotate_heads(float *out, const float *x, const float *cosine, const float *sine, size_t heads, size_t half,
                         size_t size, float direction, float beta) {
  for (size_t h = 0; h < heads; h++, out += size, x += size) {
    CONTRACT
    // out is x or overlaps nothing
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < half; i++) {
      float s = direction * sine[i];
      float first = x[i] * cosine[i] - x[i + half] * s;
      float second = x[i + half] * cosine[i] + x[i] * s;
      out[i] = (beta == 0.0f ? 0.0f : out[i]) + first;
      out[i + half] = (beta == 0.0f ? 0.0f : out[i + half]) + second;
    }
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 2 * half; i < size; i++) out[i] = (beta == 0.0f ? 0.0f : out[i]) + x[i];
  }
}

KERNEL void limbeck_rotate_half(float *out, const float *x, const float *cosine, const float *sine, size_t heads,
                                size_t half, size_t size, float direction, float beta) {
  if (size != 2 * half) return rotate_heads(out, x, cosine, sine, heads, half, size, direction, beta);
  switch (half) {
    // a known number of whole vectors
    case 4: return rotate_heads(out, x, cosine, sine, heads, 4, 8, direction, beta);
    case 8: return rotate_heads(out, x, cosine, sine, heads, 8, 16, direction, beta);
    case 16: return rotate_heads(out, x, cosine, sine, heads, 16, 32, direction, beta);
    case 32: return rotate_heads(out, x, cosine, sine, heads, 32, 64, direction, beta);
    case 64: return rotate_heads(out, x, cosine, sine, heads, 64, 128, direction, beta);
    case 128: return rotate_heads(out, x, cosine, sine, heads, 128, 256, direction, beta);
    default: return rotate_heads(out, x, cosine, sine, heads, half, 2 * half, direction, beta);
  }
}

void limbeck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

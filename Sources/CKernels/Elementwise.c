#include "KernelSupport.h"

KERNEL void limbeck_add(float *out, const float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
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

KERNEL void limbeck_swiglu(float *out, const float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = gate[i] / (1.0f + exp_inline(-gate[i])) * up[i];
}

// A function of its own: with out == gate the one above would find that its memory overlaps, and leave its vectors.
KERNEL void limbeck_swiglu_in_place(float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) gate[i] = gate[i] / (1.0f + exp_inline(-gate[i])) * up[i];
}

KERNEL void limbeck_swiglu_backward(float *d_gate, float *d_up, const float *d_out, const float *gate, const float *up,
                                    float gate_beta, float up_beta, size_t n) {
  CONTRACT
  for (size_t i = 0; i < n; i++) {
    // in the forward pass: out = silu(gate) · up, silu(g) = g·σ(g), silu'(g) = σ(g)·(1 + g·(1 − σ(g)))
    float sigmoid = 1.0f / (1.0f + exp_inline(-gate[i]));
    float silu = gate[i] * sigmoid;
    float slope = sigmoid * (1.0f + gate[i] * (1.0f - sigmoid));
    d_up[i] = (up_beta == 0.0f ? 0.0f : d_up[i]) + d_out[i] * silu;
    d_gate[i] = (gate_beta == 0.0f ? 0.0f : d_gate[i]) + d_out[i] * up[i] * slope;
  }
}

INLINE void rotate_heads(float *out, const float *x, const float *cosine, const float *sine, size_t heads, size_t half,
                         float direction, float beta) {
  for (size_t h = 0; h < heads; h++, out += 2 * half, x += 2 * half) {
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
  }
}

KERNEL void limbeck_rotate_half(float *out, const float *x, const float *cosine, const float *sine, size_t heads,
                                size_t half, float direction, float beta) {
  switch (half) {
    // a known number of whole vectors
    case 4: return rotate_heads(out, x, cosine, sine, heads, 4, direction, beta);
    case 8: return rotate_heads(out, x, cosine, sine, heads, 8, direction, beta);
    case 16: return rotate_heads(out, x, cosine, sine, heads, 16, direction, beta);
    case 32: return rotate_heads(out, x, cosine, sine, heads, 32, direction, beta);
    default: return rotate_heads(out, x, cosine, sine, heads, half, direction, beta);
  }
}

void limbeck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

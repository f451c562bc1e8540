// The gates of feed-forward networks, activation(gate) · up (Shazeer 2020), and their gradients.
#include "KernelSupport.h"

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

// The argument of GELU's sigmoid: ½(1 + tanh y) = σ(2y), with 2y = x·(a + b·x²), a = 2√(2/π) and b = 0.044715·a.
static const float GELU_A = 1.5957691216f, GELU_B = 0.0713548162726f;

INLINE float gelu_argument(float x) {
  CONTRACT
  return x * (GELU_A + GELU_B * (x * x));
}

KERNEL void limbeck_geglu(float *out, const float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = gate[i] / (1.0f + exp_inline(-gelu_argument(gate[i]))) * up[i];
}

KERNEL void limbeck_geglu_in_place(float *gate, const float *up, size_t n) {
  for (size_t i = 0; i < n; i++) gate[i] = gate[i] / (1.0f + exp_inline(-gelu_argument(gate[i]))) * up[i];
}

KERNEL void limbeck_geglu_backward(float *d_gate, float *d_up, const float *d_out, const float *gate, const float *up,
                                   float gate_beta, float up_beta, size_t n) {
  CONTRACT
  for (size_t i = 0; i < n; i++) {
    // in the forward pass: gelu(g) = g·σ(z), z = g·(a + b·g²), so gelu'(g) = σ(z)·(1 + g·(1 − σ(z))·(a + 3b·g²)), and
    // 1 − σ(z) = e^−z·σ(z), which does not cancel
    float x = gate[i];
    float e = exp_inline(-gelu_argument(x));
    float sigmoid = 1.0f / (1.0f + e);
    float slope = sigmoid * (1.0f + x * (e * sigmoid) * (GELU_A + 3.0f * GELU_B * (x * x)));
    d_up[i] = (up_beta == 0.0f ? 0.0f : d_up[i]) + d_out[i] * (x * sigmoid);
    d_gate[i] = (gate_beta == 0.0f ? 0.0f : d_gate[i]) + d_out[i] * up[i] * slope;
  }
}

#include "KernelSupport.h"

// What is added to a weight to give the gain; −0 for 0, for it leaves every weight as it is.
INLINE float gain_offset(float offset) { return offset == 0.0f ? -0.0f : offset; }

INLINE float gain(float offset, float weight) { return offset + weight; }

KERNEL float limbeck_rms_norm(float *out, const float *x, const float *weight, float offset, float epsilon, size_t n) {
  float more = gain_offset(offset);
  double squares = limbeck_sum_of_squares(x, n);
  float reciprocal_root = (float)(1.0 / sqrt(squares / (double)n + (double)epsilon));
  for (size_t i = 0; i < n; i++) out[i] = gain(more, weight[i]) * (x[i] * reciprocal_root);
  return reciprocal_root;
}

KERNEL void limbeck_rms_norm_backward(float *d_x, float *d_weight, const float *d_out, const float *x,
                                      const float *weight, float offset, float reciprocal_root, float beta, size_t n) {
  CONTRACT
  // in the forward pass: out = gain · x̂, x̂ = x · r, r = (mean x² + ε)^−½, gain = offset + weight
  // d x = r · (d x̂ − x̂ · mean(d x̂ · x̂)), d x̂ = d out · gain
  float more = gain_offset(offset);
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) sum += d_out[i] * gain(more, weight[i]) * x[i];
    total += (double)sum;
  }
  float projection = (float)(total * (double)reciprocal_root * (double)reciprocal_root / (double)n);
  for (size_t i = 0; i < n; i++) {
    float d = reciprocal_root * (d_out[i] * gain(more, weight[i]) - x[i] * projection);
    d_x[i] = (beta == 0.0f ? 0.0f : d_x[i]) + d;
  }
  if (d_weight)
    for (size_t i = 0; i < n; i++) d_weight[i] += d_out[i] * x[i] * reciprocal_root;
}

#include "KernelSupport.h"

KERNEL void limbeck_soft_cap(float *x, float scale, float cap, size_t n) {
  float factor = scale / cap;
  for (size_t i = 0; i < n; i++) x[i] = cap * tanh_inline(factor * x[i]).value;
}

KERNEL void limbeck_capped_gradients(float *scores, float *d_weights, float scale, float cap, float log_sum_exp,
                                     float delta, size_t n) {
  float factor = scale / cap;
  for (size_t i = 0; i < n; i++) {
    tanh_and_slope t = tanh_inline(factor * scores[i]);
    float p = exp_inline(cap * t.value - log_sum_exp);
    scores[i] = p;
    d_weights[i] = p * (d_weights[i] - delta) * (scale * t.slope);
  }
}

KERNEL void limbeck_soft_cap_slopes(float *restrict x, float *restrict slopes, float cap, size_t n) {
  float factor = 1.0f / cap;
  for (size_t i = 0; i < n; i++) {
    tanh_and_slope t = tanh_inline(factor * x[i]);
    x[i] = cap * t.value;
    slopes[i] = t.slope;
  }
}

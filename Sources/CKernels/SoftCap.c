#include "KernelSupport.h"

KERNEL void limbeck_soft_cap(float *x, float cap, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = cap * tanh_inline(x[i] / cap);
}

KERNEL void limbeck_soft_cap_slopes(float *restrict x, float *restrict slopes, float cap, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float y = x[i] / cap;
    x[i] = cap * tanh_inline(y);
    slopes[i] = tanh_slope_inline(y);
  }
}

#include "KernelSupport.h"

KERNEL double limbeck_sum_exp(const float *x, float maximum, float inverse_temperature, size_t n) {
  double total = 0;
  exponent factor = exponent_of(inverse_temperature);
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) sum += exp_scaled(x[i] - maximum, factor);
    total += (double)sum;
  }
  return total;
}

KERNEL void limbeck_log_softmax(float *x, float maximum, float inverse_temperature, float log_sum, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = (x[i] - maximum) * inverse_temperature - log_sum;
}

INLINE double exponentials(float *x, float maximum, float scale, size_t n) {
  double total = 0;
  exponent factor = exponent_of(scale);
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      float e = exp_scaled(x[i] - maximum, factor);
      x[i] = e;
      sum += e;
    }
    total += (double)sum;
  }
  return total;
}

KERNEL double limbeck_exponentials(float *x, float maximum, float scale, size_t n) {
  return exponentials(x, maximum, scale, n);
}

KERNEL double limbeck_softmax_exponentials(float *x, float *maximum, float scale, size_t n) {
  *maximum = max_inline(x, n, NULL);
  return exponentials(x, *maximum, scale, n);
}

KERNEL void limbeck_softmax_again(float *x, float scale, float log_sum_exp, size_t n) {
  exponent factor = exponent_of(scale);
  float shift = log_sum_exp / scale;
  for (size_t i = 0; i < n; i++) x[i] = exp_scaled(x[i] - shift, factor);
}

KERNEL void limbeck_softmax_backward(float *d_p, const float *p, float delta, float scale, size_t n) {
  for (size_t i = 0; i < n; i++) d_p[i] = p[i] * (d_p[i] - delta) * scale;
}

#include "KernelSupport.h"

KERNEL double limbeck_entropy(const float *log_p, size_t n) {
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      float p = exp_inline(log_p[i]);
      sum -= p > 0 ? p * log_p[i] : 0;
    }
    total += (double)sum;
  }
  return total;
}

KERNEL limbeck_difference limbeck_logit_differences(float *restrict log_p, const float *log_q, float temperature,
                                                    float shift, size_t n) {
  limbeck_difference total = {0, 0};
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float squares = 0, count = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      int32_t missing = (log_p[i] == -INFINITY) | (log_q[i] == -INFINITY);
      float d = missing ? 0.0f : temperature * (log_q[i] - log_p[i]) + shift;
      squares += d * d;
      count += missing ? 0.0f : 1.0f;
      log_p[i] = d;
    }
    total.squares += (double)squares;
    total.count += (double)count;
  }
  return total;
}

KERNEL void limbeck_log_add(float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float high = a[i] > b[i] ? a[i] : b[i];
    float low = a[i] > b[i] ? b[i] : a[i];
    // −∞ less −∞ is NaN; the selection takes it away
    float sum = high + log_inline(1.0f + exp_inline(low - high));
    a[i] = high == -INFINITY ? -INFINITY : sum;
  }
}

#include "KernelSupport.h"

KERNEL float limbeck_max(const float *x, size_t n) {
  int32_t not_a_number = 0;
  float maximum = max_inline(x, n, &not_a_number);
  return not_a_number ? NAN : maximum;
}

KERNEL size_t limbeck_argmax(const float *x, size_t n) {
  enum { TOGETHER = 64 };
  float maximum = limbeck_max(x, n);
  size_t i = 0;
  // a loop that may end after each element would not vectorise
  for (; i + TOGETHER <= n; i += TOGETHER) {
    int32_t any = 0;
    for (size_t l = 0; l < TOGETHER; l++) any |= x[i + l] == maximum;
    if (any) break;
  }
  for (; i < n; i++)
    if (x[i] == maximum) return i;
  return 0;
}

KERNEL double limbeck_sum(const float *x, size_t n) {
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) sum += x[i];
    total += (double)sum;
  }
  return total;
}

KERNEL double limbeck_sum_of_squares(const float *x, size_t n) {
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) sum += x[i] * x[i];
    total += (double)sum;
  }
  return total;
}

KERNEL double limbeck_dot(const float *a, const float *b, size_t n) {
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) sum += a[i] * b[i];
    total += (double)sum;
  }
  return total;
}

KERNEL void limbeck_dots(float *out, const float *a, const float *b, size_t rows, size_t n) {
  for (size_t r = 0; r < rows; r++, a += n, b += n) {
    REASSOCIATE
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    out[r] = sum;
  }
}

KERNEL size_t limbeck_first_not_finite(const float *x, size_t n) {
  for (size_t start = 0; start < n; start += CHUNK) {
    size_t end = start + chunk_length(start, n);
    int32_t any = 0;
    for (size_t i = start; i < end; i++) any |= (bits_from_float(x[i]) & 0x7f800000) == 0x7f800000;
    if (any)
      for (size_t i = start; i < end; i++)
        if (!isfinite(x[i])) return i;
  }
  return n;
}

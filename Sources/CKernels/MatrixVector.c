#include "KernelSupport.h"

enum { LANES = 64, VECTOR = 16 };

// Row after row, which memory delivers twice as fast as several rows at once.
KERNEL void limbeck_matrix_vector(float *out, const float *w, size_t stride, const float *x, size_t rows, size_t n,
                                  int accumulate) {
  for (size_t r = 0; r < rows; r++) {
    REASSOCIATE
    const float *row = w + r * stride;
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
      for (size_t l = 0; l < LANES; l++) lane[l] += row[i + l] * x[i + l];
    for (; i + VECTOR <= n; i += VECTOR)
      for (size_t l = 0; l < VECTOR; l++) lane[l] += row[i + l] * x[i + l];
    float sum = 0;
    for (; i < n; i++) sum += row[i] * x[i];
    for (size_t l = 0; l < LANES; l++) sum += lane[l];
    out[r] = accumulate ? out[r] + sum : sum;
  }
}

// The element at i of rows in float16 or float32, a constant.
INLINE float element(const void *w, size_t i, int is_half) {
  return is_half ? (float)((const _Float16 *)w)[i] : ((const float *)w)[i];
}

// Some columns, a constant number, whose sums stay in registers while the rows run by, `together` of them at a time so
// that there are enough independent sums.
INLINE void weighted_columns(float *out, const float *weights, const void *w, int is_half, size_t first, size_t stride,
                             size_t rows, size_t columns, size_t together) {
  CONTRACT
  float sums[96] = {0};
  size_t r = 0;
  for (; r + together <= rows; r += together) {
    for (size_t t = 0; t < together; t++) {
      for (size_t j = 0; j < columns; j++) {
        sums[t * columns + j] += weights[r + t] * element(w, first + (r + t) * stride + j, is_half);
      }
    }
  }
  for (; r < rows; r++) {
    for (size_t j = 0; j < columns; j++) sums[j] += weights[r] * element(w, first + r * stride + j, is_half);
  }
  for (size_t j = 0; j < columns; j++) {
    float sum = sums[j];
    for (size_t t = 1; t < together; t++) sum += sums[t * columns + j];
    out[first + j] = sum;
  }
}

INLINE void weighted_rows(float *out, const float *weights, const void *w, int is_half, size_t stride, size_t rows,
                          size_t n) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) weighted_columns(out, weights, w, is_half, i, stride, rows, 64, 1);
  for (; i + 48 <= n; i += 48) weighted_columns(out, weights, w, is_half, i, stride, rows, 48, 2);
  for (; i + 32 <= n; i += 32) weighted_columns(out, weights, w, is_half, i, stride, rows, 32, 2);
  for (; i + 16 <= n; i += 16) weighted_columns(out, weights, w, is_half, i, stride, rows, 16, 4);
  for (; i < n; i++) weighted_columns(out, weights, w, is_half, i, stride, rows, 1, 4);
}

KERNEL void limbeck_weighted_rows(float *out, const float *weights, const float *w, size_t stride, size_t rows,
                                  size_t n) {
  weighted_rows(out, weights, w, 0, stride, rows, n);
}

KERNEL void limbeck_weighted_rows_f16(float *out, const float *weights, const void *w, size_t rows, size_t n) {
  weighted_rows(out, weights, w, 1, n, rows, n);
}

#include "KernelSupport.h"

enum { LANES = 64, VECTOR = 16, COLUMNS = 64 };

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

KERNEL void limbeck_weighted_rows(float *out, const float *weights, const float *w, size_t stride, size_t rows,
                                  size_t n) {
  CONTRACT
  size_t i = 0;
  // sums of a fixed number of columns stay in registers while the rows run by
  for (; i + COLUMNS <= n; i += COLUMNS) {
    float sums[COLUMNS] = {0};
    for (size_t r = 0; r < rows; r++) {
      for (size_t j = 0; j < COLUMNS; j++) sums[j] += weights[r] * w[r * stride + i + j];
    }
    memcpy(out + i, sums, sizeof sums);
  }
  for (; i + VECTOR <= n; i += VECTOR) {
    float sums[VECTOR] = {0};
    for (size_t r = 0; r < rows; r++) {
      for (size_t j = 0; j < VECTOR; j++) sums[j] += weights[r] * w[r * stride + i + j];
    }
    memcpy(out + i, sums, sizeof sums);
  }
  for (; i < n; i++) {
    float sum = 0;
    for (size_t r = 0; r < rows; r++) sum += weights[r] * w[r * stride + i];
    out[i] = sum;
  }
}

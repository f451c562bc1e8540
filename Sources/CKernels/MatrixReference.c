#include "CKernels.h"

// Plain loops, compiled once for all CPUs. A few columns at a time, because each step of the shared dimension reads
// neighbours then.
void limbeck_product_reference(float *c, size_t c_row, int accumulate, const float *a, size_t a_row, size_t a_step,
                               const float *b, size_t b_step, size_t b_column, size_t m, size_t n, size_t depth) {
  enum { TOGETHER = 16 };
  for (size_t i = 0; i < m; i++) {
    for (size_t first = 0; first < n; first += TOGETHER) {
      size_t columns = n - first < TOGETHER ? n - first : TOGETHER;
      float *out = c + i * c_row + first;
      double sums[TOGETHER] = {0};
      for (size_t k = 0; k < depth; k++) {
        double left = a[i * a_row + k * a_step];
        const float *right = b + k * b_step + first * b_column;
        for (size_t j = 0; j < columns; j++) sums[j] += left * right[j * b_column];
      }
      for (size_t j = 0; j < columns; j++) out[j] = (float)(accumulate ? out[j] + sums[j] : sums[j]);
    }
  }
}

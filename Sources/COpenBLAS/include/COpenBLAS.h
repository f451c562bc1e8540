// OpenBLAS, loaded when it is first asked for: what products need of it, with OpenBLAS' own types behind it.
#pragma once
#include <stddef.h>

/// Loads the library once and has it compute on the calling thread alone. NULL, or why it cannot be loaded; the text
/// lives as long as the process. The functions below may only be called where it was NULL.
const char *limbeck_openblas_load(void);

/// c[m, n] = a·b, or += where adds ≠ 0, of row-major matrices; a lies as [m, k], or as [k, m] where a_is_transposed ≠
/// 0, and b as [k, n] or [n, k]. The rows that lie in memory begin `a_row`, `b_row` and `c_row` floats apart.
void limbeck_openblas_product(float *c, size_t c_row, int adds, const float *a, size_t a_row, int a_is_transposed,
                              const float *b, size_t b_row, int b_is_transposed, size_t m, size_t n, size_t k);

/// The name of the kernel that OpenBLAS chose for this CPU, such as SkylakeX or Haswell.
const char *limbeck_openblas_kernel(void);

/// The eigenvectors of a symmetric matrix [n, n] that belong to its `count` largest eigenvalues, by LAPACK's dsyevr:
/// one after another in `vectors` [count, n], by ascending eigenvalues, which go to `values` [n]. Overwrites `matrix`,
/// whose elements must be finite. NULL, or why there are none.
const char *limbeck_openblas_eigenvectors(double *matrix, size_t n, size_t count, double *values, double *vectors);

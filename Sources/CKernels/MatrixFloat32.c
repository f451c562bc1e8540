#include "MatrixSupport.h"

#if defined(__x86_64__) && defined(__linux__)

limbeck_vectors limbeck_best_vectors(void) {
  if (__builtin_cpu_supports("x86-64-v4")) return LIMBECK_AVX512;
  return __builtin_cpu_supports("x86-64-v3") ? LIMBECK_AVX2 : LIMBECK_NO_VECTORS;
}

void limbeck_product_f32(limbeck_vectors vectors, float *c, size_t c_row, limbeck_store store, const float *a,
                         size_t a_row, size_t a_step, const float *b, size_t b_step, size_t b_column, size_t m,
                         size_t n, size_t depth, void *scratch) {
  product_f32 *product = vectors == LIMBECK_AVX512 ? product_f32_avx512 : product_f32_avx2;
  product(c, c_row, store, a, a_row, a_step, b, b_step, b_column, m, n, depth, scratch);
}

void limbeck_few_rows(limbeck_vectors vectors, float *out, size_t out_stride, int accumulate, const float *x,
                      size_t x_stride, size_t m, const float *w, size_t w_stride, size_t n, size_t depth,
                      void *scratch) {
  few_rows_f32 *few_rows = vectors == LIMBECK_AVX512 ? few_rows_f32_avx512 : few_rows_f32_avx2;
  few_rows(out, out_stride, accumulate, x, x_stride, m, w, w_stride, n, depth, scratch);
}

#else

limbeck_vectors limbeck_best_vectors(void) { return LIMBECK_NO_VECTORS; }

void limbeck_product_f32(limbeck_vectors vectors, float *c, size_t c_row, limbeck_store store, const float *a,
                         size_t a_row, size_t a_step, const float *b, size_t b_step, size_t b_column, size_t m,
                         size_t n, size_t depth, void *scratch) {
  (void)vectors, (void)c, (void)c_row, (void)store, (void)a, (void)a_row, (void)a_step, (void)b, (void)b_step;
  (void)b_column, (void)m, (void)n, (void)depth, (void)scratch;
  __builtin_trap();
}

void limbeck_few_rows(limbeck_vectors vectors, float *out, size_t out_stride, int accumulate, const float *x,
                      size_t x_stride, size_t m, const float *w, size_t w_stride, size_t n, size_t depth,
                      void *scratch) {
  (void)vectors, (void)out, (void)out_stride, (void)accumulate, (void)x, (void)x_stride, (void)m, (void)w;
  (void)w_stride, (void)n, (void)depth, (void)scratch;
  __builtin_trap();
}

#endif

#include "COpenBLAS.h"

// Debian's name for OpenBLAS' own header, for `cblas.h` may belong to another BLAS.
#if __has_include(<cblas-openblas.h>)
#include <cblas-openblas.h>
#else
#include <cblas.h>
#endif
#ifndef OPENBLAS_CONFIG_H
#error "cblas.h is not that of OpenBLAS; install libopenblas-dev"
#endif

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

// LAPACK's own name and Fortran's way to call it, for OpenBLAS installs no header for it.
typedef void eigen_solver(const char *job, const char *range, const char *triangle, const blasint *n, double *a,
                          const blasint *a_column, const double *lower, const double *upper, const blasint *first,
                          const blasint *last, const double *tolerance, blasint *found, double *values,
                          double *vectors, const blasint *vectors_column, blasint *support, double *work,
                          const blasint *work_count, blasint *integer_work, const blasint *integer_work_count,
                          blasint *info, size_t, size_t, size_t);

// Loaded rather than linked: see docs/performance/log.md, "OpenBLAS: linked, or loaded when asked for". Types come from
// cblas.h, so that a signature that changes there is an error here.
static struct {
  __typeof__(&cblas_sgemm) sgemm;
  __typeof__(&openblas_set_num_threads) set_num_threads;
  __typeof__(&openblas_get_corename) get_corename;
  // NULL where it was built without LAPACK
  eigen_solver *dsyevr;
} library;

static char reason[512];
static pthread_once_t once = PTHREAD_ONCE_INIT;

#ifdef OPENBLAS_USE64BITINT
static const char *const file = "libopenblas64.so.0";
#else
static const char *const file = "libopenblas.so.0";
#endif

static void load(void) {
  void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (handle) {
    library.sgemm = (__typeof__(library.sgemm))dlsym(handle, "cblas_sgemm");
    library.set_num_threads = (__typeof__(library.set_num_threads))dlsym(handle, "openblas_set_num_threads");
    library.get_corename = (__typeof__(library.get_corename))dlsym(handle, "openblas_get_corename");
    library.dsyevr = (eigen_solver *)dlsym(handle, "dsyevr_");
  }
  if (library.sgemm && library.set_num_threads && library.get_corename) {
    // each worker multiplies its own part; threads inside would fight with the workers
    library.set_num_threads(1);
    return;
  }
  const char *error = dlerror();
  snprintf(reason, sizeof reason, "%s", error ? error : "it has not the functions of OpenBLAS");
}

const char *limbeck_openblas_load(void) {
  pthread_once(&once, load);
  return reason[0] ? reason : NULL;
}

void limbeck_openblas_product(float *c, size_t c_row, int adds, const float *a, size_t a_row, int a_is_transposed,
                              const float *b, size_t b_row, int b_is_transposed, size_t m, size_t n, size_t k) {
  library.sgemm(CblasRowMajor, a_is_transposed ? CblasTrans : CblasNoTrans,
                b_is_transposed ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1, a, (blasint)a_row,
                b, (blasint)b_row, adds ? 1 : 0, c, (blasint)c_row);
}

const char *limbeck_openblas_kernel(void) { return library.get_corename(); }

const char *limbeck_openblas_eigenvectors(double *matrix, size_t n, size_t count, double *values, double *vectors) {
  if (!library.dsyevr) return "it was built without LAPACK";
  // the sizes that dsyevr's own reference gives as enough
  blasint size = (blasint)n, first = (blasint)(n - count + 1), found = 0, info = 0;
  blasint work_count = 26 * size, integer_work_count = 10 * size;
  double *work = malloc(sizeof *work * (size_t)work_count), unused = 0;
  blasint *integer_work = malloc(sizeof *integer_work * (size_t)integer_work_count);
  blasint *support = malloc(sizeof *support * 2 * count);
  if (work && integer_work && support) {
    library.dsyevr("V", "I", "U", &size, matrix, &size, &unused, &unused, &first, &size, &unused, &found, values,
                   vectors, &size, support, work, &work_count, integer_work, &integer_work_count, &info, 1, 1, 1);
  }
  int is_allocated = work && integer_work && support, is_complete = info == 0 && (size_t)found == count;
  free(work);
  free(integer_work);
  free(support);
  if (!is_allocated) return "there is not enough memory for its LAPACK";
  return is_complete ? NULL : "its LAPACK found no eigenvectors";
}

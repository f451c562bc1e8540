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

// Loaded rather than linked: see docs/performance/log.md, "OpenBLAS: linked, or loaded when asked for". Types come from
// cblas.h, so that a signature that changes there is an error here.
static struct {
  __typeof__(&cblas_sgemm) sgemm;
  __typeof__(&openblas_set_num_threads) set_num_threads;
  __typeof__(&openblas_get_corename) get_corename;
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

// RegisterRate THREADS: how many operations of matrix products the CPU does in a second when nothing is read from
// memory: the limit of every step and pass, whoever wrote its kernels. Prints one JSON object of GFLOP/s, by precision;
// a precision without instructions of its own is left out.
#define _GNU_SOURCE
#include <stdio.h>

#if defined(__x86_64__)
#include <immintrin.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

// As many sums as hide the latency of two multiplications that begin in each cycle.
enum { SUMS = 12, REPETITIONS = 1000000, PASSES = 9 };

// A variable that the compiler must take for changed stays in its register, and no loop is left out.
#define KEEP(x) __asm__ volatile("" : "+v"(x))

#define MEASURED(name, cpu, vector, zero, multiply_add)                                                                \
  __attribute__((target(cpu))) static void name(void) {                                                                \
    vector sums[SUMS];                                                                                                 \
    for (int i = 0; i < SUMS; i++) sums[i] = zero();                                                                   \
    for (long n = 0; n < REPETITIONS; n++) {                                                                           \
      _Pragma("unroll") for (int i = 0; i < SUMS; i++) {                                                               \
        sums[i] = multiply_add;                                                                                        \
        KEEP(sums[i]);                                                                                                 \
      }                                                                                                                \
    }                                                                                                                  \
  }

MEASURED(float32_avx2, "avx2,fma", __m256, _mm256_setzero_ps, _mm256_fmadd_ps(sums[i], sums[i], sums[i]))
MEASURED(float32_avx512, "avx512f", __m512, _mm512_setzero_ps, _mm512_fmadd_ps(sums[i], sums[i], sums[i]))
MEASURED(bf16_avx512, "avx512f,avx512bf16", __m512, _mm512_setzero_ps,
         _mm512_dpbf16_ps(sums[i], (__m512bh)sums[i], (__m512bh)sums[i]))

typedef struct {
  const char *precision;
  void (*run)(void);
  double operations;  // of one instruction
} measurement;

typedef struct {
  const measurement *what;
  pthread_barrier_t *barrier;
  double started[PASSES], ended[PASSES];
} worker;

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *work(void *argument) {
  worker *self = argument;
  for (int pass = 0; pass < PASSES; pass++) {
    pthread_barrier_wait(self->barrier);
    self->started[pass] = seconds();
    self->what->run();
    self->ended[pass] = seconds();
  }
  return NULL;
}

// GFLOP/s of all threads together in the best pass: a limit is what nobody disturbs.
static double rate(const measurement *what, int threads) {
  pthread_barrier_t barrier;
  pthread_t handles[threads];
  worker workers[threads];
  pthread_barrier_init(&barrier, NULL, (unsigned)threads);
  for (int i = 0; i < threads; i++) {
    workers[i] = (worker){.what = what, .barrier = &barrier};
    if (pthread_create(&handles[i], NULL, work, &workers[i]) != 0) {
      fprintf(stderr, "RegisterRate: no thread could be started\n");
      exit(1);
    }
  }
  for (int i = 0; i < threads; i++) pthread_join(handles[i], NULL);
  pthread_barrier_destroy(&barrier);
  double best = 0;
  for (int pass = 0; pass < PASSES; pass++) {
    double start = workers[0].started[pass], end = workers[0].ended[pass];
    for (int i = 1; i < threads; i++) {
      if (workers[i].started[pass] < start) start = workers[i].started[pass];
      if (workers[i].ended[pass] > end) end = workers[i].ended[pass];
    }
    double found = what->operations * SUMS * REPETITIONS * threads / (end - start);
    if (found > best) best = found;
  }
  return 1e-9 * best;
}

int main(int count, char **arguments) {
  int threads = count == 2 ? atoi(arguments[1]) : 0;
  if (threads < 1 || threads > 1024) {
    fprintf(stderr, "usage: RegisterRate THREADS\n");
    return 2;
  }
  const measurement avx2 = {"float32", float32_avx2, 2 * 8};
  const measurement avx512 = {"float32", float32_avx512, 2 * 16};
  const measurement bf16 = {"bf16", bf16_avx512, 2 * 32};
  const measurement *known[2];
  int kinds = 0;
  if (__builtin_cpu_supports("avx512f")) {
    known[kinds++] = &avx512;
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    known[kinds++] = &avx2;
  }
  if (__builtin_cpu_supports("avx512bf16")) known[kinds++] = &bf16;
  printf("{");
  for (int i = 0; i < kinds; i++) {
    printf("%s\"%s\": %.1f", i ? ", " : "", known[i]->precision, rate(known[i], threads));
  }
  printf("}\n");
  return 0;
}

#else

int main(void) {
  puts("{}");
  return 0;
}

#endif

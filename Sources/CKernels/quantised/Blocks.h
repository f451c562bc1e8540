// The layouts of ggml's blocks of quantised weights. Scales and minimums are halves.
#pragma once
#include "CKernels.h"

typedef _Float16 __attribute__((aligned(1))) half;

// What is not of `count` bytes would not fit the file's blocks.
#define BLOCK(NAME, COUNT, ...)           \
  typedef struct __attribute__((packed)) { \
    __VA_ARGS__                           \
  } NAME;                                 \
  _Static_assert(sizeof(NAME) == COUNT, #NAME)

BLOCK(q4_0, 18, half d; uint8_t q[16];);
BLOCK(q4_1, 20, half d, m; uint8_t q[16];);
BLOCK(q5_0, 22, half d; uint8_t high[4], q[16];);
BLOCK(q5_1, 24, half d, m; uint8_t high[4], q[16];);
BLOCK(q8_0, 34, half d; int8_t q[32];);
BLOCK(iq4_nl, 18, half d; uint8_t q[16];);
BLOCK(q2_k, 84, uint8_t scales[16], q[64]; half d, m;);
BLOCK(q3_k, 110, uint8_t high[32], q[64], scales[12]; half d;);
BLOCK(q4_k, 144, half d, m; uint8_t scales[12], q[128];);
BLOCK(q5_k, 176, half d, m; uint8_t scales[12], high[32], q[128];);
BLOCK(q6_k, 210, uint8_t low[128], high[64]; int8_t scales[16]; half d;);

// What is said of all types, named as in limbeck_block_type.
#define EACH_BLOCK_TYPE(DO) \
  DO(Q4_0) DO(Q4_1) DO(Q5_0) DO(Q5_1) DO(Q8_0) DO(IQ4_NL) DO(Q2_K) DO(Q3_K) DO(Q4_K) DO(Q5_K) DO(Q6_K)

// The weights of a block.
static inline size_t block_length(limbeck_block_type type) { return type < LIMBECK_Q2_K ? 32 : 256; }

static inline size_t block_bytes(limbeck_block_type type) {
  switch (type) {
    case LIMBECK_Q4_0: return sizeof(q4_0);
    case LIMBECK_Q4_1: return sizeof(q4_1);
    case LIMBECK_Q5_0: return sizeof(q5_0);
    case LIMBECK_Q5_1: return sizeof(q5_1);
    case LIMBECK_Q8_0: return sizeof(q8_0);
    case LIMBECK_IQ4_NL: return sizeof(iq4_nl);
    case LIMBECK_Q2_K: return sizeof(q2_k);
    case LIMBECK_Q3_K: return sizeof(q3_k);
    case LIMBECK_Q4_K: return sizeof(q4_k);
    case LIMBECK_Q5_K: return sizeof(q5_k);
    case LIMBECK_Q6_K: return sizeof(q6_k);
  }
}

// limbeck_decode_blocks and limbeck_one_row_of_blocks of one type on one CPU level.
typedef struct {
  void (*decode)(float *to, const void *from, size_t count);
  void (*one_row)(float *out, int accumulate, const float *x, const void *w, size_t n, size_t depth);
} block_kernels;
extern const block_kernels block_kernels_avx2[], block_kernels_avx512[];

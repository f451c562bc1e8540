// Rows of attention's scores become weights in bfloat16 where they lie: a row has a few hundred elements, so that
// passes of their own for masking, exponentials and rounding would cost more than the exponentials.
#define TARGET __attribute__((target("arch=x86-64-v4,prfchw,avx512bf16")))
#include "MatrixVectors512.h"

#if defined(__x86_64__) && defined(__linux__)

// Two vectors of floats become one of bfloat16 in the first half of a row, which has been read by then.
enum { STEP = 2 * LANES, CHUNK = LIMBECK_ROW_CHUNK };

// The lanes of a vector that begins at element `first` and has no more than `count` elements of the row.
TARGET TILE_INLINE lane_mask lanes_from(size_t first, size_t count) { return lanes(count > first ? count - first : 0); }

// e^(scale·d) of d ≤ 0 for `logarithm` = scale·log₂e; 0 where that is less than 2⁻¹⁴⁹, NaN of NaN.
TARGET TILE_INLINE floats exponential(floats d, floats logarithm, floats least) {
  // the second operand is what comes of NaN
  d = _mm512_max_ps(least, d);
  floats power = _mm512_roundscale_ps(_mm512_mul_ps(d, logarithm), 0);
  floats f = _mm512_fmsub_ps(d, logarithm, power);
  // the polynomial of power_of_two (KernelSupport.h)
  floats p = _mm512_set1_ps(1.53533624e-4f);
  p = multiply_add(_mm512_set1_ps(1.33988744e-3f), p, f);
  p = multiply_add(_mm512_set1_ps(9.61843736e-3f), p, f);
  p = multiply_add(_mm512_set1_ps(5.55033247e-2f), p, f);
  p = multiply_add(_mm512_set1_ps(2.40226479e-1f), p, f);
  p = multiply_add(_mm512_set1_ps(6.93147203e-1f), p, f);
  p = multiply_add(_mm512_set1_ps(1.0f), p, f);
  return _mm512_scalef_ps(p, power);
}

TARGET TILE_INLINE void store_narrow(float *row, size_t k, floats low, floats high) {
  _mm512_storeu_si512((uint16_t *)row + k, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

// The largest of `count` floats.
TARGET TILE_INLINE float row_maximum(const float *row, size_t count) {
  const floats lowest = _mm512_set1_ps(-__builtin_inff());
  floats a = lowest, b = lowest;
  size_t k = 0;
  for (; k + STEP <= count; k += STEP) {
    a = _mm512_max_ps(a, load_floats(row + k));
    b = _mm512_max_ps(b, load_floats(row + k + LANES));
  }
  a = _mm512_max_ps(a, _mm512_mask_loadu_ps(lowest, lanes_from(k, count), row + k));
  b = _mm512_max_ps(b, _mm512_mask_loadu_ps(lowest, lanes_from(k + LANES, count), row + k + LANES));
  return _mm512_reduce_max_ps(_mm512_max_ps(a, b));
}

TARGET void limbeck_causal_weights_bf16(float *scores, size_t line, size_t rows, size_t visible, float scale,
                                        float *maxima, double *sums) {
  size_t width = visible + rows - 1;
  float logarithm = scale * 1.44269504f;
  const floats factor = _mm512_set1_ps(logarithm), least = _mm512_set1_ps(-150.0f / logarithm);
  // one row ahead: what comes of all its lanes is there when it is needed
  float next = row_maximum(scores, visible);
  for (size_t r = 0; r < rows; r++) {
    float *row = scores + r * line;
    size_t count = visible + r;
    const floats maximum = _mm512_set1_ps(next);
    maxima[r] = next;
    if (r + 1 < rows) next = row_maximum(row + line, count + 1);
    double total = 0;
    for (size_t start = 0; start < width; start += CHUNK) {
      floats a = zero_floats(), b = zero_floats();
      size_t end = smaller(start + CHUNK, width), k = start;
      for (; k + STEP <= smaller(end, count); k += STEP) {
        floats low = exponential(_mm512_sub_ps(load_floats(row + k), maximum), factor, least);
        floats high = exponential(_mm512_sub_ps(load_floats(row + k + LANES), maximum), factor, least);
        store_narrow(row, k, low, high);
        a = add_floats(a, low);
        b = add_floats(b, high);
      }
      for (; k < end; k += STEP) {
        lane_mask some = lanes_from(k, count), more = lanes_from(k + LANES, count);
        floats low = _mm512_sub_ps(load_some_floats(some, row + k), maximum);
        floats high = _mm512_sub_ps(load_some_floats(more, row + k + LANES), maximum);
        low = _mm512_maskz_mov_ps(some, exponential(low, factor, least));
        high = _mm512_maskz_mov_ps(more, exponential(high, factor, least));
        store_narrow(row, k, low, high);
        a = add_floats(a, low);
        b = add_floats(b, high);
      }
      total += (double)_mm512_reduce_add_ps(add_floats(a, b));
    }
    sums[r] = total;
  }
}

TARGET void limbeck_causal_gradients_bf16(float *scores, float *d_weights, size_t line, size_t rows, size_t visible,
                                          float scale, const float *log_sums, const float *deltas,
                                          size_t delta_step) {
  size_t width = visible + rows - 1;
  float logarithm = scale * 1.44269504f;
  const floats factor = _mm512_set1_ps(logarithm), least = _mm512_set1_ps(-150.0f / logarithm);
  const floats scales = _mm512_set1_ps(scale);
  for (size_t r = 0; r < rows; r++) {
    float *row = scores + r * line, *d_row = d_weights + r * line;
    const floats shift = _mm512_set1_ps(log_sums[r] / scale), delta = _mm512_set1_ps(deltas[r * delta_step]);
    for (size_t k = 0; k < width; k += STEP) {
      floats p[2], d[2];
#pragma unroll
      for (size_t i = 0; i < 2; i++) {
        lane_mask some = lanes_from(k + i * LANES, visible + r);
        floats score = _mm512_sub_ps(load_some_floats(some, row + k + i * LANES), shift);
        p[i] = _mm512_maskz_mov_ps(some, exponential(score, factor, least));
        d[i] = _mm512_sub_ps(load_some_floats(some, d_row + k + i * LANES), delta);
        d[i] = _mm512_mul_ps(_mm512_maskz_mul_ps(some, p[i], d[i]), scales);
      }
      store_narrow(row, k, p[0], p[1]);
      store_narrow(d_row, k, d[0], d[1]);
    }
  }
}

#else

void limbeck_causal_weights_bf16(float *scores, size_t line, size_t rows, size_t visible, float scale, float *maxima,
                                 double *sums) {
  (void)scores, (void)line, (void)rows, (void)visible, (void)scale, (void)maxima, (void)sums;
  __builtin_trap();
}

void limbeck_causal_gradients_bf16(float *scores, float *d_weights, size_t line, size_t rows, size_t visible,
                                   float scale, const float *log_sums, const float *deltas, size_t delta_step) {
  (void)scores, (void)d_weights, (void)line, (void)rows, (void)visible, (void)scale, (void)log_sums, (void)deltas;
  (void)delta_step;
  __builtin_trap();
}

#endif

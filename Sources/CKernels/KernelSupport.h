// What every kernel file shares: CPU clones, reassociation for one block, and elementary functions that vectorise.
#pragma once
#include "CKernels.h"
#include <math.h>
#include <string.h>

// One clone per CPU level, chosen at load time. The resolver runs before ThreadSanitizer is ready, so not under it.
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

#define INLINE static inline __attribute__((always_inline))

// First line of a block whose one reduction may be summed in any order, and whose products may fuse with sums.
#define REASSOCIATE _Pragma("clang fp reassociate(on) contract(fast)")
// First line of a block whose products may fuse with sums.
#define CONTRACT _Pragma("clang fp contract(fast)")

// A row is summed in float32 over chunks of this many elements, and in double over the chunks.
enum { CHUNK = LIMBECK_ROW_CHUNK };

INLINE size_t chunk_length(size_t start, size_t n) { return n - start < CHUNK ? n - start : CHUNK; }

INLINE float float_from_bits(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

INLINE int32_t bits_from_float(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// Lane by lane, the larger of what was there and x, and whether any of x is not a number.
INLINE void max_lanes(float *lane, int32_t *flag, const float *x, size_t lanes) {
  for (size_t l = 0; l < lanes; l++) {
    lane[l] = x[l] > lane[l] ? x[l] : lane[l];
    flag[l] |= x[l] != x[l];
  }
}

// The largest element that is a number, −∞ if there is none, and whether any is none. Reassociation does not cover a
// maximum: the lanes are explicit.
INLINE float max_inline(const float *x, size_t n, int32_t *not_a_number) {
  enum { LANES = 64 };
  float lane[LANES];
  int32_t flag[LANES];
  for (size_t l = 0; l < LANES; l++) {
    lane[l] = -INFINITY;
    flag[l] = 0;
  }
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) max_lanes(lane, flag, x + i, LANES);
  // the rest in vectors, too, as far as they go
  for (; i + LANES / 4 <= n; i += LANES / 4) max_lanes(lane, flag, x + i, LANES / 4);
  for (size_t width = LANES / 2; width > 0; width /= 2)
    for (size_t l = 0; l < width; l++) {
      lane[l] = lane[l + width] > lane[l] ? lane[l + width] : lane[l];
      flag[l] |= flag[l + width];
    }
  float maximum = lane[0];
  int32_t any = flag[0];
  for (; i < n; i++) {
    maximum = x[i] > maximum ? x[i] : maximum;
    any |= x[i] != x[i];
  }
  if (not_a_number) *not_a_number = any;
  return maximum;
}

// 2^(k + f), |f| ≤ ½, where `shifted` is ROUNDING + k: a minimax polynomial of relative error 2e-9, before it is
// rounded. No branch, no call: loops over it vectorise.
INLINE float power_of_two(float f, float shifted) {
  CONTRACT
  float p = 1.53533624e-4f;
  p = p * f + 1.33988744e-3f;
  p = p * f + 9.61843736e-3f;
  p = p * f + 5.55033247e-2f;
  p = p * f + 2.40226479e-1f;
  p = p * f + 6.93147203e-1f;
  p = p * f + 1.0f;
  return float_from_bits((int32_t)((uint32_t)bits_from_float(p) + ((uint32_t)bits_from_float(shifted) << 23)));
}

// 1.5 · 2^23: adding it rounds to an integer in the low bits of the mantissa.
#define ROUNDING 12582912.0f

// e^x; 0 below −87.3, where floats lose digits, and at most e^88.7; NaN stays NaN.
INLINE float exp_inline(float x) {
  const float log2e = 1.44269502f, rest = 1.92596303e-8f;
  float clamped = x > 88.7228f ? 88.7228f : x;
  float shifted = __builtin_fmaf(clamped, log2e, ROUNDING);
  float f = __builtin_fmaf(clamped, log2e, ROUNDING - shifted);
  float power = power_of_two(__builtin_fmaf(clamped, rest, f), shifted);
  return x < -87.3365478515625f ? 0.0f : power;
}

// What turns differences to a row's maximum into exponentials.
typedef struct {
  float scale, least;
} exponent;

// For e^(factor·d), d ≤ 0.
INLINE exponent exponent_of(float factor) {
  float scale = factor * 1.44269504f;
  exponent result = {scale, -126.0f / scale};
  return result;
}

// e^(factor·d) for d ≤ 0, in fewer steps than exp_inline: what rounds the factor's logarithm to base 2 is a change of
// temperature by 6e-8 of it.
INLINE float exp_scaled(float d, exponent factor) {
  float shifted = __builtin_fmaf(d, factor.scale, ROUNDING);
  float power = power_of_two(__builtin_fmaf(d, factor.scale, ROUNDING - shifted), shifted);
  return d < factor.least ? 0.0f : power;
}

// ln x for normal x > 0 (Cephes logf). x = 2^k · m with √½ ≤ m < √2.
INLINE float log_inline(float x) {
  CONTRACT
  int32_t bits = bits_from_float(x);
  int32_t k = (bits - 0x3f3504f3) >> 23;  // 0x3f3504f3: √½
  float m = float_from_bits(bits - (k << 23)) - 1.0f;
  float z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m + -1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m + -1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m + -1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m + -2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  float e = (float)k;
  float y = m * z * p + e * -2.12194440e-4f - 0.5f * z;
  return m + y + e * 0.693359375f;
}

// tanh x, and its derivative.
typedef struct {
  float value, slope;
} tanh_and_slope;

// tanh x = m/(m + 2) of m = e^(2|x|) − 1, with a relative error below 1.8e-7; its derivative 4(m + 1)/(m + 2)² is not
// the difference of numbers that are nearly the same. NaN stays NaN. e^(2|x|) − 1 = 2^k·(e^r − 1) + (2^k − 1) with
// |r| ≤ ½·ln 2, and e^r − 1 = r + r²·p(r), p a minimax polynomial: relative error 1.4e-8, before it is rounded.
INLINE tanh_and_slope tanh_inline(float x) {
  CONTRACT
  const float log2e = 1.44269502f, ln2 = 0.693148613f, rest = -1.43241618e-6f;
  float y = 2.0f * __builtin_fabsf(x);
  // the derivative of what is above is 0 to all digits
  y = y > 86.0f ? 86.0f : y;
  float shifted = __builtin_fmaf(y, log2e, ROUNDING);
  float k = shifted - ROUNDING;
  float r = __builtin_fmaf(k, -rest, __builtin_fmaf(k, -ln2, y));
  float p = 1.38825178e-3f;
  p = p * r + 8.36653821e-3f;
  p = p * r + 4.16672006e-2f;
  p = p * r + 1.66665435e-1f;
  p = p * r + 4.9999997e-1f;
  p = __builtin_fmaf(r * r, p, r);
  float power = float_from_bits((int32_t)(((uint32_t)bits_from_float(shifted) << 23) + 0x3f800000u));
  float m = __builtin_fmaf(power, p, power - 1.0f);
  float d = m + 2.0f;
  float inverse = 1.0f / d, value = m * inverse;
  // what the quotient's rounding left
  value = __builtin_fmaf(__builtin_fmaf(-value, d, m), inverse, value);
  tanh_and_slope result = {__builtin_copysignf(value, x), 4.0f * ((m + 1.0f) * inverse) * inverse};
  return result;
}

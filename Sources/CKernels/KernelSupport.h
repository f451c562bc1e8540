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

// A row is summed in float32 over pieces of this many elements, and in double over the pieces.
enum { PIECE = 1024 };

INLINE size_t piece_length(size_t start, size_t n) { return n - start < PIECE ? n - start : PIECE; }

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

// e^x = 2^k · e^r with |r| ≤ ln2 / 2 and a degree-6 polynomial for e^r (minimax coefficients as in Cephes expf).
// Below −87.3 the result is 0; NaN stays NaN. No branch, no call: loops over it vectorise.
INLINE float exp_inline(float x) {
  CONTRACT
  const float rounding = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer in the low mantissa bits
  float clamped = x > 88.3762626647949f ? 88.3762626647949f : x;
  clamped = clamped < -87.3365478515625f ? -87.3365478515625f : clamped;
  float shifted = clamped * 1.44269504088896341f + rounding;
  float k = shifted - rounding;
  float r = clamped - k * 0.693359375f;
  r = r - k * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t exponent = (bits_from_float(shifted) - bits_from_float(rounding) + 127) << 23;
  float result = p * float_from_bits(exponent);
  return x < -87.3365478515625f ? 0.0f : result;
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

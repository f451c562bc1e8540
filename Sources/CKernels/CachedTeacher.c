// What a cached teacher needs of a row of the vocabulary: its largest entries, draws from it, 16 bits per
// log-probability; and the student's part of forward KL against a target that has only a few tokens.
#include "KernelSupport.h"

// ---- The student's side of forward KL

#define DEFINE_STUDENT_EXPONENTIALS(NAME, HARD)                                                                  \
  INLINE void NAME(float *exponentials, const float *student, float maximum, float inverse_temperature,         \
                   limbeck_student_sums *sums, size_t n) {                                                      \
    exponent factor = exponent_of(inverse_temperature);                                                         \
    for (size_t start = 0; start < n; start += CHUNK) {                                                         \
      REASSOCIATE                                                                                               \
      float soft_sum = 0, hard_sum = 0;                                                                         \
      size_t end = start + chunk_length(start, n);                                                              \
      for (size_t i = start; i < end; i++) {                                                                    \
        float shifted = student[i] - maximum;                                                                   \
        float e = exp_scaled(shifted, factor);                                                                  \
        soft_sum += e;                                                                                          \
        hard_sum += HARD;                                                                                       \
        exponentials[i] = e;                                                                                    \
      }                                                                                                         \
      sums->soft += (double)soft_sum;                                                                           \
      sums->hard += (double)hard_sum;                                                                           \
    }                                                                                                           \
  }

DEFINE_STUDENT_EXPONENTIALS(student_exponentials_1, e)
DEFINE_STUDENT_EXPONENTIALS(student_exponentials_2, e *e)
DEFINE_STUDENT_EXPONENTIALS(student_exponentials_any, exp_inline(shifted))

KERNEL limbeck_student_sums limbeck_student_softmax(float *restrict exponentials, const float *restrict student,
                                                    float maximum, float temperature, size_t n) {
  limbeck_student_sums sums = {0, 0};
  float inverse = 1.0f / temperature;
  if (temperature == 1.0f) {
    student_exponentials_1(exponentials, student, maximum, inverse, &sums, n);
  } else if (temperature == 2.0f) {
    student_exponentials_2(exponentials, student, maximum, inverse, &sums, n);
  } else {
    student_exponentials_any(exponentials, student, maximum, inverse, &sums, n);
  }
  return sums;
}

KERNEL void limbeck_student_softmax_gradient(float *restrict student, const float *restrict exponentials,
                                             float soft_scale, float hard_scale, float maximum, float temperature,
                                             size_t n) {
  CONTRACT
  if (temperature == 1.0f || hard_scale == 0.0f) {
    float scale = soft_scale + hard_scale;
    for (size_t i = 0; i < n; i++) student[i] = scale * exponentials[i];
  } else if (temperature == 2.0f) {
    for (size_t i = 0; i < n; i++) {
      float e = exponentials[i];
      student[i] = e * (soft_scale + hard_scale * e);
    }
  } else {
    for (size_t i = 0; i < n; i++)
      student[i] = soft_scale * exponentials[i] + hard_scale * exp_inline(student[i] - maximum);
  }
}

// ---- The largest entries

// Whether (a, i) comes after (b, j): it is smaller, or as large with a greater index.
INLINE int is_after(float a, int32_t i, float b, int32_t j) { return a < b || (a == b && i > j); }

// Restores a heap whose first element may come too early; the element that comes last is on top.
static void sift_down(int32_t *heap, size_t count, const float *x) {
  size_t place = 0;
  for (;;) {
    size_t last = place, left = 2 * place + 1, right = left + 1;
    if (left < count && is_after(x[heap[left]], heap[left], x[heap[last]], heap[last])) last = left;
    if (right < count && is_after(x[heap[right]], heap[right], x[heap[last]], heap[last])) last = right;
    if (last == place) return;
    int32_t moved = heap[place];
    heap[place] = heap[last];
    heap[last] = moved;
    place = last;
  }
}

static void sift_up(int32_t *heap, size_t place, const float *x) {
  while (place > 0) {
    size_t parent = (place - 1) / 2;
    if (!is_after(x[heap[place]], heap[place], x[heap[parent]], heap[parent])) return;
    int32_t moved = heap[place];
    heap[place] = heap[parent];
    heap[parent] = moved;
    place = parent;
  }
}

// Elements that are looked at together: nearly all groups have nothing above the smallest entry found so far.
enum { GROUP = 64 };

KERNEL void limbeck_largest(int32_t *indices, const float *x, size_t n, size_t k) {
  size_t i = 0;
  for (; i < k; i++) {
    indices[i] = (int32_t)i;
    sift_up(indices, i, x);
  }
  while (i < n) {
    float threshold = x[indices[0]];
    size_t end = n - i < GROUP ? n : i + GROUP;
    int32_t any = 0;
    for (size_t j = i; j < end; j++) any |= x[j] > threshold;
    if (any)
      for (size_t j = i; j < end; j++)
        if (x[j] > x[indices[0]]) {
          indices[0] = (int32_t)j;
          sift_down(indices, k, x);
        }
    i = end;
  }
}

// ---- Draws

KERNEL double limbeck_exponentials_cross(float *restrict x, float maximum, float scale, double *restrict cross,
                                         size_t n) {
  double total = 0, total_cross = 0;
  exponent factor = exponent_of(scale);
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0, sum_cross = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      float difference = x[i] - maximum;
      float e = exp_scaled(difference, factor);
      x[i] = e;
      sum += e;
      sum_cross += e > 0 ? e * difference : 0;
    }
    total += (double)sum;
    total_cross += (double)sum_cross * (double)scale;
  }
  *cross = total_cross;
  return total;
}

INLINE double group_sum(const float *weights, size_t start, size_t end) {
  REASSOCIATE
  float sum = 0;
  for (size_t i = start; i < end; i++) sum += weights[i];
  return (double)sum;
}

KERNEL void limbeck_draw(int32_t *indices, const float *weights, const double *uniforms, size_t draws, size_t n) {
  double total = 0;
  size_t last = 0;
  for (size_t start = 0; start < n; start += GROUP) {
    size_t end = n - start < GROUP ? n : start + GROUP;
    double sum = group_sum(weights, start, end);
    total += sum;
    if (sum > 0) last = start;
  }
  // the groups' sums are taken again, in the same order, so that they end at the same total
  double before = 0;
  size_t done = 0;
  for (size_t start = 0; start <= last && done < draws; start += GROUP) {
    size_t end = n - start < GROUP ? n : start + GROUP;
    double after = before + group_sum(weights, start, end);
    double running = before;
    size_t i = start;
    int32_t chosen = (int32_t)start;
    // what rounding leaves beyond the last group belongs to it
    while (done < draws && (uniforms[done] * total < after || start == last)) {
      double target = uniforms[done] * total;
      for (; i < end; i++) {
        if (weights[i] <= 0) continue;
        chosen = (int32_t)i;
        if (running + (double)weights[i] > target) break;
        running += (double)weights[i];
      }
      indices[done++] = chosen;
    }
    before = after;
  }
}

// ---- Log-probabilities in 16 bits

// −log p in steps of 2⁻¹¹ below 16; above, 11 bits after the leading one; 65535 is infinite. Below 16 the code counts
// steps, above it is the upper half of the float's bits, moved so that 16 follows on what is below.
#define FLOAT_16 0x41800000
#define FIRST_FLOAT_CODE 32768

KERNEL void limbeck_encode_log_probabilities(uint16_t *restrict codes, const float *restrict log_p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float nats = log_p[i] < 0 ? -log_p[i] : 0.0f;
    float steps = nats < 16.0f ? nats : 0.0f;
    int32_t low = (int32_t)(steps * 2048.0f + 0.5f);
    int32_t high = ((bits_from_float(nats) - FLOAT_16 + 0x800) >> 12) + FIRST_FLOAT_CODE;
    int32_t code = nats < 16.0f ? low : high;
    codes[i] = (uint16_t)(nats < 1e6f ? code : 65535);
  }
}

KERNEL void limbeck_decode_log_probabilities(float *restrict out, const uint16_t *restrict codes, float scale,
                                             size_t n) {
  for (size_t i = 0; i < n; i++) {
    int32_t code = codes[i];
    float low = (float)code * (1.0f / 2048.0f);
    float high = float_from_bits((code - FIRST_FLOAT_CODE) * 4096 + FLOAT_16);
    float nats = code < FIRST_FLOAT_CODE ? low : high;
    out[i] = code == 65535 ? -INFINITY : -nats * scale;
  }
}

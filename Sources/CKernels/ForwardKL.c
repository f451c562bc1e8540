// Forward KL and cross-entropy of one token straight from logits: two exponentials per element where the general way,
// by log-probabilities, takes six. At temperature 1 and 2 the exponential at temperature 1, which the cross-entropy
// needs, is a power of the one at the divergence's temperature.
#include "KernelSupport.h"

// Cross term of an element that the teacher gives no probability: 0, whatever the student's logit is.
INLINE float cross_term(float e, float difference) { return e > 0 ? e * difference : 0; }

#define DEFINE_EXPONENTIALS(NAME, HARD)                                                                         \
  INLINE void NAME(float *teacher, float *exponentials, const float *student, float teacher_maximum,            \
                   float student_maximum, float inverse_temperature, limbeck_softmax_sums *sums, size_t n) {    \
    for (size_t start = 0; start < n; start += PIECE) {                                                         \
      REASSOCIATE                                                                                               \
      float student_sum = 0, teacher_sum = 0, hard_sum = 0, cross = 0;                                          \
      size_t end = start + piece_length(start, n);                                                              \
      for (size_t i = start; i < end; i++) {                                                                    \
        float shifted = student[i] - student_maximum;                                                           \
        float p = (teacher[i] - teacher_maximum) * inverse_temperature, q = shifted * inverse_temperature;      \
        float e = exp_inline(q), t = exp_inline(p);                                                             \
        student_sum += e;                                                                                       \
        teacher_sum += t;                                                                                       \
        hard_sum += HARD;                                                                                       \
        cross += cross_term(t, p - q);                                                                          \
        exponentials[i] = e;                                                                                    \
        teacher[i] = t;                                                                                         \
      }                                                                                                         \
      sums->student += (double)student_sum;                                                                     \
      sums->teacher += (double)teacher_sum;                                                                     \
      sums->hard += (double)hard_sum;                                                                           \
      sums->cross += (double)cross;                                                                             \
    }                                                                                                           \
  }

DEFINE_EXPONENTIALS(exponentials_1, e)
DEFINE_EXPONENTIALS(exponentials_2, e *e)
DEFINE_EXPONENTIALS(exponentials_any, exp_inline(shifted))

KERNEL limbeck_softmax_sums limbeck_softmax_pair(float *restrict teacher, float *restrict exponentials,
                                                 const float *restrict student, float teacher_maximum,
                                                 float student_maximum, float temperature, size_t n) {
  limbeck_softmax_sums sums = {0, 0, 0, 0};
  float inverse = 1.0f / temperature;
  if (temperature == 1.0f) {
    exponentials_1(teacher, exponentials, student, teacher_maximum, student_maximum, inverse, &sums, n);
  } else if (temperature == 2.0f) {
    exponentials_2(teacher, exponentials, student, teacher_maximum, student_maximum, inverse, &sums, n);
  } else {
    exponentials_any(teacher, exponentials, student, teacher_maximum, student_maximum, inverse, &sums, n);
  }
  return sums;
}

KERNEL void limbeck_softmax_pair_gradient(float *restrict student, const float *restrict teacher,
                                          const float *restrict exponentials, float student_scale, float teacher_scale,
                                          float hard_scale, float maximum, float temperature, size_t n) {
  CONTRACT
  if (temperature == 1.0f) {
    float scale = student_scale + hard_scale;
    for (size_t i = 0; i < n; i++) student[i] = scale * exponentials[i] - teacher_scale * teacher[i];
  } else if (temperature == 2.0f) {
    for (size_t i = 0; i < n; i++) {
      float e = exponentials[i];
      student[i] = e * (student_scale + hard_scale * e) - teacher_scale * teacher[i];
    }
  } else {
    for (size_t i = 0; i < n; i++) {
      float hard = hard_scale * exp_inline(student[i] - maximum);
      student[i] = student_scale * exponentials[i] - teacher_scale * teacher[i] + hard;
    }
  }
}

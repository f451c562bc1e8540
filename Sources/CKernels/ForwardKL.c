// Forward KL and cross-entropy of one token straight from logits: two exponentials per element where the general way,
// by log-probabilities, takes six. At temperature 1 and 2 the exponential at temperature 1, which the cross-entropy
// needs, is a power of the one at the divergence's temperature.
//
// Rows come from memory, and are read there once: the maximum is that of the chunks so far (Milakov & Gimelshein 2018),
// and what was summed before a greater one came is scaled to it. The gradient scales each chunk's exponentials.
#include "KernelSupport.h"
#include <float.h>

// Elements that are worked on together, two cache lines of each row, and the sums of each.
enum { TOGETHER = 32, LINE_FLOATS = 64 / sizeof(float) };
typedef struct {
  float student[TOGETHER], teacher[TOGETHER], hard[TOGETHER], cross[TOGETHER];
} lane_sums;

// Which function of the student's exponential e at temperature τ the one at temperature 1 is.
typedef enum { SAME, SQUARE, ANOTHER } hard_exponential;

INLINE hard_exponential hard_exponential_at(float temperature) {
  return temperature == 1.0f ? SAME : temperature == 2.0f ? SQUARE : ANOTHER;
}

INLINE void add_element(lane_sums *sums, size_t lane, float *restrict teacher, float *restrict exponential,
                        float student, float teacher_maximum, float student_maximum, exponent factor,
                        hard_exponential hard) {
  CONTRACT
  float p = *teacher - teacher_maximum, q = student - student_maximum;
  float e = exp_scaled(q, factor), t = exp_scaled(p, factor);
  sums->student[lane] += e;
  sums->teacher[lane] += t;
  sums->hard[lane] += hard == SAME ? e : hard == SQUARE ? e * e : exp_inline(q);
  // of an element that the teacher gives no probability nothing, whatever the student's logit is
  sums->cross[lane] += t > 0 ? t * (p - q) : 0;
  *exponential = e;
  *teacher = t;
}

INLINE double total(const float lanes[TOGETHER]) {
  REASSOCIATE
  double sum = 0;
  for (size_t l = 0; l < TOGETHER; l++) sum += (double)lanes[l];
  return sum;
}

// One chunk of a row; of the next it asks for as much while it computes.
INLINE void add_chunk(limbeck_softmax_sums *sums, float *restrict teacher, float *restrict exponentials,
                      const float *restrict student, exponent factor, hard_exponential hard, double inverse_temperature,
                      size_t n) {
  float p = sums->teacher_maximum, q = sums->student_maximum;
  lane_sums lanes = {{0}, {0}, {0}, {0}};
  size_t i = 0;
  for (; i + TOGETHER <= n; i += TOGETHER) {
    for (size_t l = 0; l < TOGETHER; l += LINE_FLOATS) {
      __builtin_prefetch(teacher + i + l + CHUNK, 0, 2);
      __builtin_prefetch(student + i + l + CHUNK, 0, 2);
    }
    for (size_t l = 0; l < TOGETHER; l++)
      add_element(&lanes, l, teacher + i + l, exponentials + i + l, student[i + l], p, q, factor, hard);
  }
  for (size_t l = 0; i + l < n; l++)
    add_element(&lanes, l, teacher + i + l, exponentials + i + l, student[i + l], p, q, factor, hard);
  sums->student += total(lanes.student);
  sums->teacher += total(lanes.teacher);
  sums->hard += total(lanes.hard);
  sums->cross += total(lanes.cross) * inverse_temperature;
}

// The sums for greater maxima than those they were taken with.
static void rescale(limbeck_softmax_sums *sums, float teacher_maximum, float student_maximum, double inverse) {
  double teacher = (double)teacher_maximum - (double)sums->teacher_maximum;
  double student = (double)student_maximum - (double)sums->student_maximum;
  double teacher_scale = exp(-teacher * inverse);
  sums->cross = teacher_scale * (sums->cross - sums->teacher * (teacher - student) * inverse);
  sums->teacher *= teacher_scale;
  sums->student *= exp(-student * inverse);
  sums->hard *= exp(-student);
  sums->teacher_maximum = teacher_maximum;
  sums->student_maximum = student_maximum;
}

KERNEL limbeck_softmax_sums limbeck_softmax_pair(float *restrict teacher, float *restrict exponentials,
                                                 const float *restrict student, float temperature,
                                                 float *restrict maxima, size_t n) {
  // a chunk may have masked logits alone, and −∞ − −∞ is no number
  limbeck_softmax_sums sums = {0, 0, 0, 0, -FLT_MAX, -FLT_MAX};
  double inverse = 1.0 / (double)temperature;
  exponent factor = exponent_of((float)inverse);
  hard_exponential hard = hard_exponential_at(temperature);
  for (size_t start = 0; start < n; start += CHUNK, maxima += 2) {
    size_t count = chunk_length(start, n);
    float *p = teacher + start, *e = exponentials + start;
    const float *q = student + start;
    maxima[0] = fmaxf(sums.teacher_maximum, max_inline(p, count, NULL));
    maxima[1] = fmaxf(sums.student_maximum, max_inline(q, count, NULL));
    if (maxima[0] > sums.teacher_maximum || maxima[1] > sums.student_maximum) {
      rescale(&sums, maxima[0], maxima[1], inverse);
    }
    if (hard == SAME) add_chunk(&sums, p, e, q, factor, SAME, inverse, count);
    if (hard == SQUARE) add_chunk(&sums, p, e, q, factor, SQUARE, inverse, count);
    if (hard == ANOTHER) add_chunk(&sums, p, e, q, factor, ANOTHER, inverse, count);
  }
  return sums;
}

// Of one chunk, whose scales are for its maxima.
INLINE void piece_gradient(float *restrict student, const float *restrict teacher, const float *restrict exponentials,
                           float student_scale, float teacher_scale, float hard_scale, float maximum,
                           hard_exponential hard, size_t n) {
  CONTRACT
  for (size_t i = 0; i < n; i++) {
    float e = exponentials[i];
    float one = hard == SAME ? e : hard == SQUARE ? e * e : exp_inline(student[i] - maximum);
    student[i] = student_scale * e + hard_scale * one - teacher_scale * teacher[i];
  }
}

KERNEL void limbeck_softmax_pair_gradient(float *restrict student, const float *restrict teacher,
                                          const float *restrict exponentials, const limbeck_softmax_sums *sums,
                                          float student_scale, float teacher_scale, float hard_scale,
                                          float temperature, const float *restrict maxima, size_t n) {
  hard_exponential hard = hard_exponential_at(temperature);
  double inverse = 1.0 / (double)temperature;
  float teacher_now = 0, student_now = 0, hard_now = 0, maximum = sums->student_maximum;
  for (size_t start = 0; start < n; start += CHUNK, maxima += 2) {
    if (start == 0 || maxima[0] != maxima[-2] || maxima[1] != maxima[-1]) {
      double below = (double)maxima[1] - (double)maximum;
      teacher_now = teacher_scale * (float)exp(((double)maxima[0] - (double)sums->teacher_maximum) * inverse);
      student_now = student_scale * (float)exp(below * inverse);
      // the third kind is taken relative to the row's maximum
      hard_now = hard_scale * (hard == ANOTHER ? 1 : (float)exp(below));
    }
    float *out = student + start;
    const float *p = teacher + start, *e = exponentials + start;
    size_t count = chunk_length(start, n);
    if (hard == SAME) piece_gradient(out, p, e, student_now, teacher_now, hard_now, maximum, SAME, count);
    if (hard == SQUARE) piece_gradient(out, p, e, student_now, teacher_now, hard_now, maximum, SQUARE, count);
    if (hard == ANOTHER) piece_gradient(out, p, e, student_now, teacher_now, hard_now, maximum, ANOTHER, count);
  }
}

// d/d log q of each divergence, less a multiple of q where one would only cancel digits: the chain rule through the
// softmax, g − q·Σg, gives the same for g and g + c·q. A probability of exactly 0 contributes nothing, whatever the
// other side's log is: 0 · ∞ would be NaN, so each product with a log-ratio is selected away where its probability is
// 0. The gradient never overlaps the other rows: without `restrict` the loops would look whether it lies close to them
// when they run, and then sum one element after another, with other bits.
#include "KernelSupport.h"

KERNEL double limbeck_forward_kl(float *restrict gradient, const float *log_p, const float *log_q, size_t n) {
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      float p = exp_inline(log_p[i]);
      sum += p > 0 ? p * (log_p[i] - log_q[i]) : 0;
      gradient[i] = -p;
    }
    total += (double)sum;
  }
  return total;
}

KERNEL double limbeck_reverse_kl(float *restrict gradient, const float *log_p, const float *log_q, size_t n) {
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      float q = exp_inline(log_q[i]);
      float term = q > 0 ? q * (log_q[i] - log_p[i]) : 0;
      sum += term;
      gradient[i] = term;
    }
    total += (double)sum;
  }
  return total;
}

KERNEL double limbeck_symmetric_kl(float *restrict gradient, const float *log_p, const float *log_q,
                                   float forward_weight, size_t n) {
  double total = 0;
  float reverse_weight = 1.0f - forward_weight;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      float p = exp_inline(log_p[i]);
      float q = exp_inline(log_q[i]);
      float forward = p > 0 ? p * (log_p[i] - log_q[i]) : 0;
      float reverse = q > 0 ? q * (log_q[i] - log_p[i]) : 0;
      sum += forward_weight * forward + reverse_weight * reverse;
      gradient[i] = reverse_weight * reverse - forward_weight * p;
    }
    total += (double)sum;
  }
  return total;
}

// weight_p·p·(log p − log M) + weight_q·q·(log q − log M) summed, M = a·p + (1 − a)·q, and its derivative by log q:
// d M / d log q = (1 − a)·q, so the M terms give −(weight_p·p + weight_q·q)/M · (1 − a)·q.
INLINE double mixture_divergence(float *restrict gradient, const float *log_p, const float *log_q, float weight_p,
                                 float weight_q, float a, size_t n) {
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      float p = exp_inline(log_p[i]);
      float q = exp_inline(log_q[i]);
      float mixture = a * p + (1.0f - a) * q;
      mixture = mixture < 1.17549435e-38f ? 1.17549435e-38f : mixture;
      float log_mixture = log_inline(mixture);
      float term_p = p > 0 ? weight_p * p * (log_p[i] - log_mixture) : 0;
      float term_q = q > 0 ? weight_q * q * (log_q[i] - log_mixture) : 0;
      sum += term_p + term_q;
      gradient[i] = term_q - (weight_p * p + weight_q * q) * ((1.0f - a) * q / mixture);
    }
    total += (double)sum;
  }
  return total;
}

KERNEL double limbeck_jensen_shannon(float *restrict gradient, const float *log_p, const float *log_q, float beta,
                                     size_t n) {
  return mixture_divergence(gradient, log_p, log_q, beta, 1.0f - beta, beta, n);
}

KERNEL double limbeck_skew_forward_kl(float *restrict gradient, const float *log_p, const float *log_q, float lambda,
                                      size_t n) {
  return mixture_divergence(gradient, log_p, log_q, 1.0f, 0.0f, lambda, n);
}

KERNEL double limbeck_skew_reverse_kl(float *restrict gradient, const float *log_p, const float *log_q, float lambda,
                                      size_t n) {
  return mixture_divergence(gradient, log_p, log_q, 0.0f, 1.0f, 1.0f - lambda, n);
}

KERNEL double limbeck_total_variation(float *restrict gradient, const float *log_p, const float *log_q, size_t n) {
  double total = 0;
  for (size_t start = 0; start < n; start += CHUNK) {
    REASSOCIATE
    float sum = 0;
    size_t end = start + chunk_length(start, n);
    for (size_t i = start; i < end; i++) {
      float p = exp_inline(log_p[i]);
      float q = exp_inline(log_q[i]);
      float difference = q - p;
      sum += difference < 0 ? -difference : difference;
      float sign = difference > 0 ? 0.5f : difference < 0 ? -0.5f : 0.0f;
      gradient[i] = sign * q;
    }
    total += (double)sum;
  }
  return 0.5 * total;
}

KERNEL void limbeck_logits_gradient(float *restrict log_q, const float *gradient, float gradient_sum, float soft_scale,
                                    float hard_scale, float temperature, float hard_shift, size_t n) {
  CONTRACT
  if (hard_scale == 0.0f) {
    for (size_t i = 0; i < n; i++) log_q[i] = soft_scale * (gradient[i] - exp_inline(log_q[i]) * gradient_sum);
  } else if (temperature == 1.0f) {
    for (size_t i = 0; i < n; i++) {
      float q = exp_inline(log_q[i]);
      log_q[i] = soft_scale * (gradient[i] - q * gradient_sum) + hard_scale * q;
    }
  } else {
    for (size_t i = 0; i < n; i++) {
      float hard = exp_inline(temperature * log_q[i] + hard_shift);
      log_q[i] = soft_scale * (gradient[i] - exp_inline(log_q[i]) * gradient_sum) + hard_scale * hard;
    }
  }
}

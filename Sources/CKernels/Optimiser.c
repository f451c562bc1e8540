#include "KernelSupport.h"

KERNEL void limbeck_adamw(float *weight, float *first_moment, float *second_moment, const float *gradient,
                          float gradient_scale, float learning_rate, float beta1, float beta2, float epsilon,
                          float weight_decay, float correction1, float correction2, size_t n) {
  CONTRACT
  float step = learning_rate / correction1;
  float root_correction = sqrtf(correction2);
  float keep = 1.0f - learning_rate * weight_decay;
  for (size_t i = 0; i < n; i++) {
    float g = gradient[i] * gradient_scale;
    float m = beta1 * first_moment[i] + (1.0f - beta1) * g;
    float v = beta2 * second_moment[i] + (1.0f - beta2) * g * g;
    first_moment[i] = m;
    second_moment[i] = v;
    // the builtin, because sqrtf in a loop checks errno and does not vectorise
    float denominator = __builtin_elementwise_sqrt(v) / root_correction + epsilon;
    weight[i] = weight[i] * keep - step * m / denominator;
  }
}

KERNEL void limbeck_average(float *average, const float *weight, float rate, size_t n) {
  CONTRACT
  for (size_t i = 0; i < n; i++) average[i] += rate * (weight[i] - average[i]);
}

// Row kernels: plain C over pointers and lengths. They allocate nothing, start no threads and call no BLAS.
// On x86-64 each is compiled once per CPU level and dispatched at load time (see KernelSupport.h).
//
// Letters: n elements of a row; C channels; D head size; V vocabulary.
// Sums run in float32 lanes over chunks of a row and in double over the chunks.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Elementwise (Elementwise.c)

/// out[i] = a[i] + scale · b[i], rounded once
void limbeck_add(float *out, const float *a, const float *b, float scale, size_t n);
/// out[i] = alpha · x[i]; beta 1 adds to out, 0 overwrites it.
void limbeck_scaled(float *out, const float *x, float alpha, float beta, size_t n);
/// out[i] = a[i] · b[i]; beta 1 adds to out, 0 overwrites it. out may be a.
void limbeck_multiply(float *out, const float *a, const float *b, float beta, size_t n);
/// y[i] += alpha · x[i]
void limbeck_accumulate(float *y, const float *x, float alpha, size_t n);
/// p[i] = max(0, p[i] − q[i]); returns the sum
double limbeck_subtract_clipped(float *p, const float *q, size_t n);
/// x[i] *= alpha
void limbeck_scale(float *x, float alpha, size_t n);
/// x[i] ← exp(x[i]), at most 1.1 ulp from the true value; exp(−∞) = 0, NaN stays NaN
void limbeck_exp(float *x, size_t n);
/// out[i] = x[i] rounded to bfloat16, to nearest even; NaN stays NaN
void limbeck_round_bf16(float *out, const float *x, size_t n);
/// Rotates (x[i], x[i + half]) of each head of `size` elements by the angle whose cosine and sine are cosine[i],
/// sine[i], i < half (rotate-half order); elements from 2·half on stay. direction +1 rotates forward, −1 back. out may
/// be x; beta 1 adds to out, 0 overwrites it.
void limbeck_rotate_half(float *out, const float *x, const float *cosine, const float *sine, size_t heads,
                         size_t half, size_t size, float direction, float beta);

// ---- Gates of feed-forward networks (Gates.c)

/// out[i] = silu(gate[i]) · up[i], silu(x) = x / (1 + e^−x)
void limbeck_swiglu(float *out, const float *gate, const float *up, size_t n);
/// The same where the gate lies.
void limbeck_swiglu_in_place(float *gate, const float *up, size_t n);
/// The gradient of limbeck_swiglu; each beta 1 adds to d_gate or d_up, 0 overwrites it.
void limbeck_swiglu_backward(float *d_gate, float *d_up, const float *d_out, const float *gate, const float *up,
                             float gate_beta, float up_beta, size_t n);
/// out[i] = gelu(gate[i]) · up[i], gelu(x) = x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))); gelu is off by at most 2 ulp
/// of x.
void limbeck_geglu(float *out, const float *gate, const float *up, size_t n);
/// The same where the gate lies.
void limbeck_geglu_in_place(float *gate, const float *up, size_t n);
/// The gradient of limbeck_geglu; each beta 1 adds to d_gate or d_up, 0 overwrites it.
void limbeck_geglu_backward(float *d_gate, float *d_up, const float *d_out, const float *gate, const float *up,
                            float gate_beta, float up_beta, size_t n);

// ---- Reductions (Reductions.c)

/// The largest element; −∞ for n = 0; NaN if any element is NaN.
float limbeck_max(const float *x, size_t n);
/// The index of the first largest element.
size_t limbeck_argmax(const float *x, size_t n);
/// Σ x
double limbeck_sum(const float *x, size_t n);
/// Σ x²
double limbeck_sum_of_squares(const float *x, size_t n);
/// Σ a·b
double limbeck_dot(const float *a, const float *b, size_t n);
/// out[row] = Σ a·b of each row of n elements, few enough to be summed in float32.
void limbeck_dots(float *out, const float *a, const float *b, size_t rows, size_t n);
/// The index of the first element that is NaN or infinite, or n.
size_t limbeck_first_not_finite(const float *x, size_t n);

// ---- Normalisation (Normalisation.c)

/// out = (offset + weight) · x / √(mean x² + epsilon); returns the reciprocal root, which the backward reads.
float limbeck_rms_norm(float *out, const float *x, const float *weight, float offset, float epsilon, size_t n);
/// Adds the gradients of limbeck_rms_norm: d_x += …, d_weight += d_out · x · reciprocal_root (NULL skips it).
void limbeck_rms_norm_backward(float *d_x, float *d_weight, const float *d_out, const float *x, const float *weight,
                               float offset, float reciprocal_root, float beta, size_t n);

// ---- Softmax and its relatives (Softmax.c)

/// Σ exp((x − maximum)·inverse_temperature)
double limbeck_sum_exp(const float *x, float maximum, float inverse_temperature, size_t n);
/// x ← (x − maximum)·inverse_temperature − log_sum
void limbeck_log_softmax(float *x, float maximum, float inverse_temperature, float log_sum, size_t n);
/// x ← exp((x − maximum)·scale); returns the sum
double limbeck_exponentials(float *x, float maximum, float scale, size_t n);
/// x ← exp((x − maximum)·scale) of the largest x, which is left in maximum; returns the sum, NaN if any x is.
double limbeck_softmax_exponentials(float *x, float *maximum, float scale, size_t n);
/// x ← exp(scale · x − log_sum_exp)
void limbeck_softmax_again(float *x, float scale, float log_sum_exp, size_t n);
/// d_score = p · (d_p − delta) · scale, written over d_p
void limbeck_softmax_backward(float *d_p, const float *p, float delta, float scale, size_t n);

// ---- Soft caps (SoftCap.c)

/// x ← cap · tanh(scale · x / cap)
void limbeck_soft_cap(float *x, float scale, float cap, size_t n);
/// x ← cap · tanh(x / cap), with the derivatives slopes = 1 − tanh²(x / cap).
void limbeck_soft_cap_slopes(float *x, float *slopes, float cap, size_t n);
/// scores ← p = exp(cap · t − log_sum_exp) with t = tanh(scale · score / cap), and d_weights ←
/// p·(d_weights − delta)·scale·(1 − t²).
void limbeck_capped_gradients(float *scores, float *d_weights, float scale, float cap, float log_sum_exp, float delta,
                              size_t n);

// ---- Attention's rows, on CPUs that limbeck_has_product_bf16 (AttentionRows.c)
// `rows` rows lie `line` floats apart, at least as many as the last has elements, in whole vectors of 32. The first has
// `visible` elements, each other one more than the one before. Results are in bfloat16, from where the floats began,
// and 0 from the end of a row to that of the last.

/// scores ← exp(scale·(scores − maximum)), with the maximum and the sum of each row, NaN if any of it is.
void limbeck_causal_weights_bf16(float *scores, size_t line, size_t rows, size_t visible, float scale, float *maxima,
                                 double *sums);
/// scores ← p = exp(scale·scores − log_sum), d_weights ← p·(d_weights − delta)·scale, with log_sums[row] and
/// deltas[row·delta_step].
void limbeck_causal_gradients_bf16(float *scores, float *d_weights, size_t line, size_t rows, size_t visible,
                                   float scale, const float *log_sums, const float *deltas, size_t delta_step);

// ---- Divergences of one token over the vocabulary (Divergences.c)
// log_p, log_q: log-probabilities of teacher and student [V]; −∞ is legal on either side. Each returns the value in
// nats and writes ∂value/∂log q[i] + c·q[i] into gradient [V], c a constant of its own that the softmax's chain rule
// takes out again.

/// Σ p (log p − log q)
double limbeck_forward_kl(float *gradient, const float *log_p, const float *log_q, size_t n);
/// Σ q (log q − log p)
double limbeck_reverse_kl(float *gradient, const float *log_p, const float *log_q, size_t n);
/// a·forward KL + (1 − a)·reverse KL
double limbeck_symmetric_kl(float *gradient, const float *log_p, const float *log_q, float forward_weight, size_t n);
/// β KL(p‖M) + (1 − β) KL(q‖M), M = βp + (1 − β)q, 0 < β < 1
double limbeck_jensen_shannon(float *gradient, const float *log_p, const float *log_q, float beta, size_t n);
/// KL(p ‖ λp + (1 − λ)q)
double limbeck_skew_forward_kl(float *gradient, const float *log_p, const float *log_q, float lambda, size_t n);
/// KL(q ‖ (1 − λ)p + λq)
double limbeck_skew_reverse_kl(float *gradient, const float *log_p, const float *log_q, float lambda, size_t n);
/// ½ Σ |p − q|
double limbeck_total_variation(float *gradient, const float *log_p, const float *log_q, size_t n);
/// Turns log q [V] (student, at temperature τ) and ∂value/∂log q into the gradient on the student's logits, over log_q:
/// soft_scale·(g − q·Σg) + hard_scale·exp(τ·log q + hard_shift). hard_scale 0 leaves the second term out.
void limbeck_logits_gradient(float *log_q, const float *gradient, float gradient_sum, float soft_scale,
                             float hard_scale, float temperature, float hard_shift, size_t n);

// ---- What is said of a teacher's rows beside the divergence (TeacherRows.c)

/// −Σ p log p of log-probabilities [V], in nats.
double limbeck_entropy(const float *log_p, size_t n);

/// A sum over the elements that both rows have.
typedef struct {
  double squares;
  double count;
} limbeck_difference;

/// log_p ← d = temperature·(log_q − log_p) + shift, 0 where either is −∞: Σ d² and the number of the other elements.
limbeck_difference limbeck_logit_differences(float *log_p, const float *log_q, float temperature, float shift,
                                             size_t n);

/// a ← log(e^a + e^b), −∞ where both are.
void limbeck_log_add(float *a, const float *b, size_t n);

// ---- Forward KL from logits (ForwardKL.c)

/// Sums over a row of exponentials, each of a logit less the row's maximum: of the student's at temperature τ, of the
/// teacher's at τ, of the student's at 1, and of teacher's exponential · (teacher's − student's exponent); and the
/// maxima.
typedef struct {
  double student, teacher, hard, cross;
  float teacher_maximum, student_maximum;
} limbeck_softmax_sums;
/// Elements of a chunk of a row; each chunk has two maxima, the last may be shorter.
#define LIMBECK_ROW_CHUNK 1024
/// From logits [V] of both sides: teacher ← exp((teacher − maximum)/τ), exponentials ← exp((student − maximum)/τ), with
/// the maxima up to the end of each chunk, which are written to maxima [chunks, 2], the teacher's first.
limbeck_softmax_sums limbeck_softmax_pair(float *teacher, float *exponentials, const float *student, float temperature,
                                          float *maxima, size_t n);
/// student ← student_scale·exponentials − teacher_scale·teacher + hard_scale·exp(student − maximum), where
/// exponentials, teacher, maxima and sums are what limbeck_softmax_pair left, taken relative to the maxima of the row.
void limbeck_softmax_pair_gradient(float *student, const float *teacher, const float *exponentials,
                                   const limbeck_softmax_sums *sums, float student_scale, float teacher_scale,
                                   float hard_scale, float temperature, const float *maxima, size_t n);

// ---- A cached teacher (CachedTeacher.c)

/// Sums over a row of the student's exponentials: at the temperature, and at temperature 1.
typedef struct {
  double soft, hard;
} limbeck_student_sums;
/// From the student's logits [V]: exponentials ← exp((student − maximum)/τ); −∞ gives 0.
limbeck_student_sums limbeck_student_softmax(float *exponentials, const float *student, float maximum,
                                             float temperature, size_t n);
/// student ← soft_scale·exponentials + hard_scale·exp(student − maximum), the first as limbeck_student_softmax left it.
void limbeck_student_softmax_gradient(float *student, const float *exponentials, float soft_scale, float hard_scale,
                                      float maximum, float temperature, size_t n);
/// The indices of the k largest of n elements, k ≤ n, in no order; of equal ones those with the smallest index.
void limbeck_largest(int32_t *indices, const float *x, size_t n, size_t k);
/// x ← exp((x − maximum)·scale); returns the sum, and in `cross` Σ x·log x of what is left.
double limbeck_exponentials_cross(float *x, float maximum, float scale, double *cross, size_t n);
/// Draws from weights [V], at least one above 0: indices[d] is where the running sum first exceeds uniforms[d] × the
/// total. uniforms lie in [0, 1) and ascend.
void limbeck_draw(int32_t *indices, const float *weights, const double *uniforms, size_t draws, size_t n);
/// codes[i] = log_p[i] in 16 bits: −log p in steps of 2⁻¹¹ below 16, with 12 significant bits up to 10⁶; 65535 stands
/// for −∞. Above 0 counts as 0.
void limbeck_encode_log_probabilities(uint16_t *codes, const float *log_p, size_t n);
/// out[i] = scale · the log-probability of codes[i]
void limbeck_decode_log_probabilities(float *out, const uint16_t *codes, float scale, size_t n);

// ---- Optimiser (Optimiser.c)

/// One AdamW step (Loshchilov & Hutter 2019) with decoupled decay on n weights; gradient is multiplied by
/// gradient_scale first. correction1 = 1 − β1^t, correction2 = 1 − β2^t.
void limbeck_adamw(float *weight, float *first_moment, float *second_moment, const float *gradient,
                   float gradient_scale, float learning_rate, float beta1, float beta2, float epsilon,
                   float weight_decay, float correction1, float correction2, size_t n);
/// average[i] += rate · (weight[i] − average[i])
void limbeck_average(float *average, const float *weight, float rate, size_t n);

/// The pause instruction of a spin loop.
void limbeck_pause(void);

// ---- Matrix–vector products (MatrixVector.c)

/// out[r] = Σ w[r·stride + i] · x[i] over n elements, or += where accumulate ≠ 0, for each of `rows` rows.
void limbeck_matrix_vector(float *out, const float *w, size_t stride, const float *x, size_t rows, size_t n,
                           int accumulate);
/// out[i] = Σ weights[r] · w[r·stride + i] over `rows` rows, for each of n elements.
void limbeck_weighted_rows(float *out, const float *weights, const float *w, size_t stride, size_t rows, size_t n);
/// The same of rows of n elements in float16, one after another.
void limbeck_weighted_rows_f16(float *out, const float *weights, const void *w, size_t rows, size_t n);

// ---- Rows in float16 (CachedRows.c)

/// to[i] = from[i] in float16, to nearest even; beyond its range, its largest number.
void limbeck_narrow_f16(void *to, const float *from, size_t n);
/// to[i] = from[i], which is in float16
void limbeck_widen_f16(float *to, const void *from, size_t n);
/// out[r] = Σ w[r·n + i] · x[i] over n elements of each of `rows` rows in float16.
void limbeck_inner_products_f16(float *out, const void *w, const float *x, size_t rows, size_t n);

// ---- Weights of 16 bits, which may begin at any byte (WeightConversion.c)

/// to[i] = from[i], which is in bfloat16; exact, a NaN keeps its bits.
void limbeck_decode_bf16(float *to, const void *from, size_t n);
/// to[i] = from[i], which is in float16; exact, NaN stays NaN.
void limbeck_decode_f16(float *to, const void *from, size_t n);
/// to[i] = from[i] in bfloat16, to nearest even; too large becomes infinity, NaN stays NaN.
void limbeck_encode_bf16(void *to, const float *from, size_t n);
/// The same in float16.
void limbeck_encode_f16(void *to, const float *from, size_t n);

// ---- Matrix products (MatrixFloat32*.c, MatrixFewRows.h, MatrixBFloat16.c, MatrixReference.c)

enum {
  /// The most rows that limbeck_few_rows multiplies; with more, limbeck_product_f32 is faster.
  LIMBECK_FEW_ROWS = 12,
  /// Columns of a right factor that are packed together.
  LIMBECK_PRODUCT_PANEL = 48,
  /// Words of the shared dimension at a time, with AVX-512: a panel then stays in the second-level cache.
  LIMBECK_PRODUCT_DEPTH = 512,
  /// Rows of a left factor that are packed at a time, with AVX-512.
  LIMBECK_PRODUCT_ROWS = 256,
  /// Bytes of scratch memory that a product needs; with AVX2 it takes less.
  LIMBECK_PRODUCT_SCRATCH = 4 * LIMBECK_PRODUCT_DEPTH * (LIMBECK_PRODUCT_PANEL + LIMBECK_PRODUCT_ROWS),
};
/// The vectors that products in float32 have kernels for: those of x86-64-v3 and x86-64-v4.
typedef enum { LIMBECK_NO_VECTORS, LIMBECK_AVX2, LIMBECK_AVX512 } limbeck_vectors;
/// The longest that this CPU has.
limbeck_vectors limbeck_best_vectors(void);
/// out[i, r] = Σ x[i, k] · w[r, k], or += where accumulate ≠ 0, of up to LIMBECK_FEW_ROWS rows of x and n of w, over
/// `depth`, on the calling thread, whose CPU must have the vectors. What comes of a row does not depend on the others,
/// nor on how many there are.
void limbeck_few_rows(limbeck_vectors vectors, float *out, size_t out_stride, int accumulate, const float *x,
                      size_t x_stride, size_t m, const float *w, size_t w_stride, size_t n, size_t depth,
                      void *scratch);
/// What a product does with what is in the memory of its result: overwrites it, adds to it, or overwrites it past the
/// caches, as far as that is possible, for results that are too large for these.
typedef enum { LIMBECK_OVERWRITE, LIMBECK_ADD, LIMBECK_STREAM } limbeck_store;
/// c[m, n] = a·b, or +=, over `depth` steps of the shared dimension, on the calling thread, whose CPU must have the
/// vectors. a's element of row r at step k is a[r·a_row + k·a_step], b's of column j
/// b[k·b_step + j·b_column]; one stride of each is 1. c's rows lie c_row apart. `depth` is at least 1.
void limbeck_product_f32(limbeck_vectors vectors, float *c, size_t c_row, limbeck_store store, const float *a,
                         size_t a_row, size_t a_step, const float *b, size_t b_step, size_t b_column, size_t m,
                         size_t n, size_t depth, void *scratch);
/// c[m, n] = a·b, or += where accumulate ≠ 0, on any CPU: each element one sum in double, in the order of the shared
/// dimension. The strides are those of limbeck_product_f32.
void limbeck_product_reference(float *c, size_t c_row, int accumulate, const float *a, size_t a_row, size_t a_step,
                               const float *b, size_t b_step, size_t b_column, size_t m, size_t n, size_t depth);
/// Whether this CPU can run limbeck_product_bf16.
int limbeck_has_product_bf16(void);

/// The left factor of limbeck_product_bf16: element (r, k) at data[r·row + k·step], floats, of which one stride is 1.
/// If it is narrow, limbeck_narrow_bf16 has been at each of its rows, or columns, which still begin where they did.
typedef struct {
  const void *data;
  size_t row, step;
  int is_narrow;
} limbeck_left_factor;
/// The right factor: element (k, j) at data[k·step + j·column], floats, of which one stride is 1; or what
/// limbeck_pack_bf16 made of a matrix of `packed_pairs` pairs of steps, of which the first are used, from a column
/// divisible by LIMBECK_PRODUCT_PANEL on.
typedef struct {
  const void *data;
  size_t step, column, packed_pairs;
} limbeck_right_factor;
/// Rounds n floats to bfloat16 (nearest, ties to even), each half as long, from where the first one was.
void limbeck_narrow_bf16(float *x, size_t n);
/// Packs a right factor for many products: for each panel of columns its words for each pair of steps, so that column
/// j, the first of a panel, begins at word j · ⌈depth/2⌉.
void limbeck_pack_bf16(void *packed, const float *b, size_t b_step, size_t b_column, size_t n, size_t depth);
/// c[m, n] = a·b, or +=, of a and b rounded to bfloat16, with sums in float32 of pairs of products.
void limbeck_product_bf16(float *c, size_t c_row, limbeck_store store, limbeck_left_factor a, limbeck_right_factor b,
                          size_t m, size_t n, size_t depth, void *scratch);

// ---- Quantised weights, which may begin at any byte (quantised/)

/// Blocks of 32 weights, or of 256 where the name ends in K, as ggml lays them out.
typedef enum {
  LIMBECK_Q4_0,
  LIMBECK_Q4_1,
  LIMBECK_Q5_0,
  LIMBECK_Q5_1,
  LIMBECK_Q8_0,
  LIMBECK_IQ4_NL,
  LIMBECK_Q2_K,
  LIMBECK_Q3_K,
  LIMBECK_Q4_K,
  LIMBECK_Q5_K,
  LIMBECK_Q6_K,
} limbeck_block_type;
/// The weights of `count` blocks, one after another, each rounded at most once; the same bits whatever the vectors,
/// which the CPU must have.
void limbeck_decode_blocks(limbeck_vectors vectors, limbeck_block_type type, float *to, const void *from,
                           size_t count);
/// The blocks of finite weights, `count` of them, of Q4_0, Q8_0, Q4_K or Q6_K: the first two with the bits of ggml's
/// reference, the others with the scales of a search; the same bits on every CPU.
void limbeck_encode_blocks(limbeck_block_type type, void *to, const float *from, size_t count);
/// out[r] = Σ x[k] · w[r, k], or += where accumulate ≠ 0, of one row x and n rows w of whole blocks, one after another,
/// over `depth`, on the calling thread, whose CPU must have the vectors, of which there are some. The bits are those of
/// limbeck_few_rows with the decoded weights.
void limbeck_one_row_of_blocks(limbeck_vectors vectors, limbeck_block_type type, float *out, int accumulate,
                               const float *x, const void *w, size_t n, size_t depth);

#ifdef __cplusplus
}
#endif

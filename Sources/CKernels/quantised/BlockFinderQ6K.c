#include "BlockEncoders.h"

// Weights that a block of Q6_K holds exactly get a block that does: a search for small errors would miss some. Halves
// are whole multiples of 2^-24, so that such weights are d·s·q in integers, with d the half, s a part's scale from −128
// to 127, and q from −32 to 31.

enum { LARGEST_SCALE = 128, LARGEST_Q = 32 };

// The weights of a part as multiples of their greatest common divisor: from −below to above; 0 where all are 0.
typedef struct {
  int64_t divisor, above, below;
} part_of_16;

static int64_t common_divisor(int64_t a, int64_t b) {
  while (b != 0) {
    int64_t rest = a % b;
    a = b, b = rest;
  }
  return a;
}

// Whether they are whole multiples of 2^-24 that a block may hold.
static int read_part(part_of_16 *part, const float *x) {
  const float largest = 65504.0f * LARGEST_SCALE * LARGEST_Q;
  int64_t most = 0, least = 0, divisor = 0;
  for (int i = 0; i < 16; i++) {
    if (!(fabsf(x[i]) <= largest)) return 0;
    float multiple = x[i] * 0x1p24f;
    int64_t n = (int64_t)multiple;
    if ((float)n != multiple) return 0;
    divisor = common_divisor(n < 0 ? -n : n, divisor);
    most = n > most ? n : most;
    least = n < least ? n : least;
  }
  part->divisor = divisor;
  part->above = divisor == 0 ? 0 : most / divisor;
  part->below = divisor == 0 ? 0 : -least / divisor;
  return part->above <= LARGEST_Q && part->below <= LARGEST_Q;
}

// The scale of a part in a block whose half is `sign` · `unit` · 2^-24, as large as can be; 0 where there is none.
static int scale_of_part(const part_of_16 *part, int64_t unit, int sign) {
  int64_t multiple = part->divisor / unit;
  for (int64_t k = 1; k * part->above <= LARGEST_Q && k * part->below <= LARGEST_Q; k++) {
    if (multiple % k != 0 || multiple / k > LARGEST_SCALE) continue;
    int scale = (int)(multiple / k) * sign;
    // integers of the sign of half and scale
    if (scale < LARGEST_SCALE && k * part->above < LARGEST_Q) return scale;
    if (-scale < LARGEST_SCALE && k * part->below < LARGEST_Q) return -scale;
  }
  return 0;
}

static int is_half(int64_t multiple) {
  if (multiple > (int64_t)65504 << 24) return 0;
  return (int64_t)((float)(half)((float)multiple * 0x1p-24f) * 0x1p24f) == multiple;
}

int find_q6_k(q6_k *b, const float *x) {
  part_of_16 parts[16];
  int64_t divisor = 0, largest = 0;
  for (int part = 0; part < 16; part++) {
    if (!read_part(&parts[part], x + 16 * part)) return 0;
    divisor = common_divisor(divisor, parts[part].divisor);
    largest = parts[part].divisor > largest ? parts[part].divisor : largest;
  }
  memset(b->scales, 0, sizeof b->scales);
  b->d = 0;
  if (divisor == 0) return 1;
  // the half divides all of them
  for (int64_t k = 1; largest / divisor * k <= LARGEST_SCALE * LARGEST_Q; k++) {
    if (divisor % k != 0 || !is_half(divisor / k)) continue;
    for (int sign = 1; sign >= -1; sign -= 2) {
      int found = 1;
      for (int part = 0; part < 16 && found; part++) {
        int scale = parts[part].divisor == 0 ? 0 : scale_of_part(&parts[part], divisor / k, sign);
        found = parts[part].divisor == 0 || scale != 0;
        b->scales[part] = (int8_t)scale;
      }
      if (!found) continue;
      b->d = (half)((float)sign * (float)(divisor / k) * 0x1p-24f);
      return 1;
    }
  }
  return 0;
}

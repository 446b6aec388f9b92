// Integer arithmetic of TensorFlow Lite's 8-bit quantisation: a real factor becomes a 32-bit multiplier and a shift.
#ifndef FIXED_POINT_H
#define FIXED_POINT_H

#include <stdint.h>

typedef struct {
  int32_t multiplier;
  int32_t shift;
} scale_t;

// The high half of 2ab, rounded to nearest, the one overflow saturated.
static inline int32_t doubling_high_product(int32_t a, int32_t b) {
  if (a == b && a == INT32_MIN) {
    return INT32_MAX;
  }
  const int64_t product = (int64_t)a * b;
  const int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
  return (int32_t)((product + nudge) / ((int64_t)1 << 31));
}

// value / 2^exponent, rounded to nearest, halves away from zero.
static inline int32_t rounding_shift_right(int32_t value, int exponent) {
  const int32_t mask = (int32_t)((1u << exponent) - 1u);
  const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
  return (value >> exponent) + ((value & mask) > threshold ? 1 : 0);
}

static inline int32_t saturating_shift_left(int32_t value, int exponent) {
  const int32_t limit = INT32_MAX >> exponent;
  if (value > limit) {
    return INT32_MAX;
  }
  if (value < -limit - 1) {
    return INT32_MIN;
  }
  return (int32_t)((uint32_t)value << exponent);
}

static inline int32_t rescale(int32_t value, scale_t scale) {
  const int left = scale.shift > 0 ? scale.shift : 0;
  const int right = scale.shift > 0 ? 0 : -scale.shift;
  return rounding_shift_right(doubling_high_product((int32_t)((uint32_t)value << left), scale.multiplier), right);
}

static inline int32_t clamp(int32_t value, int32_t low, int32_t high) { return value < low ? low : value > high ? high : value; }

// The multiplier in [2^30, 2^31) and the shift of a positive real factor.
scale_t scale_from_factor(double factor);

#endif

#include "fixed_point.h"

scale_t scale_from_factor(double factor) {
  union {
    double value;
    uint64_t bits;
  } image = {.value = factor};
  const int exponent = (int)(image.bits >> 52 & 0x7FFu);
  if (exponent == 0) {
    return (scale_t){0, 0};
  }
  // factor = mantissa / 2^53 * 2^shift with the mantissa in [2^52, 2^53); 31 of its bits are kept, halves rounded up.
  const uint64_t mantissa = (image.bits & (((uint64_t)1 << 52) - 1u)) | (uint64_t)1 << 52;
  uint64_t multiplier = (mantissa + ((uint64_t)1 << 21)) >> 22;
  int shift = exponent - 1022;
  if (multiplier == (uint64_t)1 << 31) {
    multiplier >>= 1;
    ++shift;
  }
  if (shift < -31) {
    return (scale_t){0, 0};
  }
  return (scale_t){(int32_t)multiplier, shift};
}

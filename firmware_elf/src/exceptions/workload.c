#include "workload.h"

#if defined(__arm__) && __ARM_ARCH >= 7
// Carries run through the flags, and the IT blocks are as long as they get.
static uint32_t mix(uint32_t value, uint32_t other) {
  uint32_t result = value, carry = other;
  __asm volatile(
      "adds %[r], %[r], %[c]\n\t"
      "adcs %[c], %[c], %[r]\n\t"
      "itete cs\n\t"
      "addcs %[r], %[r], #13\n\t"
      "eorcc %[r], %[r], %[c]\n\t"
      "rorcs %[r], %[r], #7\n\t"
      "rorcc %[r], %[r], #11\n\t"
      "cmp %[r], %[c]\n\t"
      "ittte hi\n\t"
      "subhi %[r], %[r], %[c]\n\t"
      "mulhi %[c], %[r], %[r]\n\t"
      "addhi %[c], %[c], #1\n\t"
      "addls %[c], %[c], #3\n\t"
      "sbcs %[r], %[r], %[c]\n\t"
      "it mi\n\t"
      "mvnmi %[r], %[r]\n\t"
      : [r] "+&r"(result), [c] "+&r"(carry)
      :
      : "cc");
  return result ^ carry;
}
#else
static uint32_t mix(uint32_t value, uint32_t other) {
  const uint32_t sum = value + other;
  const uint32_t carry = sum < value ? 13u : 7u;
  return (sum ^ (other << 5)) * 0x9E3779B1u + (sum >> 3) + carry;
}
#endif

#if defined(__ARM_FP)
static float mix_floats(float value) {
  // Sixteen values are alive at once, so that every register of a frame matters.
  float sums[16];
  for (int index = 0; index < 16; ++index) {
    sums[index] = value * (float)(index + 1);
  }
#pragma GCC unroll 16
  for (int index = 0; index < 16; ++index) {
    sums[index] = sums[index] * 0.75f + sums[(index + 5) & 15] * 0.125f;
  }
  float total = 0.0f;
#pragma GCC unroll 16
  for (int index = 0; index < 16; ++index) {
    total += sums[index];
  }
  return total > 4096.0f ? total * 0.0009765625f : total;
}
#endif

uint32_t workload(uint32_t seed, uint32_t rounds) {
  uint32_t state = seed;
#if defined(__ARM_FP)
  float real = 1.0f + (float)(seed & 255u) * 0.0078125f;
#endif
  for (uint32_t round = 0; round < rounds; ++round) {
    state = mix(state, round * 0x61C88647u + seed);
    for (uint32_t bit = 0; bit < 4u; ++bit) {
      state = (state & 1u) ? (state >> 1) ^ 0xEDB88320u : state >> 1;
    }
#if defined(__ARM_FP)
    real = mix_floats(real);
    union {
      float real;
      uint32_t bits;
    } cast = {.real = real};
    state ^= cast.bits;
#endif
  }
  return state;
}

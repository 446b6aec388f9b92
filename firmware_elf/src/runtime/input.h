// A reproducible input: the upper bytes of a linear congruential generator, whose constants the build names.
#ifndef INPUT_H
#define INPUT_H

#include <stdint.h>

static inline void fill_with_noise(int8_t *values, int32_t count, uint32_t seed) {
  uint32_t state = seed;
  for (int32_t place = 0; place < count; ++place) {
    state = state * LCG_MULTIPLIER + LCG_INCREMENT;
    values[place] = (int8_t)(state >> 24);
  }
}

#endif

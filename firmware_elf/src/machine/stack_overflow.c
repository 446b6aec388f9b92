// A stack that runs into static data, and a firmware that does not notice until it looks: 8 KB of room and 12 KB of frames.
#include <stdint.h>

#include "text.h"

#define LEVELS 40
#define FRAME_BYTES 304

extern uint32_t __stack_top[];

// Fills RAM up to the least stack that the linker script allows; the start-up code leaves it alone.
__attribute__((section(".noinit"))) static uint32_t victims[(96u - 8u - 2u) * 256u];

__attribute__((noinline)) uint32_t descend(uint32_t levels) {
  volatile uint8_t frame[FRAME_BYTES];
  for (uint32_t place = 0; place < FRAME_BYTES; ++place) {
    frame[place] = (uint8_t)(place + levels);
  }
  return levels == 1u ? frame[0] : descend(levels - 1u) + frame[0];
}

int main(void) {
  const uint32_t count = sizeof victims / sizeof victims[0];
  for (uint32_t place = 0; place < count; ++place) {
    ((volatile uint32_t *)victims)[place] = place;
  }
  const uint32_t sum = descend(LEVELS);
  uint32_t changed = 0;
  for (uint32_t place = 0; place < count; ++place) {
    changed += ((volatile uint32_t *)victims)[place] != place;
  }
  print_text(changed && sum ? "static data changed\n" : "static data whole\n");
  return 0;
}

// Starts an oscillator of a device that only a board has, and waits until it says that it runs.
#include <stdint.h>

#include "text.h"

#if defined(__arm__)
#define CONTROL 0x40021000u
#else
#define CONTROL 0x60008000u
#endif

#define ENABLE (1u << 24)
#define READY (1u << 25)

int main(void) {
  volatile uint32_t *control = (volatile uint32_t *)CONTROL;
  *control |= ENABLE;
  while ((*control & READY) == 0u) {
  }
  print_text((*control & ENABLE) != 0u ? "ready\n" : "ready, but no longer enabled\n");
  return 0;
}

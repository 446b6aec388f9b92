// Recursion of known depth: every frame is filled, the lowest stack pointer is printed as the bytes below the stack's top.
#include <stdint.h>

#include "text.h"

#define LEVELS 24
#define FRAME_BYTES 256
#define FILL 0xA5

extern uint32_t __stack_top[];

static uintptr_t lowest;

static inline uintptr_t stack_pointer(void) {
  uintptr_t place;
#if defined(__arm__)
  __asm volatile("mov %0, sp" : "=r"(place));
#else
  __asm volatile("mv %0, sp" : "=r"(place));
#endif
  return place;
}

__attribute__((noinline)) uint32_t descend(uint32_t levels) {
  volatile uint8_t frame[FRAME_BYTES];
  for (uint32_t place = 0; place < FRAME_BYTES; ++place) {
    frame[place] = FILL;
  }
  if (levels == 1u) {
    lowest = stack_pointer();
    return frame[FRAME_BYTES - 1];
  }
  // Added after the call, so that the call cannot become a jump.
  return descend(levels - 1u) + frame[0];
}

int main(void) {
  print_text("sum ");
  print_signed((int32_t)descend(LEVELS));
  print_text("\nstack ");
  print_signed((int32_t)((uintptr_t)__stack_top - lowest));
  print_text("\n");
  return 0;
}

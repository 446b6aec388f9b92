// Loads a word from an address that is no multiple of four.
#include <stdint.h>

#include "text.h"

static const uint8_t bytes[8] __attribute__((aligned(4))) = {1, 2, 3, 4, 5, 6, 7, 8};
static volatile uintptr_t offset = 1;

int main(void) {
  print_text("before\n");
  uint32_t value;
  __asm volatile("ldr %0, [%1]" : "=l"(value) : "l"((uintptr_t)bytes + offset));
  print_text(value ? "after\n" : "nothing\n");
  return 0;
}

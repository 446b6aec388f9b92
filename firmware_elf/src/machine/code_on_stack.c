// Runs code that it writes to the stack, and writes over it: who prices what ran finds other bytes there afterwards.
#include <stdint.h>

#include "text.h"

#define WORDS 16

typedef uint32_t (*routine_t)(uint32_t);

static inline void instructions_changed(void) {
#if defined(__arm__)
  __asm volatile("dsb\n\tisb" ::: "memory");
#else
  __asm volatile(".4byte 0x0000100f" ::: "memory");
#endif
}

__attribute__((noinline)) uint32_t on_stack(uint32_t value) {
  volatile uint32_t code[WORDS] __attribute__((aligned(16)));
#if defined(__arm__)
  code[0] = 0x1840u << 16 | 0x0001u;  // movs r1, r0; adds r0, r0, r1
  code[1] = 0x4770u << 16 | 0x3007u;  // adds r0, #7; bx lr
  const routine_t routine = (routine_t)((uintptr_t)code | 1u);
#else
  code[0] = 0x00A50533u;  // add a0, a0, a0
  code[1] = 0x00750513u;  // addi a0, a0, 7
  code[2] = 0x00008067u;  // ret
  const routine_t routine = (routine_t)(uintptr_t)code;
#endif
  instructions_changed();
  const uint32_t result = routine(value);
  for (uint32_t place = 0; place < WORDS; ++place) {
    code[place] = 0xDEDEDEDEu;
  }
  return result;
}

int main(void) {
  uint32_t sum = 0;
  for (uint32_t value = 1; value <= 10; ++value) {
    sum += on_stack(value);
  }
  print_signed((int32_t)sum);
  print_text("\n");
  return 0;
}

// One way each to come to no good end. TROUBLE names which; the stack shows main, middle_function, troubled_function.
#include <stdint.h>

#include "text.h"

#define UNMAPPED 0x70000000u

#define READ_UNMAPPED 1
#define WRITE_UNMAPPED 2
#define EXECUTE_UNMAPPED 3
#define UNDEFINED_INSTRUCTION 4
#define BRANCH_TO_SELF 5
#define COUNT_FOREVER 6
#define WAIT_FOREVER 7
#define RECURSE_FOREVER 8
#define STORE_TO_FLASH 9

volatile uint32_t sink;

#if TROUBLE == RECURSE_FOREVER
__attribute__((noinline)) uint32_t troubled_function(uint32_t depth) {
  volatile uint32_t frame[64];
  frame[0] = depth;
  // Never true; it only keeps the compiler from proving that the recursion has no end.
  if (sink == UINT32_MAX) {
    return depth;
  }
  return troubled_function(depth + 1u) + frame[0];
}
#else
__attribute__((noinline)) uint32_t troubled_function(uint32_t value) {
#if TROUBLE == READ_UNMAPPED
  value += *(volatile uint32_t *)UNMAPPED;
#elif TROUBLE == WRITE_UNMAPPED
  *(volatile uint32_t *)UNMAPPED = value;
#elif TROUBLE == EXECUTE_UNMAPPED
  void (*volatile nowhere)(void) = (void (*)(void))(UNMAPPED | 1u);
#if defined(__riscv)
  nowhere = (void (*)(void))UNMAPPED;
#endif
  nowhere();
#elif TROUBLE == UNDEFINED_INSTRUCTION
#if defined(__arm__)
  __asm volatile("udf #0");
#else
  __asm volatile(".4byte 0");
#endif
#elif TROUBLE == BRANCH_TO_SELF
  for (;;) {
  }
#elif TROUBLE == COUNT_FOREVER
  for (;;) {
    sink = ++value;
  }
#elif TROUBLE == WAIT_FOREVER
  // No interrupt is enabled: nothing can end the wait.
  for (;;) {
    __asm volatile("wfi");
  }
#elif TROUBLE == STORE_TO_FLASH
  extern const uint8_t flash_page[];
  *(volatile uint32_t *)(uintptr_t)flash_page = value;
#endif
  return value;
}
#endif

#if TROUBLE == STORE_TO_FLASH
const uint8_t flash_page[4096] __attribute__((aligned(4096))) = {1};
#endif

__attribute__((noinline)) uint32_t middle_function(uint32_t value) { return troubled_function(value + 1u) + 1u; }

int main(void) {
  print_text("before\n");
  sink = middle_function(sink);
  print_text("after\n");
  return 0;
}

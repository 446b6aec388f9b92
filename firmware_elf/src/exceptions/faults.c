// A fault whose exception the firmware has enabled goes to its own handler, which steps over the instruction.
#include "cortex_m.h"
#include "text.h"

static volatile uint32_t faults;

__attribute__((used)) static void step_over(uint32_t *frame) {
  faults += SCB_CFSR >> 16 & 1u;  // UNDEFINSTR
  SCB_CFSR = 0xFFFFFFFFu;
  frame[6] += 2u;
}

__attribute__((naked)) static void usage_fault(void) {
  __asm volatile(
      "mrs r0, msp\n\t"
      "push {r3, lr}\n\t"
      "bl step_over\n\t"
      "pop {r3, pc}\n\t");
}

int main(void) {
  set_handler(EXCEPTION_USAGE_FAULT, usage_fault);
  SCB_SHCSR = 1u << 18;
  __asm volatile("udf #0\n\tudf #1" ::: "memory");
  print_text("handled ");
  print_signed((int32_t)faults);
  print_text("\n");
#if defined(NOT_ENABLED)
  SCB_SHCSR = 0u;
  __asm volatile("udf #2" ::: "memory");
#endif
  return 0;
}

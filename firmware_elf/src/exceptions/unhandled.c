// Exceptions that come to no good end: 1 an interrupt without a handler, 2 a fault in a fault handler, 3 a stack outside RAM.
#include "cortex_m.h"
#include "text.h"

__attribute__((noinline, unused)) static void failing_handler(void) { __asm volatile("udf #1" ::: "memory"); }

int main(void) {
  print_text("before\n");
#if CASE == 1
  SYST_RVR = 1000u;
  SYST_CVR = 0u;
  SYST_CSR = 7u;
  for (;;) {
    __asm volatile("nop");
  }
#elif CASE == 2
  set_handler(EXCEPTION_USAGE_FAULT, failing_handler);
  SCB_SHCSR = 1u << 18;
  __asm volatile("udf #0" ::: "memory");
#else
  __asm volatile("msr msp, %0\n\tsvc 0" ::"r"(0x60000000u) : "memory");
#endif
  return 1;
}

#include "semihosting.h"

__attribute__((noinline)) intptr_t semihosting_call(int operation, intptr_t argument) {
#if defined(__arm__)
  register intptr_t r0 __asm("r0") = operation;
  register intptr_t r1 __asm("r1") = argument;
  __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
#else
  register intptr_t a0 __asm("a0") = operation;
  register intptr_t a1 __asm("a1") = argument;
  // The three instructions must be uncompressed and lie in one page for a debugger to know them.
  __asm volatile(
      ".option push\n\t"
      ".option norvc\n\t"
      ".balign 16\n\t"
      "slli zero, zero, 0x1f\n\t"
      "ebreak\n\t"
      "srai zero, zero, 7\n\t"
      ".option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
#endif
}

void semihosting_write0(const char *text) { (void)semihosting_call(SYS_WRITE0, (intptr_t)text); }

void semihosting_exit(int status) {
  const uint32_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)status};
  (void)semihosting_call(SYS_EXIT_EXTENDED, (intptr_t)block);
  for (;;) {
  }
}

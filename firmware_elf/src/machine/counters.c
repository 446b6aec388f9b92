// Reads the core's own counters around a loop whose instructions are known, and prints the differences.
#include <stdint.h>

#include "text.h"

#define TURNS 1000

// Two instructions a turn: subtract, branch.
__attribute__((noinline, aligned(16))) static void known_loop(uint32_t turns) {
#if defined(__arm__)
  __asm volatile(".balign 4\n1: subs %0, %0, #1\n\tbne 1b" : "+r"(turns)::"cc");
#else
  __asm volatile(".balign 4\n1: addi %0, %0, -1\n\tbnez %0, 1b" : "+r"(turns));
#endif
}

static void print_count(const char *name, uint32_t count) {
  print_text(name);
  print_text(" ");
  print_signed((int32_t)count);
  print_text("\n");
}

#if defined(__arm__)

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define DEMCR REGISTER(0xE000EDFCu)
#define DWT_CTRL REGISTER(0xE0001000u)
#define DWT_CYCCNT REGISTER(0xE0001004u)
#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)

int main(void) {
#if __ARM_ARCH_ISA_THUMB >= 2
  DEMCR |= 1u << 24;
  DWT_CYCCNT = 0;
  DWT_CTRL |= 1u;
  const uint32_t cycles = DWT_CYCCNT;
  known_loop(TURNS);
  print_count("cyccnt", DWT_CYCCNT - cycles);
#endif
  SYST_RVR = 0xFFFFFFu;
  SYST_CVR = 0;
  // Processor clock, no interrupt.
  SYST_CSR = 5u;
  const uint32_t ticks = SYST_CVR;
  known_loop(TURNS);
  // It counts down, 24 bits wide.
  print_count("systick", (ticks - SYST_CVR) & 0xFFFFFFu);
  return 0;
}

#else

#define READ_COUNTER(name, target) \
  __asm volatile(".option push\n\t.option arch, +zicsr\n\tcsrr %0, " name "\n\t.option pop" : "=r"(target)::"memory")

int main(void) {
  uint32_t before, after;
  READ_COUNTER("mcycle", before);
  known_loop(TURNS);
  READ_COUNTER("mcycle", after);
  print_count("mcycle", after - before);
  READ_COUNTER("minstret", before);
  known_loop(TURNS);
  READ_COUNTER("minstret", after);
  print_count("minstret", after - before);
  return 0;
}

#endif

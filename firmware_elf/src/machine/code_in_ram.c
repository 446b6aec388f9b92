// Code that runs from RAM: copied there by the start-up code, written there by the program, and rewritten while it runs.
#include <stdint.h>

#include "text.h"

static inline void instructions_changed(void) {
#if defined(__arm__)
  __asm volatile("dsb\n\tisb" ::: "memory");
#else
  // fence.i, by its encoding: the assembler is told nothing of Zifencei.
  __asm volatile(".4byte 0x0000100f" ::: "memory");
#endif
}

__attribute__((noinline, section(".ramfunc"))) static uint32_t sum_in_ram(const uint32_t *values, uint32_t count) {
  uint32_t sum = 0;
  for (uint32_t place = 0; place < count; ++place) {
    sum += values[place];
  }
  return sum;
}

typedef uint32_t (*routine_t)(void);

static uint32_t code[16] __attribute__((aligned(16)));

#if defined(__arm__)
#define LOAD_CONSTANT(value) (0x2000u | (value) | 0x4770u << 16)  // movs r0, #value; bx lr
#define ENTRY ((routine_t)((uintptr_t)code | 1u))
static void write_routine(uint32_t value) { code[0] = LOAD_CONSTANT(value); }
#else
#define ENTRY ((routine_t)(uintptr_t)code)
static void write_routine(uint32_t value) {
  code[0] = 0x00000513u | value << 20;  // addi a0, zero, value
  code[1] = 0x00008067u;                // ret
}
#endif

// Replaces the instruction that sets the result, a few instructions ahead of the store itself, in the same page.
__attribute__((noinline, section(".ramfunc"))) static uint32_t patch_ahead(uint32_t instruction) {
  uint32_t result;
#if defined(__arm__)
  uint32_t place;
  __asm volatile(
      "adr %1, 1f\n\t"
      "strh %2, [%1]\n\t"
      "dsb\n\t"
      "isb\n\t"
      ".balign 4\n"
      "1: movs r0, #1\n\t"
      "mov %0, r0"
      : "=r"(result), "=&r"(place)
      : "r"(instruction)
      : "r0", "cc", "memory");
#else
  uint32_t place;
  __asm volatile(
      ".option push\n\t"
      ".option norvc\n\t"
      "lla %1, 1f\n\t"
      "sw %2, 0(%1)\n\t"
      ".4byte 0x0000100f\n\t"
      "1: addi a0, zero, 1\n\t"
      "mv %0, a0\n\t"
      ".option pop"
      : "=r"(result), "=&r"(place)
      : "r"(instruction)
      : "a0", "memory");
#endif
  return result;
}

static uint32_t instruction_that_loads(uint32_t value) {
#if defined(__arm__)
  return 0x2000u | value;
#else
  return 0x00000513u | value << 20;
#endif
}

static void print_number(const char *name, uint32_t value) {
  print_text(name);
  print_text(" ");
  print_signed((int32_t)value);
  print_text("\n");
}

int main(void) {
  static const uint32_t values[] = {1, 20, 300, 4000};
  uint32_t (*volatile far_sum)(const uint32_t *, uint32_t) = sum_in_ram;
  print_number("copied", far_sum(values, 4));

  uint32_t total = 0;
  for (uint32_t value = 1; value <= 100; ++value) {
    write_routine(value);
    instructions_changed();
    total += ENTRY();
  }
  print_number("written", total);

  uint32_t (*volatile far_patch)(uint32_t) = patch_ahead;
  total = 0;
  for (uint32_t value = 1; value <= 100; ++value) {
    total += far_patch(instruction_that_loads(value));
  }
  print_number("patched", total);
  return 0;
}

// Start-up of the Cortex-M images: vector table, FPU, .data, .bss, constructors, main, exit.
#include <stdint.h>

#include "semihosting.h"

extern uint32_t __data_start[], __data_end[], __data_load[], __bss_start[], __bss_end[], __stack_top[];
typedef void (*constructor_t)(void);
extern constructor_t __init_array_start[], __init_array_end[];

int main(void);
void Reset_Handler(void);

// Like most vendors' start-up files: an unexpected exception stays where it is.
void Default_Handler(void) {
  for (;;) {
  }
}

typedef union {
  void *stack;
  void (*handler)(void);
} vector_t;

#define INTERRUPTS 32

__attribute__((section(".isr_vector"), used)) const vector_t vector_table[16 + INTERRUPTS] = {
    [0] = {.stack = __stack_top},
    [1] = {.handler = Reset_Handler},
    [2 ... 6] = {.handler = Default_Handler},
    [11 ... 12] = {.handler = Default_Handler},
    [14 ... 15 + INTERRUPTS] = {.handler = Default_Handler},
};

void Reset_Handler(void) {
#if defined(__ARM_FP)
  // Full access to CP10 and CP11, before the compiler may use a floating-point register.
  *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
  __asm volatile("dsb\n\tisb" ::: "memory");
#endif
  const uint32_t *from = __data_load;
  for (uint32_t *to = __data_start; to < __data_end; ++to) {
    *to = *from++;
  }
  for (uint32_t *to = __bss_start; to < __bss_end; ++to) {
    *to = 0;
  }
  for (const constructor_t *constructor = __init_array_start; constructor < __init_array_end; ++constructor) {
    (*constructor)();
  }
  semihosting_exit(main());
}

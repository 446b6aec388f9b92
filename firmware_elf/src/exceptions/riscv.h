// Machine-mode traps and a core-local interruptor at 0x02000000.
#ifndef RISCV_H
#define RISCV_H

#include <stdint.h>

#define CLINT_MSIP (*(volatile uint32_t *)0x02000000u)
#define CLINT_MTIMECMP ((volatile uint32_t *)0x02004000u)
#define CLINT_MTIME ((volatile uint32_t *)0x0200BFF8u)

#define MSTATUS_MIE 8u
#define MIE_SOFTWARE (1u << 3)
#define MIE_TIMER (1u << 7)
#define CAUSE_SOFTWARE 0x80000003u
#define CAUSE_TIMER 0x80000007u
#define CAUSE_ECALL 11u

#define WRITE_CSR(name, value) __asm volatile(".option push\n\t.option arch, +zicsr\n\tcsrw " #name ", %0\n\t.option pop" ::"r"(value) : "memory")
#define SET_CSR(name, bits) __asm volatile(".option push\n\t.option arch, +zicsr\n\tcsrs " #name ", %0\n\t.option pop" ::"r"(bits) : "memory")
#define CLEAR_CSR(name, bits) __asm volatile(".option push\n\t.option arch, +zicsr\n\tcsrc " #name ", %0\n\t.option pop" ::"r"(bits) : "memory")

extern void trap_entry(void);
extern void vector_entry(void);

// The next timer interrupt, `delay` from now.
static inline void set_timer(uint32_t delay) {
  const uint32_t low = CLINT_MTIME[0], high = CLINT_MTIME[1];
  CLINT_MTIMECMP[1] = 0xFFFFFFFFu;
  CLINT_MTIMECMP[0] = low + delay;
  CLINT_MTIMECMP[1] = high + (low + delay < low);
}

#endif

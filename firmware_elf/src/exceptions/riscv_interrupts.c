// Vectored timer and software interrupts, a pending one unmasked, WFI, an ecall, and a computation interrupted thousands of times.
#include "riscv.h"
#include "text.h"
#include "workload.h"

#define ROUNDS 20000u

static char transcript[64];
static volatile uint32_t length, ticks, period, scratch;

static void note(char letter) {
  if (length < sizeof transcript - 1u) {
    transcript[length++] = letter;
  }
}

static void finish(const char *title) {
  transcript[length] = '\0';
  print_text(title);
  print_text(transcript);
  print_text("\n");
  length = 0;
}

__attribute__((interrupt)) void software_entry(void) {
  CLINT_MSIP = 0u;
  note('S');
}

__attribute__((interrupt)) void timer_entry(void) {
  ++ticks;
  if (period != 0u) {
    set_timer(period + ticks * 7u % 97u);
    scratch = workload(ticks, 1u);
  } else {
    CLINT_MTIMECMP[1] = 0xFFFFFFFFu;
    note('T');
  }
}

__attribute__((used)) uint32_t *trap_handler(uint32_t cause, uint32_t *context) {
  note(cause == CAUSE_ECALL ? 'e' : '?');
  context[0] += 4u;
  context[10] += 1u;  // a0
  return context;
}

static uint32_t read_pending(void) {
  uint32_t bits;
  __asm volatile(".option push\n\t.option arch, +zicsr\n\tcsrr %0, mip\n\t.option pop" : "=r"(bits)::"memory");
  return bits;
}

static uint32_t call(uint32_t argument) {
  register uint32_t a0 __asm("a0") = argument;
  __asm volatile("ecall" : "+r"(a0)::"memory");
  return a0;
}

int main(void) {
  WRITE_CSR(mtvec, (uint32_t)vector_entry + 1u);
  note(call(41u) == 42u ? '=' : '#');
  finish("ecall ");

  SET_CSR(mie, MIE_SOFTWARE | MIE_TIMER);
  set_timer(50u);
  CLINT_MSIP = 1u;
  while ((read_pending() & (MIE_SOFTWARE | MIE_TIMER)) != (MIE_SOFTWARE | MIE_TIMER)) {
  }
  note('-');
  SET_CSR(mstatus, MSTATUS_MIE);
  note('.');
  finish("masked ");

  CLEAR_CSR(mstatus, MSTATUS_MIE);
  set_timer(50000u);
  __asm volatile("wfi" ::: "memory");
  note('-');
  SET_CSR(mstatus, MSTATUS_MIE);
  note('.');
  finish("asleep ");

  CLEAR_CSR(mstatus, MSTATUS_MIE);
  const uint32_t alone = workload(1u, ROUNDS);
  period = 600u;
  ticks = 0u;
  set_timer(period);
  SET_CSR(mstatus, MSTATUS_MIE);
  const uint32_t disturbed = workload(1u, ROUNDS);
  CLEAR_CSR(mstatus, MSTATUS_MIE);
  print_text("checksum ");
  print_hexadecimal(disturbed);
  print_text(disturbed == alone ? " unchanged" : " CHANGED");
#if defined(UNTIMED)
  print_text("\n");
#else
  print_text(ticks > 1000u ? " by more than 1000 interrupts\n" : " by few interrupts\n");
#endif
  return disturbed != alone;
}

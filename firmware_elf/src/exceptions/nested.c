// Order of exceptions: preemption by priority, tail-chaining by priority and number, masking by PRIMASK and BASEPRI.
#include "cortex_m.h"
#include "text.h"

static char transcript[256];
static volatile uint32_t length;

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

static void pend(uint32_t line) {
  NVIC_ISPR = 1u << line;
  barrier();
}

static volatile int is_nesting;

// Line 0 is the most urgent, 3 the least.
static void handler_0(void) { note('A'); }
static void handler_1(void) {
  note('(');
  if (is_nesting) {
    pend(0);
    pend(2);  // Less urgent: it has to wait.
    note('b');
  }
  note(')');
}
static void handler_2(void) {
  note('[');
  if (is_nesting) {
    is_nesting = 2;
    pend(1);
    is_nesting = 0;
    note('c');
  }
  note(']');
}
static void handler_3(void) { note('D'); }
static void handler_4(void) { note('E'); }
static void pendsv(void) { note('P'); }
static void systick(void) { note('T'); }

static void number_handler(void) { note((char)('0' + current_exception() - EXCEPTION_IRQ0)); }

int main(void) {
  const handler_t handlers[] = {handler_0, handler_1, handler_2, handler_3, handler_4, number_handler, number_handler};
  for (uint32_t line = 0; line < 7; ++line) {
    set_handler(EXCEPTION_IRQ0 + (int)line, handlers[line]);
    set_priority(line, line < 3u ? line : 3u);
  }
  set_handler(EXCEPTION_PENDSV, pendsv);
  set_handler(EXCEPTION_SYSTICK, systick);
  SCB_SHPR3 = 0xC0C00000u;  // PendSV and SysTick: as urgent as line 3.
  NVIC_ISER = 0x7Fu;

  is_nesting = 1;
  pend(2);
  finish("nested ");

  disable_interrupts();
  pend(6);
  pend(5);
  pend(4);
  pend(3);
  pend(2);
  pend(1);
  pend(0);
  SCB_ICSR = ICSR_PENDSTSET;
  SCB_ICSR = ICSR_PENDSVSET;
  barrier();
  note('-');
  enable_interrupts();
  note('.');
  finish("tail-chained ");

  disable_interrupts();
  pend(3);
  NVIC_ICPR = 1u << 3;
  enable_interrupts();
  note('.');
  finish("taken back ");

  NVIC_ISER = 0;
  pend(7);  // Not enabled.
  note('-');
  NVIC_ICPR = 1u << 7;
  finish("not enabled ");

#if __ARM_ARCH >= 7 || defined(__ARM_ARCH_8M_MAIN__)
  uint32_t level = 2u << 6;
  __asm volatile("msr basepri, %0\n\tisb" ::"r"(level) : "memory");
  pend(3);
  pend(2);
  pend(1);
  note('-');
  level = 3u << 6;
  __asm volatile("msr basepri, %0\n\tisb" ::"r"(level) : "memory");
  note('-');
  level = 0;
  __asm volatile("msr basepri, %0\n\tisb" ::"r"(level) : "memory");
  note('.');
  finish("basepri ");

  __asm volatile("cpsid f\n\tisb" ::: "memory");
  pend(0);
  note('-');
  __asm volatile("cpsie f\n\tisb" ::: "memory");
  note('.');
  finish("faultmask ");
#endif
  return 0;
}

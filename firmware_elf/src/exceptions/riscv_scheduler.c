// A preemptive scheduler in machine mode: the timer switches threads, and so does an ecall; a checksum tells whether anything was lost.
#include "riscv.h"
#include "text.h"
#include "workload.h"

#define THREADS 3
#define STACK_WORDS 256
#define ROUNDS 1500u

static uint32_t stacks[THREADS][STACK_WORDS] __attribute__((aligned(16)));
static uint32_t *contexts[THREADS + 1];
static volatile uint32_t results[THREADS];
static volatile uint32_t finished, switches, yields;
static uint32_t current = THREADS;  // main's own context

void software_entry(void) {}
void timer_entry(void) {}

static void yield(void) { __asm volatile("ecall" ::: "memory"); }

static void thread(uint32_t number) {
  uint32_t sum = 0;
  for (uint32_t part = 0; part < 4u; ++part) {
    sum += workload(number * 4u + part, ROUNDS);
    ++yields;
    yield();
  }
  results[number] = sum;
  ++finished;
  for (;;) {
    yield();
  }
}

__attribute__((used)) uint32_t *trap_handler(uint32_t cause, uint32_t *context) {
  if (cause == CAUSE_ECALL) {
    context[0] += 4u;
  } else if (cause == CAUSE_TIMER) {
    set_timer(700u);
  }
  contexts[current] = context;
  ++switches;
  if (finished == THREADS) {
    CLEAR_CSR(mie, MIE_TIMER);
    current = THREADS;
  } else {
    current = (current + 1u) % THREADS;
  }
  return contexts[current];
}

int main(void) {
  uint32_t expected[THREADS];
  for (uint32_t number = 0; number < THREADS; ++number) {
    expected[number] = 0;
    for (uint32_t part = 0; part < 4u; ++part) {
      expected[number] += workload(number * 4u + part, ROUNDS);
    }
    uint32_t *context = stacks[number] + STACK_WORDS - 32;
    context[0] = (uint32_t)thread;
    context[2] = 0x1880u;  // mstatus: MPP = machine, MPIE
    context[10] = number;
    uint32_t tp;
    __asm volatile("mv %0, tp" : "=r"(tp));
    context[4] = tp;
    contexts[number] = context;
  }
  WRITE_CSR(mtvec, (uint32_t)trap_entry);
  set_timer(700u);
  SET_CSR(mie, MIE_TIMER);
  yield();
  int wrong = 0;
  for (uint32_t number = 0; number < THREADS; ++number) {
    print_text("thread ");
    print_signed((int32_t)number);
    print_text(" ");
    print_hexadecimal(results[number]);
    print_text(results[number] == expected[number] ? " as alone\n" : " CHANGED\n");
    wrong += results[number] != expected[number];
  }
  print_text(yields == 4u * THREADS ? "yielded\n" : "did not yield\n");
#if !defined(UNTIMED)
  print_text(switches > 300u ? "switched often\n" : "switched rarely\n");
#endif
  return wrong;
}

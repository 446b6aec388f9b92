// A preemptive scheduler: SVC starts it, SysTick asks for a switch, PendSV switches threads that run on the process stack.
// A thread also gives way by itself, and the last one to finish returns to main by another SVC.
#include "cortex_m.h"
#include "text.h"
#include "workload.h"

#define THREADS 3
#define STACK_WORDS 256
#define ROUNDS 1500u

typedef struct {
  uint32_t *sp;
  uint32_t stack[STACK_WORDS];
} thread_t;

static thread_t threads[THREADS];
static volatile uint32_t results[THREADS];
static volatile uint32_t finished, switches, yields;
static uint32_t current;
static uint32_t main_link;

static void yield(void) {
  SCB_ICSR = ICSR_PENDSVSET;
  barrier();
}

static void thread(uint32_t number) {
  uint32_t sum = 0;
  for (uint32_t part = 0; part < 4u; ++part) {
    sum += workload(number * 4u + part, ROUNDS);
    ++yields;
    yield();
  }
  results[number] = sum;
  ++finished;
  if (finished == THREADS) {
    __asm volatile("svc 1" ::: "memory");
  }
  for (;;) {
    yield();
  }
}

// Keeps the process stack of the thread that was running and returns the next one's.
__attribute__((used)) static uint32_t *next_stack(uint32_t *sp) {
  threads[current].sp = sp;
  current = (current + 1u) % THREADS;
  ++switches;
  return threads[current].sp;
}

__attribute__((naked)) static void pendsv(void) {
  __asm volatile(
      "mrs r0, psp\n\t"
#if defined(__ARM_FP)
      "tst lr, #0x10\n\t"
      "it eq\n\t"
      "vstmdbeq r0!, {s16-s31}\n\t"
#endif
#if __ARM_ARCH >= 7
      "stmdb r0!, {r4-r11, lr}\n\t"
      "push {r3, lr}\n\t"
      "bl next_stack\n\t"
      "pop {r3, lr}\n\t"
      "ldmia r0!, {r4-r11, lr}\n\t"
#if defined(__ARM_FP)
      "tst lr, #0x10\n\t"
      "it eq\n\t"
      "vldmiaeq r0!, {s16-s31}\n\t"
#endif
      "msr psp, r0\n\t"
      "bx lr\n\t"
#else
      "subs r0, #36\n\t"
      "stmia r0!, {r4-r7}\n\t"
      "mov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\t"
      "stmia r0!, {r4-r7}\n\t"
      "mov r4, lr\n\t"
      "stmia r0!, {r4}\n\t"
      "subs r0, #36\n\t"
      "bl next_stack\n\t"
      "adds r0, #16\n\t"
      "ldmia r0!, {r4-r7}\n\t"
      "mov r8, r4\n\tmov r9, r5\n\tmov r10, r6\n\tmov r11, r7\n\t"
      "ldmia r0!, {r3}\n\t"
      "msr psp, r0\n\t"
      "subs r0, #36\n\t"
      "ldmia r0!, {r4-r7}\n\t"
      "bx r3\n\t"
#endif
  );
}

static void systick(void) { SCB_ICSR = ICSR_PENDSVSET; }

// `frame` is the caller's: the instruction before its program counter is the svc, the low byte its number. Returns how to return.
__attribute__((used)) static uint32_t serve(const uint32_t *frame, uint32_t link) {
  const uint32_t number = *(const uint8_t *)(frame[6] - 2u);
  if (number == 0u) {
    main_link = link;
    for (int index = 0; index < THREADS; ++index) {
      // To a thread without floating-point registers, on the process stack.
      threads[index].sp[8] = link | 0x14u;
    }
    __asm volatile("msr psp, %0" ::"r"(threads[0].sp + 9));
    SYST_RVR = 700u;
    SYST_CVR = 0u;
    SYST_CSR = 7u;
    return threads[0].sp[8];
  }
  SYST_CSR = 0u;
  SCB_ICSR = 1u << 27 | 1u << 25;
  // To main behind its svc, on the main stack.
  return main_link;
}

__attribute__((naked)) static void svc(void) {
  __asm volatile(
      "mov r1, lr\n\t"
      "movs r2, #4\n\t"
      "mrs r0, msp\n\t"
      "tst r1, r2\n\t"
      "beq 1f\n\t"
      "mrs r0, psp\n\t"
      "1: push {r3, lr}\n\t"
      "bl serve\n\t"
      "pop {r2, r3}\n\t"
      "bx r0\n\t");
}

__attribute__((naked, noinline)) static void start(void) {
  // Registers that the calling convention keeps are kept here, for the way back skips the threads.
  __asm volatile(
      "push {r4-r7, lr}\n\t"
      "mov r0, r8\n\tmov r1, r9\n\tmov r2, r10\n\tmov r3, r11\n\t"
      "push {r0-r3}\n\t"
      "svc 0\n\t"
      "pop {r0-r3}\n\t"
      "mov r8, r0\n\tmov r9, r1\n\tmov r10, r2\n\tmov r11, r3\n\t"
      "pop {r4-r7, pc}\n\t");
}

int main(void) {
  uint32_t expected[THREADS];
  for (uint32_t number = 0; number < THREADS; ++number) {
    expected[number] = 0;
    for (uint32_t part = 0; part < 4u; ++part) {
      expected[number] += workload(number * 4u + part, ROUNDS);
    }
    uint32_t *sp = threads[number].stack + STACK_WORDS;
    *--sp = 1u << 24;
    *--sp = (uint32_t)thread & ~1u;
    sp -= 5;
    *--sp = number;
    for (int index = 0; index < 9; ++index) {
      *--sp = 0u;
    }
    threads[number].sp = sp;
  }
  set_handler(EXCEPTION_SVC, svc);
  set_handler(EXCEPTION_PENDSV, pendsv);
  set_handler(EXCEPTION_SYSTICK, systick);
  SCB_SHPR2 = 0u;
  SCB_SHPR3 = 0x80C00000u;  // PendSV last of all.
  start();
  int wrong = 0;
  for (uint32_t number = 0; number < THREADS; ++number) {
    print_text("thread ");
    print_signed((int32_t)number);
    print_text(" ");
    print_hexadecimal(results[number]);
    print_text(results[number] == expected[number] ? " as alone\n" : " CHANGED\n");
    wrong += results[number] != expected[number];
  }
  print_text(switches > 300u && yields == 4u * THREADS ? "switched often\n" : "switched rarely\n");
  return wrong;
}

// Waiting in loops, and computing in loops that look like it. who runs the image writes the case to the first value of `chosen`.
#include "text.h"
#if defined(__arm__)
#include "cortex_m.h"
#else
#include "riscv.h"
#endif

#define DEVICE(offset) (*(volatile uint32_t *)(DEVICES + (offset)))
#if defined(__arm__)
#define DEVICES 0x40001000u
#else
#define DEVICES 0x60001000u
#endif
#define TICK_CYCLES 50000u

enum { TICKS, NO_TICKS, DEVICE_FLAG, TWO_REGISTERS, REGISTER_WORK, MEMORY_WORK, FLOAT_WORK, CALLS, FIFO, YIELDS, YIELDS_FOR_EVER, YIELD_WORK };

const volatile uint32_t chosen = TICKS;
static volatile uint32_t ticks, never_set;
static volatile uint32_t cell = 1u;
static volatile uint32_t works_in_handler;

__attribute__((noinline)) uint32_t step(uint32_t value) { return value * 1664525u + 1013904223u; }

// What a scheduler would do when a thread gives way: nothing, or work.
static void on_yield(void) {
  if (works_in_handler) {
    cell = step(cell);
  }
}

#if defined(__arm__)
static void yield(void) {
  SCB_ICSR = ICSR_PENDSVSET;
  barrier();
}
static void start_yields(void) { set_handler(EXCEPTION_PENDSV, on_yield); }
static void on_tick(void) { ++ticks; }
static void start_ticks(void) {
  set_handler(EXCEPTION_SYSTICK, on_tick);
  SYST_RVR = TICK_CYCLES - 1u;
  SYST_CVR = 0u;
  SYST_CSR = 7u;
}
static void stop_ticks(void) { SYST_CSR = 0u; }
#else
__attribute__((interrupt)) void software_entry(void) { CLINT_MSIP = 0u; }
__attribute__((interrupt)) void timer_entry(void) {
  ++ticks;
  set_timer(TICK_CYCLES);
}
__attribute__((used)) uint32_t *trap_handler(uint32_t cause, uint32_t *context) {
  if (cause == CAUSE_ECALL) {
    context[0] += 4u;
    on_yield();
  }
  return context;
}
static void yield(void) { __asm volatile("ecall" ::: "memory"); }
static void start_yields(void) { WRITE_CSR(mtvec, (uint32_t)vector_entry + 1u); }
static void start_ticks(void) {
  WRITE_CSR(mtvec, (uint32_t)vector_entry + 1u);
  SET_CSR(mie, MIE_TIMER);
  set_timer(TICK_CYCLES);
  SET_CSR(mstatus, MSTATUS_MIE);
}
static void stop_ticks(void) { CLEAR_CSR(mstatus, MSTATUS_MIE); }
#endif

__attribute__((noinline)) uint32_t ticks_so_far(void) { return ticks; }

__attribute__((noinline)) void wait_for_ticks(uint32_t count) {
  const uint32_t start = ticks_so_far();
  while (ticks_so_far() - start < count) {
  }
}

__attribute__((noinline)) void wait_for_ever(void) {
  while (never_set == 0u) {
  }
}

__attribute__((noinline)) void yield_for_ticks(uint32_t count) {
  const uint32_t start = ticks_so_far();
  while (ticks_so_far() - start < count) {
    yield();
  }
}

__attribute__((noinline)) void yield_for_ever(void) {
  while (never_set == 0u) {
    yield();
  }
}

// All that changes is one word, which the handler changes.
__attribute__((noinline)) uint32_t compute_in_handler(uint32_t count) {
  uint32_t end = cell;
  for (uint32_t i = 0; i < count; ++i) {
    end = step(end);
  }
  works_in_handler = 1u;
  do {
    yield();
  } while (cell != end);
  return cell;
}

// All of its state is in one register.
__attribute__((noinline)) uint32_t compute_in_register(uint32_t value, uint32_t count) {
  uint32_t end = value;
  for (uint32_t i = 0; i < count; ++i) {
    end = end * 1664525u + 1013904223u;
  }
  do {
    value = value * 1664525u + 1013904223u;
  } while (value != end);
  return value;
}

// All of its state is in one word of memory: the registers are the same after every pass.
__attribute__((noinline)) uint32_t compute_in_memory(uint32_t count) {
  uint32_t end = cell;
  for (uint32_t i = 0; i < count; ++i) {
    end = step(end);
  }
  do {
    cell = step(cell);
  } while (cell != end);
  return cell;
}

#if defined(__arm__) && !defined(__ARM_ARCH_6M__)
// All of its state is in one upper floating-point register.
__attribute__((noinline)) uint32_t compute_in_float(float limit) {
  float value;
  __asm volatile(
      "vmov.f32 s20, #1.0\n\t"
      "vmov.f32 s21, #1.0\n\t"
      "vmov.f32 s22, %1\n"
      "1: vadd.f32 s20, s20, s21\n\t"
      "vcmp.f32 s20, s22\n\t"
      "vmrs apsr_nzcv, fpscr\n\t"
      "bne 1b\n\t"
      "vmov.f32 %0, s20"
      : "=t"(value)
      : "t"(limit)
      : "s20", "s21", "s22", "cc");
  return (uint32_t)value;
}
#else
static uint32_t compute_in_float(float limit) {
  (void)limit;
  return 8000000u;
}
#endif

__attribute__((noinline)) void called_again_and_again(void) { __asm volatile("" ::: "memory"); }

int main(void) {
  switch (chosen) {
    case TICKS:
      start_ticks();
      wait_for_ticks(1000u);
      stop_ticks();
      print_text("a thousand ticks\n");
      break;
    case NO_TICKS:
      wait_for_ever();
      break;
    case DEVICE_FLAG:
      while ((DEVICE(0x0) & 2u) == 0u) {
      }
      break;
    case TWO_REGISTERS:
      while ((DEVICE(0x100) & 1u) == 0u && (DEVICE(0x104) & 1u) == 0u) {
      }
      break;
    case REGISTER_WORK:
      print_hexadecimal(compute_in_register(1u, 3000000u));
      break;
    case MEMORY_WORK:
      print_hexadecimal(compute_in_memory(2000000u));
      break;
    case FLOAT_WORK:
      print_hexadecimal(compute_in_float(8000000.0f));
      break;
    case CALLS:
      for (;;) {
        called_again_and_again();
      }
    case FIFO:
      // Twelve equal characters wait in the port: reading one looks like reading none.
      while ((DEVICE(0x218) & 0x10u) == 0u) {
        (void)DEVICE(0x200);
      }
      print_text("read to the end\n");
      break;
    case YIELDS:
      start_yields();
      start_ticks();
      yield_for_ticks(12u);
      stop_ticks();
      print_text("twelve ticks\n");
      break;
    case YIELDS_FOR_EVER:
      start_yields();
      yield_for_ever();
      break;
    case YIELD_WORK:
      start_yields();
      print_hexadecimal(compute_in_handler(300u));
      break;
    default:
      break;
  }
  return 0;
}

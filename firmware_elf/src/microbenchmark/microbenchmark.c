#include "microbenchmark.h"

#include <stddef.h>
#include <stdint.h>

#define FORMAT "1"
#define REPEATS 3

#ifndef MICROBENCHMARK_BUILD
#define MICROBENCHMARK_BUILD "unknown"
#endif

// As row.inc writes it.
typedef struct {
  const char *name;
  void (*short_loop)(uint32_t turns, uint32_t *words, const uint32_t *stream);
  void (*long_loop)(uint32_t turns, uint32_t *words, const uint32_t *stream);
  uint32_t turns, short_units, long_units;
  uint32_t stream_in_ram;
} row_t;

extern const row_t microbenchmark_rows[];

// 32 turns of 12 units of 4 words, and what a unit may read beyond.
#define STREAM_WORDS (32 * 12 * 4 + 16)

static const uint32_t flash_stream[STREAM_WORDS] = {1};
static uint32_t ram_stream[STREAM_WORDS];
static uint32_t words[32];

#if defined(__arm__)

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define DEMCR REGISTER(0xE000EDFCu)
#define DWT_CTRL REGISTER(0xE0001000u)
#define DWT_CYCCNT REGISTER(0xE0001004u)
#define DWT_LAR REGISTER(0xE0001FB0u)
#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)

static uint32_t has_cyccnt;

static const char *start_counter(void) {
#if __ARM_ARCH_ISA_THUMB >= 2
  DEMCR |= 1u << 24;
  DWT_LAR = 0xC5ACCE55u;
  DWT_CTRL |= 1u;
  // Some parts have the unit without its counter, and some have neither.
  const uint32_t before = DWT_CYCCNT;
  has_cyccnt = DWT_CYCCNT != before;
  if (has_cyccnt) {
    return "cyccnt";
  }
#endif
  // Processor clock, no interrupt.
  SYST_RVR = 0xFFFFFFu;
  SYST_CVR = 0;
  SYST_CSR = 5u;
  return "systick";
}

static inline uint32_t read_counter(void) { return has_cyccnt ? DWT_CYCCNT : 0u - SYST_CVR; }

// SysTick is 24 bits wide.
static inline uint32_t elapsed(uint32_t before, uint32_t after) { return (after - before) & (has_cyccnt ? 0xFFFFFFFFu : 0xFFFFFFu); }

static uint32_t mask_interrupts(void) {
  uint32_t state;
  __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(state)::"memory");
  return state;
}

static void restore_interrupts(uint32_t state) { __asm volatile("msr primask, %0" ::"r"(state) : "memory"); }

#else

#define CSR(operation) __asm volatile(".option push\n\t.option arch, +zicsr\n\t" operation "\n\t.option pop"
#define MIE 8u

#if defined(MICROBENCHMARK_ESP32C3)
// No mcycle: a performance counter of its own, mpccr, which mpcer and mpcmr start (ESP32-C3 Technical Reference Manual, chapter 1).
#define COUNTER "0x7e2"
#define COUNTER_NAME "mpccr"
#elif defined(MICROBENCHMARK_UNPRIVILEGED)
// For cores without machine-mode registers (PicoRV32), or user mode.
#define COUNTER "cycle"
#define COUNTER_NAME "cycle"
#else
#define COUNTER "mcycle"
#define COUNTER_NAME "mcycle"
#endif

static inline uint32_t read_counter(void) {
  uint32_t cycles;
  CSR("csrr %0, " COUNTER) : "=r"(cycles)::"memory");
  return cycles;
}

static const char *start_counter(void) {
#if !defined(MICROBENCHMARK_UNPRIVILEGED)
  // Some cores come out of reset with the counter stopped; the register that starts it is missing on others.
  const uint32_t before = read_counter();
  if (read_counter() == before) {
#if defined(MICROBENCHMARK_ESP32C3)
    CSR("csrwi 0x7e0, 1")::: "memory");
    CSR("csrwi 0x7e1, 1")::: "memory");
#else
    // mcountinhibit
    CSR("csrwi 0x320, 0")::: "memory");
#endif
  }
#endif
  return COUNTER_NAME;
}

static inline uint32_t elapsed(uint32_t before, uint32_t after) { return after - before; }

#if defined(MICROBENCHMARK_UNPRIVILEGED)
static uint32_t mask_interrupts(void) { return 0; }
static void restore_interrupts(uint32_t state) { (void)state; }
#else
static uint32_t mask_interrupts(void) {
  uint32_t state;
  CSR("csrrci %0, mstatus, 8") : "=r"(state)::"memory");
  return state;
}

static void restore_interrupts(uint32_t state) {
  if ((state & MIE) != 0u) {
    CSR("csrsi mstatus, 8")::: "memory");
  }
}
#endif

#endif

static char line[128];
static size_t length;
static uint32_t checksum;

static void add_text(const char *text, char separator) {
  for (; *text != '\0' && length < sizeof line - 3u; ++text) {
    line[length++] = *text == '_' ? '-' : *text;
  }
  line[length++] = separator;
}

static void add_number(uint32_t value, char separator) {
  char digits[11];
  char *place = digits + sizeof digits;
  checksum = checksum * 31u + value;
  *--place = '\0';
  do {
    *--place = (char)('0' + value % 10u);
    value /= 10u;
  } while (value != 0u);
  add_text(place, separator);
}

static void end_line(void (*print)(const char *text)) {
  line[length] = '\0';
  print(line);
  length = 0;
}

typedef struct {
  uint32_t best, worst;
} span_t;

static span_t measure(void (*loop)(uint32_t, uint32_t *, const uint32_t *), const row_t *row) {
  span_t span = {UINT32_MAX, 0};
  // The first time fills caches and is not counted.
  for (int repeat = 0; repeat <= REPEATS; ++repeat) {
    words[0] = (uint32_t)(uintptr_t)words;
    const uint32_t *stream = row->stream_in_ram ? ram_stream : flash_stream;
    const uint32_t state = mask_interrupts();
    const uint32_t before = read_counter();
    loop(row->turns, words, stream);
    const uint32_t after = read_counter();
    restore_interrupts(state);
    const uint32_t cycles = elapsed(before, after);
    if (repeat != 0) {
      span.best = cycles < span.best ? cycles : span.best;
      span.worst = cycles > span.worst ? cycles : span.worst;
    }
  }
  return span;
}

void microbenchmark_run(void (*print)(const char *text)) {
  checksum = 0;
  add_text("instsim-microbenchmark", ' ');
  add_text(FORMAT, '\n');
  end_line(print);
  add_text("build", ' ');
  add_text(MICROBENCHMARK_BUILD, '\n');
  end_line(print);
  add_text("counter", ' ');
  add_text(start_counter(), '\n');
  end_line(print);
  uint32_t rows = 0;
  for (const row_t *row = microbenchmark_rows; row->name != NULL; ++row, ++rows) {
    const span_t of_short = measure(row->short_loop, row), of_long = measure(row->long_loop, row);
    add_text("row", ' ');
    add_text(row->name, ' ');
    add_number(row->turns, ' ');
    add_number(row->short_units, ' ');
    add_number(row->long_units, ' ');
    add_number(of_short.best, ' ');
    add_number(of_short.worst, ' ');
    add_number(of_long.best, ' ');
    add_number(of_long.worst, '\n');
    end_line(print);
  }
  const uint32_t sum = checksum;
  add_text("end", ' ');
  add_number(rows, ' ');
  add_number(sum, '\n');
  end_line(print);
}

// The microbenchmark as an image of its own. It prints by semihosting; built with UART_DATA, UART_STATUS and UART_READY (addresses of two
// registers and the bit that says ready) on a serial port, set up by UART_SETUP, a list of {address, value} to write first. Whatever it
// prints stays in microbenchmark_log as well, for a debugger to read.
#include <stdint.h>

#include "microbenchmark.h"
#include "text.h"

#define LOG_BYTES 4096

char microbenchmark_log[LOG_BYTES];
static uint32_t logged;

#if defined(UART_DATA)

#define REGISTER(address) (*(volatile uint32_t *)(address))

#if defined(UART_SETUP)
static const uint32_t setup[][2] = {UART_SETUP};

static void set_up(void) {
  for (uint32_t place = 0; place < sizeof setup / sizeof setup[0]; ++place) {
    REGISTER(setup[place][0]) = setup[place][1];
  }
}
#else
static void set_up(void) {}
#endif

static void send(const char *text) {
  for (; *text != '\0'; ++text) {
    while ((REGISTER(UART_STATUS) & (UART_READY)) == 0u) {
    }
    REGISTER(UART_DATA) = (uint8_t)*text;
  }
}

#else

static void set_up(void) {}
static void send(const char *text) { print_text(text); }

#endif

static void print(const char *text) {
  for (const char *from = text; *from != '\0' && logged < LOG_BYTES - 1u; ++from) {
    microbenchmark_log[logged++] = *from;
  }
  send(text);
}

int main(void) {
  set_up();
  microbenchmark_run(print);
  return 0;
}

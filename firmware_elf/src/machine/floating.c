// Floating-point arithmetic whose every rounding is known: the logistic map, a square root, quotients and conversions.
// REAL is float or double; the bits of each result are printed.
#include <stdint.h>

#include "text.h"

#define STEPS 25

static void print_real(const char *name, REAL value) {
  union {
    REAL real;
    uint32_t words[sizeof(REAL) / 4];
  } image = {.real = value};
  print_text(name);
  print_text(" ");
  for (int word = (int)(sizeof(REAL) / 4) - 1; word >= 0; --word) {
    print_hexadecimal(image.words[word]);
  }
  print_text("\n");
}

__attribute__((noinline)) REAL logistic_map(REAL value, REAL rate, int32_t steps) {
  for (int32_t step = 0; step < steps; ++step) {
    value = rate * value * ((REAL)1 - value);
  }
  return value;
}

__attribute__((noinline)) REAL harmonic_sum(int32_t terms) {
  REAL sum = 0;
  for (int32_t term = 1; term <= terms; ++term) {
    sum += (REAL)1 / (REAL)term;
  }
  return sum;
}

__attribute__((noinline)) REAL square_root(REAL value) {
  REAL root;
  if (sizeof(REAL) == 4) {
    __asm volatile("vsqrt.f32 %0, %1" : "=t"(root) : "t"(value));
  } else {
    __asm volatile("vsqrt.f64 %P0, %P1" : "=w"(root) : "w"(value));
  }
  return root;
}

__attribute__((noinline)) int32_t truncated(REAL value) { return (int32_t)value; }

int main(void) {
  print_real("map", logistic_map((REAL)0.25, (REAL)3.75, STEPS));
  print_real("sum", harmonic_sum(STEPS));
  print_real("root", square_root((REAL)2));
  print_text("truncated ");
  print_signed(truncated((REAL)-1234.75));
  print_text("\n");
  return 0;
}

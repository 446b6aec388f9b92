// Unsigned and signed divisions of listed operands; the build names them, and the results are printed as a checksum.
#include <stdint.h>

#include "text.h"

typedef struct {
  uint32_t dividend, divisor;
} operands_t;

static const operands_t operands[] = {DIVIDE_OPERANDS};

static inline uint32_t divide_unsigned(uint32_t dividend, uint32_t divisor) {
  uint32_t quotient;
#if defined(__arm__)
  __asm volatile("udiv %0, %1, %2" : "=r"(quotient) : "r"(dividend), "r"(divisor));
#else
  __asm volatile("divu %0, %1, %2" : "=r"(quotient) : "r"(dividend), "r"(divisor));
#endif
  return quotient;
}

static inline uint32_t divide_signed(uint32_t dividend, uint32_t divisor) {
  uint32_t quotient;
#if defined(__arm__)
  __asm volatile("sdiv %0, %1, %2" : "=r"(quotient) : "r"(dividend), "r"(divisor));
#else
  __asm volatile("div %0, %1, %2" : "=r"(quotient) : "r"(dividend), "r"(divisor));
#endif
  return quotient;
}

__attribute__((noinline)) uint32_t divide_all(void) {
  uint32_t sum = 0;
  for (uint32_t place = 0; place < sizeof operands / sizeof operands[0]; ++place) {
    sum = sum * 31u + divide_unsigned(operands[place].dividend, operands[place].divisor);
    sum = sum * 31u + divide_signed(operands[place].dividend, operands[place].divisor);
  }
  return sum;
}

int main(void) {
  print_text("checksum ");
  print_hexadecimal(divide_all());
  print_text("\n");
  return 0;
}

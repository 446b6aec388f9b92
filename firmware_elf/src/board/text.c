#include "text.h"

#include "semihosting.h"

void print_text(const char *text) { semihosting_write0(text); }

void print_signed(int32_t value) {
  char digits[12];
  char *place = digits + sizeof digits;
  uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
  *--place = '\0';
  do {
    *--place = (char)('0' + magnitude % 10u);
    magnitude /= 10u;
  } while (magnitude != 0u);
  if (value < 0) {
    *--place = '-';
  }
  print_text(place);
}

void print_hexadecimal(uint32_t value) {
  char digits[9];
  digits[8] = '\0';
  for (int place = 7; place >= 0; --place, value >>= 4) {
    digits[place] = "0123456789abcdef"[value & 15u];
  }
  print_text(digits);
}

// Text output without a C library.
#ifndef TEXT_H
#define TEXT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void print_text(const char *text);
void print_signed(int32_t value);
void print_hexadecimal(uint32_t value);

#ifdef __cplusplus
}
#endif

#endif

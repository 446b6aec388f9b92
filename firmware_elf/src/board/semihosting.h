// Semihosting: the debugger's calls by which an image without a board prints, tells the time and ends.
// Arm: "Semihosting for AArch32 and AArch64", 2022Q3; RISC-V: the RISC-V semihosting specification, which takes over its numbers.
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  SYS_OPEN = 0x01,
  SYS_WRITEC = 0x03,
  SYS_WRITE0 = 0x04,
  SYS_WRITE = 0x05,
  SYS_CLOCK = 0x10,
  SYS_SYSTEM = 0x12,
  SYS_EXIT = 0x18,
  SYS_EXIT_EXTENDED = 0x20,
  SYS_ELAPSED = 0x30,
};

#define ADP_STOPPED_APPLICATION_EXIT 0x20026

// The host's answer to one call; `argument` is a number or the address of the call's parameters.
intptr_t semihosting_call(int operation, intptr_t argument);

void semihosting_write0(const char *text);

// Ends the run with `status`. Does not return.
void semihosting_exit(int status) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif

/* Stand-in for the boot ROM of an RP2350, for both of its instruction sets. */
#pragma once
#include <stdint.h>

#ifdef __riscv
#define FUNCTION_BIT 0u
#else
#define FUNCTION_BIT 1u
#endif

const void *rom_table_lookup(uint32_t code, uint32_t mask);

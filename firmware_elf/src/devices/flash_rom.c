/* Erases and programs the serial flash of an RP2040 or RP2350 through the functions of its boot ROM. LOOKUP: where the ROM keeps a half-word with the
   address of its look-up function; TABLE: on RP2040, where it keeps that of the table to look into, else 0. */
#include "registers.h"
#include "text.h"

#define CODE(a, b) ((uint32_t)(a) | (uint32_t)(b) << 8)
#define OFFSET 0x10000u
#define BYTES 512u

typedef void (*erase_t)(uint32_t offset, uint32_t bytes, uint32_t block_bytes, uint32_t block_command);
typedef void (*program_t)(uint32_t offset, const uint8_t *data, uint32_t bytes);

static uint8_t page[BYTES];

/* The compiler takes objects near address 0 for mistakes, unless it cannot see the address. */
static uintptr_t half_word(uintptr_t address) {
    __asm volatile("" : "+r"(address));
    return *(volatile uint16_t *)address;
}

static uintptr_t find(uint32_t code) {
#if TABLE
    return ((uintptr_t(*)(uintptr_t, uint32_t))half_word(LOOKUP))(half_word(TABLE), code);
#else
    return ((uintptr_t(*)(uint32_t, uint32_t))half_word(LOOKUP))(code, FUNCTIONS);
#endif
}

static uint32_t wrong(uint32_t mask) {
    const volatile uint8_t *flash = (const volatile uint8_t *)(uintptr_t)(0x10000000u + OFFSET);
    uint32_t count = 0;
    for (uint32_t i = 0; i < BYTES; i++)
        count += flash[i] != (uint8_t)((i * 7u & 0xFFu) | mask);
    return count;
}

int main(void) {
    erase_t erase = (erase_t)find(CODE('R', 'E'));
    program_t program = (program_t)find(CODE('R', 'P'));
    erase(OFFSET, 4096, 1u << 16, 0xD8);
    print_text(wrong(0xFF) ? "not erased\n" : "erased\n");
    for (uint32_t i = 0; i < BYTES; i++)
        page[i] = (uint8_t)(i * 7u);
    program(OFFSET, page, BYTES);
    print_text(wrong(0) ? "not programmed\n" : "programmed\n");
    erase(OFFSET, 4096, 1u << 16, 0xD8);
    print_text(wrong(0xFF) ? "not erased\n" : "erased again\n");
    return 0;
}

/* Stand-ins for functions of an ESP32-C3's ROM: clocks, the interrupt matrix, whole numbers, sorting. What only drives hardware that nobody models does
   nothing. Nothing here keeps a state of its own. */
#include "registers.h"
#include <stddef.h>
#include <stdint.h>

#define MATRIX 0x600C2000u
#define MATRIX_ENABLE (MATRIX + 0x104)
#define MATRIX_TYPE (MATRIX + 0x108)
#define MATRIX_PRIORITY (MATRIX + 0x114)
#define MATRIX_THRESHOLD (MATRIX + 0x194)
#define UART_FIFO 0x60000000u

int rom_nothing(void) {
    return 0;
}

int rom_one(void) {
    return 1;
}

int rom_cache_line(void) {
    return 32;
}

int rom_apb_hertz(void) {
    return 80000000;
}

int rom_cpu_megahertz(void) {
    return 160;
}

int rom_crystal_hertz(void) {
    return 40000000;
}

const char *rom_coexistence_version(void) {
    return "none";
}

int rom_uart_tx_one_char(uint32_t character) {
    REGISTER(UART_FIFO) = character;
    return 0;
}

/* -- interrupts (ESP32-C3 technical reference manual, chapter "Interrupt Matrix") -- */

void rom_interrupt_route(uint32_t core, uint32_t source, uint32_t line) {
    (void)core;
    REGISTER(MATRIX + 4 * source) = line;
}

void rom_interrupt_set_priority(uint32_t line, uint32_t priority) {
    REGISTER(MATRIX_PRIORITY + 4 * line) = priority;
}

void rom_interrupt_set_threshold(uint32_t threshold) {
    REGISTER(MATRIX_THRESHOLD) = threshold;
}

void rom_interrupt_enable(uint32_t mask) {
    REGISTER(MATRIX_ENABLE) |= mask;
}

void rom_interrupt_disable(uint32_t mask) {
    REGISTER(MATRIX_ENABLE) &= ~mask;
}

void rom_interrupt_set_type(uint32_t line, uint32_t type) {
    REGISTER(MATRIX_TYPE) = (REGISTER(MATRIX_TYPE) & ~(1u << line)) | type << line;
}

/* -- whole numbers -- */

int32_t rom_divide(int32_t dividend, int32_t divisor) {
    return dividend / divisor;
}

int32_t rom_modulo(int32_t dividend, int32_t divisor) {
    return dividend % divisor;
}

uint32_t rom_divide_unsigned(uint32_t dividend, uint32_t divisor) {
    return dividend / divisor;
}

uint32_t rom_modulo_unsigned(uint32_t dividend, uint32_t divisor) {
    return dividend % divisor;
}

int32_t rom_multiply(int32_t left, int32_t right) {
    return left * right;
}

int32_t rom_abs(int32_t value) {
    return value < 0 ? -value : value;
}

struct quotient {
    int32_t quotient, rest;
};

struct quotient rom_div(int32_t dividend, int32_t divisor) {
    return (struct quotient){dividend / divisor, dividend % divisor};
}

/* Shell's sort: in place, without recursion. */
void rom_qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *)) {
    unsigned char *items = base;
    for (size_t gap = count / 2; gap; gap /= 2)
        for (size_t i = gap; i < count; i++)
            for (size_t j = i; j >= gap && compare(items + (j - gap) * size, items + j * size) > 0; j -= gap)
                for (size_t byte = 0; byte < size; byte++) {
                    unsigned char moved = items[(j - gap) * size + byte];
                    items[(j - gap) * size + byte] = items[j * size + byte];
                    items[j * size + byte] = moved;
                }
}

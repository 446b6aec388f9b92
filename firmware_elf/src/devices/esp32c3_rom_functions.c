/* Stand-ins for functions of an ESP32-C3's ROM: characters, checksums, the interrupt matrix. What only drives hardware that nobody models does
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

/* -- characters -- */

int rom_isdigit(int c) {
    return c >= '0' && c <= '9';
}

int rom_isupper(int c) {
    return c >= 'A' && c <= 'Z';
}

int rom_islower(int c) {
    return c >= 'a' && c <= 'z';
}

int rom_isalpha(int c) {
    return rom_isupper(c) || rom_islower(c);
}

int rom_isalnum(int c) {
    return rom_isalpha(c) || rom_isdigit(c);
}

int rom_isspace(int c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int rom_toupper(int c) {
    return rom_islower(c) ? c - 32 : c;
}

int rom_tolower(int c) {
    return rom_isupper(c) ? c + 32 : c;
}

/* -- strings -- */

char *rom_strcpy(char *to, const char *from) {
    char *start = to;
    while ((*to++ = *from++))
        ;
    return start;
}

char *rom_strcat(char *to, const char *from) {
    char *end = to;
    while (*end)
        end++;
    rom_strcpy(end, from);
    return to;
}

size_t rom_strnlen(const char *text, size_t most) {
    size_t length = 0;
    while (length < most && text[length])
        length++;
    return length;
}

int rom_strncmp(const char *left, const char *right, size_t most) {
    for (; most; most--, left++, right++) {
        if (*left != *right)
            return (unsigned char)*left - (unsigned char)*right;
        if (!*left)
            break;
    }
    return 0;
}

int rom_strcmp_of_ours(const char *left, const char *right) {
    return rom_strncmp(left, right, SIZE_MAX);
}

int rom_strncasecmp(const char *left, const char *right, size_t most) {
    for (; most; most--, left++, right++) {
        int difference = rom_tolower((unsigned char)*left) - rom_tolower((unsigned char)*right);
        if (difference || !*left)
            return difference;
    }
    return 0;
}

int rom_strcasecmp(const char *left, const char *right) {
    return rom_strncasecmp(left, right, SIZE_MAX);
}

char *rom_strchr(const char *text, int c) {
    for (; *text != (char)c; text++)
        if (!*text)
            return 0;
    return (char *)text;
}

char *rom_strrchr(const char *text, int c) {
    const char *found = 0;
    for (;; text++) {
        if (*text == (char)c)
            found = text;
        if (!*text)
            return (char *)found;
    }
}

size_t rom_strspn(const char *text, const char *set) {
    size_t length = 0;
    while (text[length] && rom_strchr(set, text[length]))
        length++;
    return length;
}

size_t rom_strcspn(const char *text, const char *set) {
    size_t length = 0;
    while (text[length] && !rom_strchr(set, text[length]))
        length++;
    return length;
}

char *rom_strstr(const char *text, const char *part) {
    size_t length = rom_strnlen(part, SIZE_MAX);
    for (;; text++) {
        if (!rom_strncmp(text, part, length))
            return (char *)text;
        if (!*text)
            return 0;
    }
}

size_t rom_strlcpy(char *to, const char *from, size_t room) {
    size_t length = rom_strnlen(from, SIZE_MAX);
    if (room) {
        size_t copied = length < room ? length : room - 1;
        for (size_t i = 0; i < copied; i++)
            to[i] = from[i];
        to[copied] = 0;
    }
    return length;
}

size_t rom_strlcat(char *to, const char *from, size_t room) {
    size_t used = rom_strnlen(to, room);
    return used + (used < room ? rom_strlcpy(to + used, from, room - used) : rom_strnlen(from, SIZE_MAX));
}

void *rom_memchr(const void *from, int c, size_t size) {
    const unsigned char *at = from;
    for (; size; size--, at++)
        if (*at == (unsigned char)c)
            return (void *)at;
    return 0;
}

void rom_bzero(void *to, size_t size) {
    unsigned char *out = to;
    while (size--)
        *out++ = 0;
}

long rom_strtol(const char *text, char **end, int base) {
    const char *at = text;
    unsigned long value = 0;
    int negative = 0, any = 0;
    while (rom_isspace(*at))
        at++;
    if (*at == '-' || *at == '+')
        negative = *at++ == '-';
    if ((base == 0 || base == 16) && at[0] == '0' && rom_tolower(at[1]) == 'x') {
        at += 2;
        base = 16;
    } else if (base == 0) {
        base = *at == '0' ? 8 : 10;
    }
    for (;; at++, any = 1) {
        int digit = rom_isdigit(*at) ? *at - '0' : rom_isalpha(*at) ? rom_tolower(*at) - 'a' + 10 : 99;
        if (digit >= base)
            break;
        value = value * (unsigned long)base + (unsigned long)digit;
    }
    if (end)
        *end = (char *)(any ? at : text);
    return (long)(negative ? 0 - value : value);
}

int rom_atoi(const char *text) {
    return (int)rom_strtol(text, 0, 10);
}

char *rom_utoa(unsigned rest, char *to, int base) {
    char digits[33], *out = to;
    int count = 0;
    do {
        digits[count++] = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % (unsigned)base];
    } while (rest /= (unsigned)base);
    while (count)
        *out++ = digits[--count];
    *out = 0;
    return to;
}

char *rom_itoa(int value, char *to, int base) {
    int is_negative = value < 0 && base == 10;
    if (is_negative)
        *to = '-';
    rom_utoa(is_negative ? 0u - (unsigned)value : (unsigned)value, to + is_negative, base);
    return to;
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

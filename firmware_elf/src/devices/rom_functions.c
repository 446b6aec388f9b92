/* Each is a leaf without data of its own, so that its code runs wherever it is copied. Words where both ends are aligned, else bytes: what a C
   library built for small size does. */
#include "rom_functions.h"
#include <stdint.h>

static inline int aligned(const void *left, const void *right) {
    return (((uintptr_t)left | (uintptr_t)right) & 3) == 0;
}

void *rom_memcpy(void *to, const void *from, size_t size) {
    unsigned char *out = to;
    const unsigned char *in = from;
    if (aligned(out, in))
        for (; size >= 4; size -= 4, out += 4, in += 4)
            *(uint32_t *)out = *(const uint32_t *)in;
    for (; size; size--)
        *out++ = *in++;
    return to;
}

void *rom_memmove(void *to, const void *from, size_t size) {
    unsigned char *out = to;
    const unsigned char *in = from;
    if ((uintptr_t)out - (uintptr_t)in >= size) {
        if (aligned(out, in))
            for (; size >= 4; size -= 4, out += 4, in += 4)
                *(uint32_t *)out = *(const uint32_t *)in;
        for (; size; size--)
            *out++ = *in++;
    } else {
        while (size) {
            size--;
            out[size] = in[size];
        }
    }
    return to;
}

void *rom_memset(void *to, int value, size_t size) {
    unsigned char *out = to;
    uint32_t word = (unsigned char)value;
    word |= word << 8;
    word |= word << 16;
    if (((uintptr_t)out & 3) == 0)
        for (; size >= 4; size -= 4, out += 4)
            *(uint32_t *)out = word;
    for (; size; size--)
        *out++ = (unsigned char)value;
    return to;
}

int rom_memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *a = left, *b = right;
    for (; size; size--, a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}

size_t rom_strlen(const char *text) {
    const char *end = text;
    while (*end)
        end++;
    return (size_t)(end - text);
}

int rom_strcmp(const char *left, const char *right) {
    while (*left && *left == *right)
        left++, right++;
    return (unsigned char)*left - (unsigned char)*right;
}

char *rom_strncpy(char *to, const char *from, size_t size) {
    size_t place = 0;
    for (; place < size && from[place]; place++)
        to[place] = from[place];
    for (; place < size; place++)
        to[place] = 0;
    return to;
}

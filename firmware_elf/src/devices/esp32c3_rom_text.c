/* Stand-ins for functions of an ESP32-C3's ROM: characters and strings. */
#include <stddef.h>
#include <stdint.h>

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

int rom_isascii(int c) {
    return (unsigned)c < 128;
}

int rom_toascii(int c) {
    return c & 127;
}

int rom_isblank(int c) {
    return c == ' ' || c == '\t';
}

int rom_iscntrl(int c) {
    return (unsigned)c < ' ' || c == 127;
}

int rom_isgraph(int c) {
    return c > ' ' && c < 127;
}

int rom_isprint(int c) {
    return c >= ' ' && c < 127;
}

int rom_ispunct(int c) {
    return rom_isgraph(c) && !rom_isalnum(c);
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

char *rom_strcasestr(const char *text, const char *part) {
    size_t length = rom_strnlen(part, SIZE_MAX);
    for (;; text++) {
        if (!rom_strncasecmp(text, part, length))
            return (char *)text;
        if (!*text)
            return 0;
    }
}

char *rom_strncat(char *to, const char *from, size_t most) {
    char *end = to + rom_strnlen(to, SIZE_MAX);
    for (; most && *from; most--)
        *end++ = *from++;
    *end = 0;
    return to;
}

char *rom_strlwr(char *text) {
    for (char *at = text; *at; at++)
        *at = (char)rom_tolower((unsigned char)*at);
    return text;
}

char *rom_strupr(char *text) {
    for (char *at = text; *at; at++)
        *at = (char)rom_toupper((unsigned char)*at);
    return text;
}

char *rom_strsep(char **rest, const char *set) {
    char *start = *rest;
    if (start) {
        char *end = start + rom_strcspn(start, set);
        *rest = *end ? end + 1 : 0;
        *end = 0;
    }
    return start;
}

char *rom_strtok_r(char *text, const char *set, char **rest) {
    char *start = text ? text : *rest;
    if (!start)
        return 0;
    start += rom_strspn(start, set);
    if (!*start) {
        *rest = 0;
        return 0;
    }
    *rest = start;
    return rom_strsep(rest, set);
}

void *rom_memrchr(const void *from, int c, size_t size) {
    const unsigned char *at = (const unsigned char *)from + size;
    while (size--)
        if (*--at == (unsigned char)c)
            return (void *)at;
    return 0;
}

void *rom_memccpy(void *to, const void *from, int c, size_t size) {
    unsigned char *out = to;
    for (const unsigned char *at = from; size; size--)
        if ((*out++ = *at++) == (unsigned char)c)
            return out;
    return 0;
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

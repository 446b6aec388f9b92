/* A ROM's stand-in is taken from this image, which runs only to show that its functions work. */
#include "text.h"
#include <stddef.h>

long rom_strtol(const char *text, char **end, int base);
char *rom_strstr(const char *text, const char *part);
char *rom_itoa(int value, char *to, int base);
unsigned rom_crc32_le(unsigned crc, const unsigned char *data, unsigned size);
unsigned short rom_crc16_be(unsigned short crc, const unsigned char *data, unsigned size);
unsigned char rom_esp_crc8(const unsigned char *data, unsigned size);
int rom_md5_vector(size_t count, const unsigned char *const *parts, const size_t *sizes, unsigned char *result);
char *rom_strtok_r(char *text, const char *set, char **rest);
char *rom_strupr(char *text);
char *rom_strncat(char *to, const char *from, size_t most);
char *rom_strcasestr(const char *text, const char *part);
int rom_ispunct(int c);
int rom_strcasecmp(const char *left, const char *right);
int rom_setjmp(void *buffer);
void rom_longjmp(void *buffer, int value);

int main(void) {
    char text[40], *end;
    unsigned buffer[16];
    volatile int rounds = 0;
    int back = rom_setjmp(buffer);
    if (rounds++ < 2)
        rom_longjmp(buffer, rounds);
    print_text(rom_itoa((int)rom_strtol(" -0x1fz", &end, 0) + back, text, 10));
    print_text(end);
    print_text(rom_strstr("whatever", "eve"));
    print_hexadecimal(rom_crc32_le(0, (const unsigned char *)"123456789", 9));
    print_hexadecimal((unsigned)rom_crc16_be(0, (const unsigned char *)"123456789", 9) << 8 | rom_esp_crc8((const unsigned char *)"123456789", 9));
    /* From RFC 1321: "message digest" and the digits, the latter longer than a block. */
    static const unsigned char MESSAGE[] = "message digest", DIGITS[] = "1234567890123456789012345678901234567890";
    unsigned digest[4];
    const unsigned char *parts[2] = {MESSAGE};
    size_t sizes[2] = {sizeof MESSAGE - 1};
    rom_md5_vector(1, parts, sizes, (unsigned char *)digest);
    print_hexadecimal(digest[0]);
    parts[0] = parts[1] = DIGITS;
    sizes[0] = sizes[1] = sizeof DIGITS - 1;
    rom_md5_vector(2, parts, sizes, (unsigned char *)digest);
    print_hexadecimal(digest[3]);
    char words[] = "; one;two;;three;", *rest;
    text[0] = 0;
    for (char *word = rom_strtok_r(words, "; ", &rest); word; word = rom_strtok_r(0, "; ", &rest))
        rom_strncat(text, word, 3);
    print_text(rom_strcasestr(rom_strupr(text), "tw"));
    print_text(rom_ispunct(';') && !rom_ispunct('a') ? "." : "?");
    print_text(rom_strcasecmp("eSp", "EsP") ? " differs\n" : " same\n");
    return 0;
}

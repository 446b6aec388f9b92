/* A ROM's stand-in is taken from this image, which runs only to show that its functions work. */
#include "text.h"
#include <stddef.h>

long rom_strtol(const char *text, char **end, int base);
char *rom_strstr(const char *text, const char *part);
char *rom_itoa(int value, char *to, int base);
unsigned rom_crc32_le(unsigned crc, const unsigned char *data, unsigned size);
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
    print_text(rom_strcasecmp("eSp", "EsP") ? " differs\n" : " same\n");
    return 0;
}

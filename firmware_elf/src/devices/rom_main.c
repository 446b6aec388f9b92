/* Tries the functions of rom_functions.c. */
#include "rom_functions.h"
#include "text.h"

static char source[32] = "0123456789abcdefghijklmnopqrstu", target[40];

int main(void) {
    rom_memcpy(target, source, 32);
    rom_memmove(target + 3, target, 20);
    print_text(target);
    print_text("\n");
    rom_memset(target + 1, '-', 9);
    rom_strncpy(target + 12, source, 4);
    print_text(target);
    print_text("\n");
    int wrong = rom_strlen(source) != 31 || rom_strcmp(source, source) || rom_strcmp("ab", "ac") >= 0;
    wrong |= rom_memcmp(source, "0123456789b", 11) >= 0 || rom_memcmp(source, "0123", 4);
    print_text(wrong ? "wrong\n" : "right\n");
    return wrong;
}

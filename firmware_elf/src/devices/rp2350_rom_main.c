/* A boot ROM's stand-in is taken from this image, which runs only to show that its table is whole. */
#include "rp2350_rom.h"
#include "text.h"

#define ANY_FUNCTION 0x15u
#define DATA 0x40u

int main(void) {
    uint32_t words[8];
    int (*system_info)(uint32_t *, uint32_t, uint32_t) =
        (int (*)(uint32_t *, uint32_t, uint32_t))rom_table_lookup('G' | 'S' << 8, ANY_FUNCTION);
    print_signed(system_info(words, 8, 0x10));
    print_text(" words");
    print_text(rom_table_lookup('P' | 'T' << 8, DATA) ? ", data" : ", none");
    print_text(rom_table_lookup('P' | 'T' << 8, ANY_FUNCTION) ? ", function\n" : ", no function\n");
    return 0;
}

/* A boot ROM's stand-in is taken from this image, which runs only to show that its tables are whole. */
#include "rp2040_rom.h"
#include "text.h"

extern const uint16_t rom_function_table[], rom_data_table[];
uint32_t rom_table_lookup(const uint16_t *table, uint32_t code);

int main(void) {
    const uint32_t *floats = (const uint32_t *)rom_table_lookup(rom_data_table, 'S' | 'F' << 8);
    float (*add)(float, float) = (float (*)(float, float))floats[0];
    uint32_t (*zeros)(uint32_t) = (uint32_t (*)(uint32_t))rom_table_lookup(rom_function_table, 'L' | '3' << 8);
    print_signed(rom_float2int(add(40, 2)));
    print_text(" ");
    print_signed((int32_t)zeros(1));
    print_text(rom_table_lookup(rom_function_table, 'U' | 'B' << 8) ? "\n" : " none\n");
    return 0;
}

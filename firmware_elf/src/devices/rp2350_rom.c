/* What stands in for an RP2350's boot ROM (RP2350 datasheet 5.4, "Bootrom APIs"): functions and data by two letters. Nothing here keeps a state.
   The flash is not programmed, there is no partition table, factory data reads as zero. */
#include "rp2350_rom.h"

#define CODE(first, second) ((uint32_t)(first) | (uint32_t)(second) << 8)
#define BOOT_RAM 0x400E0000u
#define FLAG_DATA 0x40u
#define NOT_FOUND (-17)
#define INVALID_ARGUMENT (-5)

int rom_done(void) {
    return 0;
}

int rom_not_found(void) {
    return NOT_FOUND;
}

/* A reset of the chip: there is nothing behind it. */
void rom_reboot(void) {
    for (;;)
        ;
}

void *rom_same_address(void *address) {
    return address;
}

/* Words that follow each flag of get_sys_info, flag 0 first. */
static const uint8_t system_words[] = {3, 1, 1, 1, 4, 2, 4};

int rom_get_sys_info(uint32_t *words, uint32_t room, uint32_t flags) {
    uint32_t used = 1;
    if (room == 0)
        return INVALID_ARGUMENT;
    words[0] = flags & ((1u << sizeof system_words) - 1);
    for (uint32_t bit = 0; bit < sizeof system_words; bit++)
        if (flags >> bit & 1)
            for (uint32_t i = 0; i < system_words[bit] && used < room; i++)
                words[used++] = 0;
    return (int)used;
}

/* No partitions; all of the flash may be read and written by everybody. */
int rom_get_partition_table_info(uint32_t *words, uint32_t room, uint32_t flags) {
    const uint32_t all[] = {flags & 1, 0, 0xFC000000, 0xFC000000};
    uint32_t used = flags & 1 ? 4 : 1;
    if (room < used)
        return INVALID_ARGUMENT;
    for (uint32_t i = 0; i < used; i++)
        words[i] = all[i];
    return (int)used;
}

static const uint32_t revision;
static const uint16_t flash_devinfo;
static const uint16_t *const flash_devinfo_pointer = &flash_devinfo;
static const uint32_t partition_table[34] = {0x00010000, 0xFC000000};
static const uint32_t *const partition_table_pointer = partition_table;
/* The chip's own ROM leaves it at the start of its boot RAM. */
static void (*const xip_setup)(void) = (void (*)(void))(BOOT_RAM + FUNCTION_BIT);

static const struct {
    uint32_t code;
    const void *place;
    uint32_t is_data;
} entries[] = {
    {CODE('S', 'R'), rom_done, 0},
    {CODE('I', 'F'), rom_done, 0},
    {CODE('E', 'X'), rom_done, 0},
    {CODE('C', 'X'), rom_done, 0},
    {CODE('X', 'M'), rom_done, 0},
    {CODE('F', 'C'), rom_done, 0},
    {CODE('R', 'A'), rom_done, 0},
    {CODE('R', 'E'), rom_done, 0},
    {CODE('R', 'P'), rom_done, 0},
    {CODE('F', 'O'), rom_done, 0},
    {CODE('F', 'A'), rom_same_address, 0},
    {CODE('G', 'S'), rom_get_sys_info, 0},
    {CODE('G', 'P'), rom_get_partition_table_info, 0},
    {CODE('L', 'P'), rom_done, 0},
    {CODE('A', 'B'), rom_not_found, 0},
    {CODE('G', 'B'), rom_not_found, 0},
    {CODE('G', 'U'), rom_not_found, 0},
    {CODE('C', 'I'), rom_not_found, 0},
    {CODE('E', 'B'), rom_done, 0},
    {CODE('O', 'A'), rom_done, 0},
    {CODE('R', 'B'), rom_reboot, 0},
    {CODE('R', 'C'), rom_done, 0},
    {CODE('S', 'P'), rom_done, 0},
    {CODE('S', 'S'), rom_done, 0},
    {CODE('G', 'R'), &revision, 1},
    {CODE('F', 'D'), &flash_devinfo_pointer, 1},
    {CODE('P', 'T'), &partition_table_pointer, 1},
    {CODE('X', 'F'), &xip_setup, 1},
};

const void *rom_table_lookup(uint32_t code, uint32_t mask) {
    for (uint32_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (entries[i].code == code && entries[i].is_data == ((mask & FLAG_DATA) != 0))
            return entries[i].place;
    return 0;
}

#ifdef __riscv
/* Where an image's first instructions lead, so that the ROM boots it: to the entry point that a block of the image names (RP2350 datasheet 5.9). */
#define FLASH 0x10000000u
#define BLOCK_START 0xFFFFDED3u
#define ENTRY_POINT 0x44u
#define LAST_ITEM 0xFFu
#define SEARCHED_WORDS 1024u

__attribute__((noreturn)) void rom_boot(void) {
    const uint32_t *words = (const uint32_t *)FLASH;
    for (uint32_t i = 0; i < SEARCHED_WORDS; i++) {
        if (words[i] != BLOCK_START)
            continue;
        for (uint32_t item = i + 1; item < SEARCHED_WORDS && (words[item] & 0xFF) != LAST_ITEM;) {
            uint32_t type = words[item] & 0xFF, size = words[item] >> 8 & (type & 0x80 ? 0xFFFF : 0xFF);
            if (type == ENTRY_POINT)
                __asm__ volatile("mv sp, %0\n jr %1" : : "r"(words[item + 2]), "r"(words[item + 1]));
            item += size ? size : 1;
        }
    }
    for (;;)
        ;
}

__asm__(".section .bootentry, \"ax\"\n .option norvc\n .globl rom_entry\n rom_entry: j rom_boot\n .text");
#endif

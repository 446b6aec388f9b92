/* Stand-ins for functions of an ESP32-C3's ROM: the flash by its command interface, and the table that maps its pages (ESP32-C3 technical reference
   manual, chapters "SPI Controller" and "System and Memory"). */
#include "registers.h"
#include <stdint.h>

#define CONTROLLER 0x60002000u
#define COMMAND (CONTROLLER + 0x00)
#define ADDRESS (CONTROLLER + 0x04)
#define USER (CONTROLLER + 0x18)
#define USER2 (CONTROLLER + 0x20)
#define READ_BITS (CONTROLLER + 0x28)
#define BUFFER (CONTROLLER + 0x58)
#define BUFFER_BYTES 64u
#define PAGE_BYTES 256u

#define RUN_USER_COMMAND (1u << 18)
#define ERASE_BLOCK (1u << 23)
#define ERASE_SECTOR (1u << 24)
#define PROGRAM (1u << 25)
#define ENABLE_WRITES (1u << 30)

#define MAPPING 0x600C5000u
#define ENTRIES 128u
#define INVALID 0x100u
#define MAPPED_BYTES 0x10000u

/* The ROM's own variables lie at the end of RAM, where the firmware's linker script leaves room for them. */
#define END_OF_CODE 0x3FCDFF20u
#define END_OF_DATA 0x3FCDFF24u

static void run(uint32_t command) {
    REGISTER(COMMAND) = command;
    while (REGISTER(COMMAND))
        ;
}

int rom_flash_read(uint32_t from, uint8_t *to, uint32_t size) {
    REGISTER(USER) = 1u << 31 | 1u << 30 | 1u << 28;
    REGISTER(USER2) = 7u << 28 | 0x03;
    while (size) {
        uint32_t now = size < BUFFER_BYTES ? size : BUFFER_BYTES;
        REGISTER(ADDRESS) = from;
        REGISTER(READ_BITS) = 8 * now - 1;
        run(RUN_USER_COMMAND);
        for (uint32_t byte = 0; byte < now; byte++)
            to[byte] = (uint8_t)(REGISTER(BUFFER + (byte & ~3u)) >> 8 * (byte & 3));
        from += now;
        to += now;
        size -= now;
    }
    return 0;
}

int rom_flash_write(uint32_t to, const uint8_t *from, uint32_t size) {
    while (size) {
        uint32_t left = PAGE_BYTES - to % PAGE_BYTES, now = size < BUFFER_BYTES / 2 ? size : BUFFER_BYTES / 2;
        if (now > left)
            now = left;
        for (uint32_t byte = 0, word = 0; byte < now; byte++) {
            word |= (uint32_t)from[byte] << 8 * (byte & 3);
            if ((byte & 3) == 3 || byte == now - 1) {
                REGISTER(BUFFER + (byte & ~3u)) = word;
                word = 0;
            }
        }
        run(ENABLE_WRITES);
        REGISTER(ADDRESS) = to | now << 24;
        run(PROGRAM);
        from += now;
        to += now;
        size -= now;
    }
    return 0;
}

static int erase(uint32_t address, uint32_t command) {
    run(ENABLE_WRITES);
    REGISTER(ADDRESS) = address;
    run(command);
    return 0;
}

int rom_flash_erase_sector(uint32_t number) {
    return erase(number * 0x1000u, ERASE_SECTOR);
}

int rom_flash_erase_block(uint32_t number) {
    return erase(number * 0x10000u, ERASE_BLOCK);
}

/* -- the table of pages; its parts for code and for data are told in bytes -- */

void rom_mapping_clear(void) {
    for (uint32_t entry = 0; entry < ENTRIES; entry++)
        REGISTER(MAPPING + 4 * entry) = INVALID;
}

int rom_mapping_set(uint32_t external_ram, uint32_t address, uint32_t offset, uint32_t page_kilobytes, uint32_t pages, uint32_t is_fixed) {
    (void)external_ram, (void)page_kilobytes;
    uint32_t entry = (address & 0x7FFFFFu) / MAPPED_BYTES;
    for (uint32_t page = 0; page < pages && entry + page < ENTRIES; page++)
        REGISTER(MAPPING + 4 * (entry + page)) = offset / MAPPED_BYTES + (is_fixed ? 0 : page);
    return 0;
}

void rom_mapping_sizes(uint32_t code_bytes, uint32_t data_bytes) {
    REGISTER(END_OF_CODE) = code_bytes;
    REGISTER(END_OF_DATA) = code_bytes + data_bytes;
}

uint32_t rom_mapping_end_of_code(void) {
    return REGISTER(END_OF_CODE);
}

uint32_t rom_mapping_end_of_data(void) {
    return REGISTER(END_OF_DATA);
}

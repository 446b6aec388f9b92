/* Reads the partition table of an ESP32-C3's flash, erases and programs the flash through functions of the ROM, and maps its pages while it runs: data,
   and code that is another one at the same address afterwards. */
#include "registers.h"
#include "text.h"

#define TABLE 0x8000u
#define ROW_BYTES 32u
#define DATA 0x300000u
#define CODE 0x310000u
#define PAGE 0x10000u
#define DATA_WINDOW 0x3C400000u
#define CODE_WINDOW 0x42500000u
#define BYTES 300u
#define UNALIGNED 0x0Eu

/* Places in the ROM's table of jumps. */
#define ROM(place) ((uintptr_t)(0x40000000u + (place)))

static int (*const erase_sector)(uint32_t number) = (int (*)(uint32_t))ROM(0x128);
static int (*const flash_write)(uint32_t to, const void *from, uint32_t size) = (int (*)(uint32_t, const void *, uint32_t))ROM(0x12C);
static int (*const flash_read)(uint32_t from, void *to, uint32_t size) = (int (*)(uint32_t, void *, uint32_t))ROM(0x130);
typedef int (*map_t)(uint32_t external_ram, uint32_t address, uint32_t offset, uint32_t kilobytes, uint32_t pages, uint32_t is_fixed);
static const map_t map_code = (map_t)ROM(0x560), map_data = (map_t)ROM(0x564);
static void (*const md5_begin)(void *digest) = (void (*)(void *))ROM(0x614);
static void (*const md5_add)(void *digest, const void *data, uint32_t size) = (void (*)(void *, const void *, uint32_t))ROM(0x618);
static void (*const md5_end)(uint8_t *result, void *digest) = (void (*)(uint8_t *, void *))ROM(0x61C);

static uint8_t buffer[BYTES];
static uint32_t row[ROW_BYTES / 4], digest[22];

/* Their places in a word are those of the flash's bytes. */
static const uint16_t FIRST[] = {0x4505, 0x8082}, SECOND[] = {0x4509, 0x8082}; /* li a0, 1 or 2; ret */

static uint32_t right(const uint8_t *bytes) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < BYTES; i++)
        count += bytes[i] == (uint8_t)(i * 7u);
    return count;
}

static void read_partitions(void) {
    uint32_t rows = 0;
    uint8_t result[16];
    md5_begin(digest);
    for (;; rows++) {
        flash_read(TABLE + rows * ROW_BYTES, row, ROW_BYTES);
        if ((row[0] & 0xFFFFu) != 0x50AAu)
            break;
        md5_add(digest, row, ROW_BYTES);
    }
    md5_end(result, digest);
    uint32_t same = (row[0] & 0xFFFFu) == 0xEBEBu;
    for (uint32_t i = 0; i < 16; i++)
        same &= result[i] == ((const uint8_t *)row)[16 + i];
    print_signed((int32_t)rows);
    print_text(same ? " partitions\n" : " partitions, wrong digest\n");
}

int main(void) {
    read_partitions();
    erase_sector(DATA / 0x1000u);
    for (uint32_t i = 0; i < BYTES; i++)
        buffer[i] = (uint8_t)(i * 7u);
    flash_write(DATA + UNALIGNED, buffer, BYTES);
    for (uint32_t i = 0; i < BYTES; i++)
        buffer[i] = 0;
    flash_read(DATA + UNALIGNED, buffer, BYTES);
    print_signed((int32_t)right(buffer));
    map_data(0, DATA_WINDOW, DATA, 64, 1, 0);
    print_text(right((const uint8_t *)(uintptr_t)(DATA_WINDOW + UNALIGNED)) == BYTES ? " bytes, mapped" : " bytes, not mapped");
    erase_sector(DATA / 0x1000u);
    print_text(REGISTER(DATA_WINDOW + 0x10) == 0xFFFFFFFFu ? ", erased\n" : ", not erased\n");
    flash_write(CODE, FIRST, sizeof FIRST);
    flash_write(CODE + PAGE, SECOND, sizeof SECOND);
    int (*const mapped)(void) = (int (*)(void))(uintptr_t)CODE_WINDOW;
    for (uint32_t i = 0; i < 4; i++) {
        map_code(0, CODE_WINDOW, CODE + (i & 1) * PAGE, 64, 1, 0);
        print_signed(mapped());
    }
    print_text("\n");
    return 0;
}

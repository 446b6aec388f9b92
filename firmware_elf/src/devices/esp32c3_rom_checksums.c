/* Stand-ins for functions of an ESP32-C3's ROM: checksums and the digest by which firmware trusts its partition table. */
#include <stddef.h>
#include <stdint.h>

/* -- cyclic redundancy: the ROM's functions take and give them inverted; "le" begins at a byte's lowest bit, "be" at its highest -- */

static uint32_t lowest_first(uint32_t crc, const uint8_t *data, uint32_t size, uint32_t polynomial) {
    for (; size; size--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (polynomial & (0u - (crc & 1)));
    }
    return crc;
}

/* The checksum stands in the upper bits of a word. */
static uint32_t highest_first(uint32_t crc, const uint8_t *data, uint32_t size, uint32_t polynomial) {
    for (; size; size--) {
        crc ^= (uint32_t)*data++ << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ (polynomial & (0u - (crc >> 31)));
    }
    return crc;
}

uint32_t rom_crc32_le(uint32_t crc, const uint8_t *data, uint32_t size) {
    return ~lowest_first(~crc, data, size, 0xEDB88320u);
}

uint32_t rom_crc32_be(uint32_t crc, const uint8_t *data, uint32_t size) {
    return ~highest_first(~crc, data, size, 0x04C11DB7u);
}

uint16_t rom_crc16_le(uint16_t crc, const uint8_t *data, uint32_t size) {
    return (uint16_t)~lowest_first((uint16_t)~crc, data, size, 0x8408u);
}

uint16_t rom_crc16_be(uint16_t crc, const uint8_t *data, uint32_t size) {
    return (uint16_t)(~highest_first((uint32_t)(uint16_t)~crc << 16, data, size, 0x10210000u) >> 16);
}

uint8_t rom_crc8_le(uint8_t crc, const uint8_t *data, uint32_t size) {
    return (uint8_t)~lowest_first((uint8_t)~crc, data, size, 0xE0u);
}

uint8_t rom_crc8_be(uint8_t crc, const uint8_t *data, uint32_t size) {
    return (uint8_t)(~highest_first((uint32_t)(uint8_t)~crc << 24, data, size, 0x07000000u) >> 24);
}

/* That of the MAC address in the fuses (Maxim's one-wire polynomial), not inverted. */
uint8_t rom_esp_crc8(const uint8_t *data, uint32_t size) {
    return (uint8_t)lowest_first(0, data, size, 0x8Cu);
}

/* -- MD5 (RFC 1321) -- */

struct digest {
    uint32_t state[4];
    uint32_t bits[2];
    uint8_t block[64];
};

static const uint32_t SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1,
    0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453,
    0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942,
    0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05,
    0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d,
    0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t TURNS[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};

static uint32_t word_at(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void take_block(struct digest *digest) {
    uint32_t a = digest->state[0], b = digest->state[1], c = digest->state[2], d = digest->state[3];
    for (uint32_t step = 0; step < 64; step++) {
        uint32_t mixed, place;
        switch (step / 16) {
        case 0:
            mixed = (b & c) | (~b & d);
            place = step;
            break;
        case 1:
            mixed = (d & b) | (~d & c);
            place = 5 * step + 1;
            break;
        case 2:
            mixed = b ^ c ^ d;
            place = 3 * step + 5;
            break;
        default:
            mixed = c ^ (b | ~d);
            place = 7 * step;
        }
        uint32_t sum = a + mixed + SINES[step] + word_at(digest->block + 4 * (place % 16));
        uint32_t turn = TURNS[step / 16 * 4 + step % 4];
        a = d;
        d = c;
        c = b;
        b += sum << turn | sum >> (32 - turn);
    }
    digest->state[0] += a;
    digest->state[1] += b;
    digest->state[2] += c;
    digest->state[3] += d;
}

void rom_md5_begin(struct digest *digest) {
    digest->state[0] = 0x67452301;
    digest->state[1] = 0xefcdab89;
    digest->state[2] = 0x98badcfe;
    digest->state[3] = 0x10325476;
    digest->bits[0] = digest->bits[1] = 0;
}

void rom_md5_add(struct digest *digest, const uint8_t *data, uint32_t size) {
    uint32_t used = digest->bits[0] / 8 % 64, before = digest->bits[0];
    digest->bits[0] += size << 3;
    digest->bits[1] += (size >> 29) + (digest->bits[0] < before);
    for (; size; size--) {
        digest->block[used++] = *data++;
        if (used == 64) {
            take_block(digest);
            used = 0;
        }
    }
}

void rom_md5_end(uint8_t *result, struct digest *digest) {
    uint32_t used = digest->bits[0] / 8 % 64;
    digest->block[used++] = 0x80;
    for (; used != 56; used++) {
        if (used == 64) {
            take_block(digest);
            used = 0;
        }
        if (used == 56)
            break;
        digest->block[used] = 0;
    }
    for (int byte = 0; byte < 8; byte++)
        digest->block[56 + byte] = (uint8_t)(digest->bits[byte / 4] >> 8 * (byte % 4));
    take_block(digest);
    for (int byte = 0; byte < 16; byte++)
        result[byte] = (uint8_t)(digest->state[byte / 4] >> 8 * (byte % 4));
}

int rom_md5_vector(size_t count, const uint8_t *const *parts, const size_t *sizes, uint8_t *result) {
    struct digest digest;
    rom_md5_begin(&digest);
    for (size_t part = 0; part < count; part++)
        rom_md5_add(&digest, parts[part], sizes[part]);
    rom_md5_end(result, &digest);
    return 0;
}

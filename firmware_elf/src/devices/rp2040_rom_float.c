/* Single precision: round to nearest even, denormals as zero, NaN as infinity. Division uses the chip's divider, as its ROM does; the
   transcendental functions work in fixed point, bit by bit. */
#include "rp2040_rom.h"

typedef union {
    float value;
    uint32_t bits;
} word_t;

typedef union {
    double value;
    uint64_t bits;
} long_t;

#define DIVIDER ((volatile uint32_t *)0xD0000060)
enum { DIVIDEND, DIVISOR, QUOTIENT = 4, REMAINDER };

static uint32_t bits_of(float value) { return ((word_t){.value = value}).bits; }
static float of_bits(uint32_t bits) { return ((word_t){.bits = bits}).value; }

/* The float of magnitude * 2^(exponent - 127 - 31), whose highest bit is set; bits below the 24th only say how to round. */
static float packed(uint32_t sign, int exponent, uint32_t magnitude) {
    uint32_t low = magnitude & 0xFF;
    magnitude >>= 8;
    if (low > 0x80 || (low == 0x80 && (magnitude & 1)))
        magnitude++;
    if (magnitude >> 24)
        magnitude >>= 1, exponent++;
    if (exponent <= 0)
        return of_bits(sign);
    if (exponent >= 255)
        return of_bits(sign | 0x7F800000);
    return of_bits(sign | (uint32_t)exponent << 23 | (magnitude & 0x7FFFFF));
}

static float normalized(uint32_t sign, int exponent, uint32_t magnitude) {
    if (!magnitude)
        return of_bits(0);
    uint32_t shift = rom_clz32(magnitude);
    return packed(sign, exponent - (int)shift, magnitude << shift);
}

float rom_fadd(float x, float y) {
    uint32_t a = bits_of(x), b = bits_of(y), shift;
    if ((a & 0x7FFFFFFF) < (b & 0x7FFFFFFF))
        shift = a, a = b, b = shift;
    int large = a >> 23 & 0xFF, small = b >> 23 & 0xFF;
    if (large == 255 || !small)
        return of_bits(large ? a : 0);
    uint32_t high = ((a & 0x7FFFFF) | 0x800000) << 7, low = ((b & 0x7FFFFF) | 0x800000) << 7;
    shift = (uint32_t)(large - small);
    if (shift > 31)
        low = 1;
    else if (shift)
        low = low >> shift | (low << (32 - shift) ? 1 : 0);
    high = (int32_t)(a ^ b) < 0 ? high - low : high + low;
    if (high >> 30 == 1)
        return packed(a & 0x80000000, large, high << 1);
    return normalized(a & 0x80000000, large + 1, high);
}

float rom_fsub(float x, float y) { return rom_fadd(x, of_bits(bits_of(y) ^ 0x80000000)); }

float rom_fmul(float x, float y) {
    uint32_t a = bits_of(x), b = bits_of(y), sign = (a ^ b) & 0x80000000;
    int left = a >> 23 & 0xFF, right = b >> 23 & 0xFF;
    if (!left || !right)
        return of_bits(sign);
    if (left == 255 || right == 255)
        return of_bits(sign | 0x7F800000);
    a = (a & 0x7FFFFF) | 0x800000, b = (b & 0x7FFFFF) | 0x800000;
    /* 24 bits by 24 from halves of 12: the product's upper half, and whether anything lies below it. */
    uint32_t a1 = a >> 12, a0 = a & 0xFFF, b1 = b >> 12, b0 = b & 0xFFF;
    uint32_t middle = a1 * b0 + a0 * b1, low = a0 * b0 + (middle << 12 & 0xFFFFFF), high = a1 * b1 + (middle >> 12) + (low >> 24);
    high = high << 8 | (low >> 16 & 0xFF) | (low & 0xFFFF ? 1 : 0);
    int exponent = left + right - 126;
    return high >> 31 ? packed(sign, exponent, high) : packed(sign, exponent - 1, high << 1);
}

static uint32_t divided(uint32_t dividend, uint32_t divisor) {
    DIVIDER[DIVIDEND] = dividend;
    DIVIDER[DIVISOR] = divisor;
    __asm volatile("b 1f\n1: b 2f\n2: b 3f\n3: b 4f\n4:");
    uint32_t remainder = DIVIDER[REMAINDER];
    (void)remainder;
    return DIVIDER[QUOTIENT];
}

float rom_fdiv(float x, float y) {
    uint32_t a = bits_of(x), b = bits_of(y), sign = (a ^ b) & 0x80000000;
    int left = a >> 23 & 0xFF, right = b >> 23 & 0xFF;
    if (left == 255 || !right)
        return of_bits(sign | 0x7F800000);
    if (!left || right == 255)
        return of_bits(sign);
    a = (a & 0x7FFFFF) | 0x800000, b = (b & 0x7FFFFF) | 0x800000;
    if (a < b)
        a <<= 1, left--;
    /* Eight bits of the quotient at a time behind the first, which is one. */
    uint32_t quotient = 1;
    a = (a - b) << 8;
    for (int step = 0; step < 3; step++) {
        uint32_t part = divided(a, b);
        quotient = quotient << 8 | part;
        a = (a - part * b) << 8;
    }
    return packed(sign, left - right + 127, quotient << 7 | (a ? 1 : 0));
}

float rom_fsqrt(float x) {
    uint32_t a = bits_of(x);
    int exponent = a >> 23 & 0xFF;
    if (!exponent)
        return of_bits(a & 0x80000000);
    if (a >> 31)
        return of_bits(0xFF800000);
    if (exponent == 255)
        return x;
    uint32_t rest = ((a & 0x7FFFFF) | 0x800000) << (exponent & 1 ? 0 : 1), root = 0, left = 0;
    for (int bit = 0; bit < 26; bit++) {
        left = left << 2 | (rest >> 23 & 3), rest = rest << 2 & 0x1FFFFFF;
        uint32_t trial = root << 2 | 1;
        root <<= 1;
        if (left >= trial)
            left -= trial, root |= 1;
    }
    return normalized(0, (exponent + 127) / 2 + 5, root << 1 | (left ? 1 : 0));
}

int rom_fcmp(float x, float y) {
    int32_t a = (int32_t)bits_of(x), b = (int32_t)bits_of(y);
    a = a < 0 ? (int32_t)(0x80000000 - (uint32_t)a) : a, b = b < 0 ? (int32_t)(0x80000000 - (uint32_t)b) : b;
    return a < b ? -1 : a > b;
}

/* floor(x * 2^bits), held between two limits. */
static __attribute__((noinline)) int64_t scaled(float x, int bits, int64_t least, int64_t most) {
    uint32_t a = bits_of(x);
    int exponent = (int)(a >> 23 & 0xFF) - 127 - 23 + bits;
    uint64_t magnitude = (a & 0x7FFFFF) | 0x800000;
    if (!(a >> 23 & 0xFF))
        return 0;
    if (exponent >= 40)
        return a >> 31 ? least : most;
    if (exponent >= 0)
        magnitude <<= exponent;
    else if (exponent < -25)
        magnitude = a >> 31;
    else {
        uint64_t lost = magnitude & ((1ull << -exponent) - 1);
        magnitude = (magnitude >> -exponent) + (lost && a >> 31);
    }
    int64_t value = a >> 31 ? -(int64_t)magnitude : (int64_t)magnitude;
    return value < least ? least : value > most ? most : value;
}

int32_t rom_float2fix(float x, int bits) { return (int32_t)scaled(x, bits, INT32_MIN, INT32_MAX); }
int32_t rom_float2int(float x) { return rom_float2fix(x, 0); }
uint32_t rom_float2ufix(float x, int bits) { return (uint32_t)scaled(x, bits, 0, UINT32_MAX); }
uint32_t rom_float2uint(float x) { return rom_float2ufix(x, 0); }
int64_t rom_float2fix64(float x, int bits) { return scaled(x, bits, INT64_MIN, INT64_MAX); }
int64_t rom_float2int64(float x) { return rom_float2fix64(x, 0); }
uint64_t rom_float2ufix64(float x, int bits) {
    int exponent = (int)(bits_of(x) >> 23 & 0xFF) - 127 + bits;
    if ((int32_t)bits_of(x) > 0 && exponent >= 63)
        return exponent > 63 ? UINT64_MAX : (uint64_t)((bits_of(x) & 0x7FFFFF) | 0x800000) << 40;
    return (uint64_t)scaled(x, bits, 0, INT64_MAX);
}
uint64_t rom_float2uint64(float x) { return rom_float2ufix64(x, 0); }

static float from_long(uint32_t sign, uint64_t magnitude, int bits) {
    uint32_t high = (uint32_t)(magnitude >> 32), low = (uint32_t)magnitude;
    if (!high)
        return normalized(sign, 158 - bits, low);
    uint32_t shift = rom_clz32(high);
    magnitude <<= shift;
    return packed(sign, 190 - bits - (int)shift, (uint32_t)(magnitude >> 32) | ((uint32_t)magnitude ? 1 : 0));
}

float rom_fix2float(int32_t x, int bits) { return normalized((uint32_t)x & 0x80000000, 158 - bits, x < 0 ? -(uint32_t)x : (uint32_t)x); }
float rom_int2float(int32_t x) { return rom_fix2float(x, 0); }
float rom_ufix2float(uint32_t x, int bits) { return normalized(0, 158 - bits, x); }
float rom_uint2float(uint32_t x) { return rom_ufix2float(x, 0); }
float rom_fix642float(int64_t x, int bits) { return from_long((uint32_t)(x >> 32) & 0x80000000, x < 0 ? -(uint64_t)x : (uint64_t)x, bits); }
float rom_int642float(int64_t x) { return rom_fix642float(x, 0); }
float rom_ufix642float(uint64_t x, int bits) { return from_long(0, x, bits); }
float rom_uint642float(uint64_t x) { return rom_ufix642float(x, 0); }

double rom_float2double(float x) {
    uint32_t a = bits_of(x), exponent = a >> 23 & 0xFF;
    uint64_t sign = (uint64_t)(a & 0x80000000) << 32;
    if (!exponent)
        return ((long_t){.bits = sign}).value;
    exponent = exponent == 255 ? 2047 : exponent + 896;
    return ((long_t){.bits = sign | (uint64_t)exponent << 52 | (uint64_t)(a & 0x7FFFFF) << 29}).value;
}

/* atan(2^-i) in units of 2^-29 */
static const int32_t ANGLES[] = {
    421657428, 248918915, 131521918, 66762579, 33510843, 16771758, 8387925, 4194219, 2097141, 1048575, 524288, 262144, 131072, 65536, 32768,
    16384, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4,
};
#define STEPS ((int)(sizeof ANGLES / sizeof *ANGLES))
#define HALF_PI 843314857
#define SHORTENED 326016437 /* product of cos(atan(2^-i)), in units of 2^-29 */

typedef struct {
    int32_t sine, cosine;
} direction_t;

/* Sine and cosine of an angle within a quarter turn to either side. */
static direction_t rotated(int32_t angle) {
    int32_t x = SHORTENED, y = 0;
    for (int i = 0; i < STEPS; i++) {
        int32_t dx = y >> i, dy = x >> i;
        if (angle < 0)
            x += dx, y -= dy, angle += ANGLES[i];
        else
            x -= dx, y += dy, angle -= ANGLES[i];
    }
    return (direction_t){y, x};
}

static direction_t direction(float x) {
    int64_t angle = scaled(x, 29, INT64_MIN / 2, INT64_MAX / 2);
    int32_t quarter = rom_float2int(rom_fadd(rom_fmul(x, 0.63661977f), 0.5f));
    direction_t found = rotated((int32_t)(angle - (int64_t)quarter * HALF_PI));
    switch (quarter & 3) {
    case 1:
        return (direction_t){found.cosine, -found.sine};
    case 2:
        return (direction_t){-found.sine, -found.cosine};
    case 3:
        return (direction_t){-found.cosine, found.sine};
    default:
        return found;
    }
}

static int is_small(float x) { return (bits_of(x) >> 23 & 0xFF) < 127 - 11; }

uint64_t rom_fsincos(float x) {
    direction_t found = direction(x);
    float sine = is_small(x) ? x : rom_fix2float(found.sine, 29);
    return (uint64_t)bits_of(rom_fix2float(found.cosine, 29)) << 32 | bits_of(sine);
}

float rom_fcos(float x) { return rom_fix2float(direction(x).cosine, 29); }

float rom_ftan(float x) {
    direction_t found = direction(x);
    return is_small(x) ? x : rom_fdiv(rom_fix2float(found.sine, 29), rom_fix2float(found.cosine, 29));
}

float rom_fatan2(float y, float x) {
    float turn = 0, smaller;
    if (!(bits_of(y) << 1) && !(bits_of(x) << 1))
        return 0;
    if (bits_of(x) >> 31) {
        turn = bits_of(y) >> 31 ? -3.14159265f : 3.14159265f;
        x = of_bits(bits_of(x) ^ 0x80000000), y = of_bits(bits_of(y) ^ 0x80000000);
    }
    int steep = (bits_of(y) & 0x7FFFFFFF) > bits_of(x);
    smaller = steep ? rom_fdiv(x, y) : rom_fdiv(y, x);
    float angle = smaller;
    if (!is_small(smaller)) {
        int32_t across = 1 << 29, up = rom_float2fix(smaller, 29), sum = 0;
        for (int i = 0; i < STEPS; i++) {
            int32_t dx = up >> i, dy = across >> i;
            if (up > 0)
                across += dx, up -= dy, sum += ANGLES[i];
            else
                across -= dx, up += dy, sum -= ANGLES[i];
        }
        angle = rom_fix2float(sum, 29);
    }
    if (steep)
        angle = rom_fsub(bits_of(y) >> 31 ? -1.57079633f : 1.57079633f, angle);
    return rom_fadd(turn, angle);
}

/* ln(1 + 2^-i) in units of 2^-29 */
static const int32_t LOGARITHMS[] = {
    372130559, 217682422, 119799282, 63234286, 32547596, 16520408, 8323747, 4178005, 2093067, 1047553, 524032, 262080, 131056, 65532, 32767,
    16384, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4,
};
#define LN_2 372130559

float rom_fexp(float x) {
    int exponent = bits_of(x) >> 23 & 0xFF;
    if (exponent >= 127 + 7)
        return of_bits(bits_of(x) >> 31 ? 0 : 0x7F800000);
    int32_t whole = rom_float2int(rom_fmul(x, 1.44269504f));
    int32_t rest = (int32_t)(scaled(x, 29, INT64_MIN / 2, INT64_MAX / 2) - (int64_t)whole * LN_2);
    uint32_t power = 1u << 29;
    for (int i = 1; i < STEPS; i++)
        if (rest >= LOGARITHMS[i])
            rest -= LOGARITHMS[i], power += power >> i;
    power += (uint32_t)(((uint64_t)power * (uint32_t)(rest < 0 ? 0 : rest)) >> 29);
    return normalized(0, 158 - 29 + whole, power);
}

float rom_fln(float x) {
    uint32_t a = bits_of(x);
    int exponent = (int)(a >> 23 & 0xFF) - 127;
    if (a >> 31 || exponent == -127)
        return of_bits(0xFF800000);
    if (exponent == 128)
        return x;
    float near = rom_fsub(x, 1.0f);
    if (is_small(near))
        return rom_fsub(near, rom_fmul(rom_fmul(near, near), 0.5f));
    uint32_t mantissa = ((a & 0x7FFFFF) | 0x800000) << 6; /* 1 is 2^29 */
    int32_t sum = LN_2;
    /* Multiply up to 2. */
    for (int i = 1; i < STEPS; i++) {
        for (int twice = 0; twice < 2; twice++) {
            uint32_t grown = mantissa + (mantissa >> i);
            if (grown <= 1u << 30)
                mantissa = grown, sum -= LOGARITHMS[i];
        }
    }
    return rom_fix642float(sum + (int64_t)exponent * LN_2, 29);
}

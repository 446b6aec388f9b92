/* Double precision: round to nearest even, denormals as zero, NaN as infinity; series for the transcendental functions. */
#include "rp2040_rom.h"

typedef union {
    double value;
    uint64_t bits;
} long_t;

static uint64_t bits_of(double value) { return ((long_t){.value = value}).bits; }
static double of_bits(uint64_t bits) { return ((long_t){.bits = bits}).value; }
static int exponent_of(double value) { return (int)(bits_of(value) >> 52 & 0x7FF); }
static double power_of_two(int exponent) { return of_bits((uint64_t)(exponent + 1023) << 52); }

#define HIDDEN (1ull << 52)
#define NEGATIVE (1ull << 63)

static uint32_t leading_zeros(uint64_t value) {
    uint32_t high = (uint32_t)(value >> 32);
    return high ? rom_clz32(high) : 32 + rom_clz32((uint32_t)value);
}

/* The double of magnitude * 2^(exponent - 1023 - 63), rounded to nearest even. */
static double normalized(uint64_t sign, int exponent, uint64_t magnitude) {
    if (!magnitude)
        return of_bits(0);
    uint32_t shift = leading_zeros(magnitude), low;
    magnitude <<= shift;
    exponent -= (int)shift;
    low = magnitude & 0x7FF;
    magnitude >>= 11;
    if (low > 0x400 || (low == 0x400 && (magnitude & 1)))
        magnitude++;
    if (magnitude >> 53)
        magnitude >>= 1, exponent++;
    if (exponent <= 0)
        return of_bits(sign);
    if (exponent >= 2047)
        return of_bits(sign | 0x7FFull << 52);
    return of_bits(sign | (uint64_t)exponent << 52 | (magnitude & (HIDDEN - 1)));
}

double rom_dadd(double x, double y) {
    uint64_t a = bits_of(x), b = bits_of(y);
    if ((a & ~NEGATIVE) < (b & ~NEGATIVE)) {
        uint64_t other = a;
        a = b, b = other;
    }
    int large = (int)(a >> 52 & 0x7FF), small = (int)(b >> 52 & 0x7FF), shift = large - small;
    if (large == 2047 || !small)
        return of_bits(large ? a : 0);
    uint64_t high = ((a & (HIDDEN - 1)) | HIDDEN) << 10, low = ((b & (HIDDEN - 1)) | HIDDEN) << 10;
    if (shift > 63)
        low = 1;
    else if (shift)
        low = low >> shift | (low << (64 - shift) ? 1 : 0);
    high = (a ^ b) >> 63 ? high - low : high + low;
    return normalized(a & NEGATIVE, large + 1, high);
}

double rom_dsub(double x, double y) { return rom_dadd(x, of_bits(bits_of(y) ^ NEGATIVE)); }

double rom_dmul(double x, double y) {
    uint64_t a = bits_of(x), b = bits_of(y), sign = (a ^ b) & NEGATIVE;
    int left = (int)(a >> 52 & 0x7FF), right = (int)(b >> 52 & 0x7FF);
    if (!left || !right)
        return of_bits(sign);
    if (left == 2047 || right == 2047)
        return of_bits(sign | 0x7FFull << 52);
    a = ((a & (HIDDEN - 1)) | HIDDEN) << 11, b = ((b & (HIDDEN - 1)) | HIDDEN) << 11;
    uint32_t a1 = (uint32_t)(a >> 32), a0 = (uint32_t)a, b1 = (uint32_t)(b >> 32), b0 = (uint32_t)b;
    uint64_t middle = (uint64_t)a1 * b0, low = (uint64_t)a0 * b0, other = (uint64_t)a0 * b1;
    uint64_t below = (low >> 32) + (uint32_t)middle + (uint32_t)other;
    uint64_t high = (uint64_t)a1 * b1 + (middle >> 32) + (other >> 32) + (below >> 32);
    return normalized(sign, left + right - 1022, high | ((uint32_t)below | (uint32_t)low ? 1 : 0));
}

double rom_ddiv(double x, double y) {
    uint64_t a = bits_of(x), b = bits_of(y), sign = (a ^ b) & NEGATIVE;
    int left = (int)(a >> 52 & 0x7FF), right = (int)(b >> 52 & 0x7FF);
    if (left == 2047 || !right)
        return of_bits(sign | 0x7FFull << 52);
    if (!left || right == 2047)
        return of_bits(sign);
    a = (a & (HIDDEN - 1)) | HIDDEN, b = (b & (HIDDEN - 1)) | HIDDEN;
    /* Nine bits of the quotient at a time, from a reciprocal of the divisor's upper bits that is a little too small; what is missing comes
       with the next step. */
    uint32_t reciprocal = 0x7FFFFFFFu / ((uint32_t)(b >> 37) + 1);
    uint64_t quotient = 0;
    for (int step = 0; step < 7; step++) {
        uint32_t part = (uint32_t)((uint64_t)(uint32_t)(a >> 30) * reciprocal >> 38);
        a -= part * b;
        while (a >= b)
            a -= b, part++;
        quotient = (quotient << 9) + part;
        a <<= 9;
    }
    /* quotient = x / y * 2^54 */
    return normalized(sign, left - right + 1031, quotient << 1 | (a ? 1 : 0));
}

int rom_dcmp(double x, double y) { return x < y ? -1 : x > y; }

/* The operators below mean the functions above. */
double __aeabi_dadd(double x, double y) __attribute__((alias("rom_dadd")));
double __aeabi_dsub(double x, double y) __attribute__((alias("rom_dsub")));
double __aeabi_dmul(double x, double y) __attribute__((alias("rom_dmul")));
double __aeabi_ddiv(double x, double y) __attribute__((alias("rom_ddiv")));

float rom_double2float(double x) { return (float)x; }

double rom_dsqrt(double x) {
    int exponent = exponent_of(x);
    if (!exponent)
        return of_bits(bits_of(x) & 1ull << 63);
    if (bits_of(x) >> 63)
        return of_bits(0xFFFull << 52);
    if (exponent == 2047)
        return x;
    int half = (exponent - 1023) >> 1;
    double rest = of_bits((bits_of(x) & ~(0x7FFull << 52)) | (uint64_t)(exponent - 2 * half) << 52);
    double root = rom_float2double(rom_fsqrt((float)rest));
    for (int step = 0; step < 2; step++)
        root = 0.5 * (root + rest / root);
    return root * power_of_two(half);
}

/* floor(x * 2^bits), held between two limits. */
static __attribute__((noinline)) int64_t scaled(double x, int bits, int64_t least, int64_t most) {
    uint64_t a = bits_of(x), magnitude = (a & ((1ull << 52) - 1)) | 1ull << 52;
    int exponent = (int)(a >> 52 & 0x7FF) - 1023 - 52 + bits;
    if (!(a >> 52 & 0x7FF))
        return 0;
    if (exponent >= 11)
        return a >> 63 ? least : most;
    if (exponent >= 0)
        magnitude <<= exponent;
    else if (exponent < -53)
        magnitude = a >> 63;
    else {
        uint64_t lost = magnitude & ((1ull << -exponent) - 1);
        magnitude = (magnitude >> -exponent) + (lost && a >> 63);
    }
    int64_t value = a >> 63 ? -(int64_t)magnitude : (int64_t)magnitude;
    return value < least ? least : value > most ? most : value;
}

int32_t rom_double2fix(double x, int bits) { return (int32_t)scaled(x, bits, INT32_MIN, INT32_MAX); }
int32_t rom_double2int(double x) { return rom_double2fix(x, 0); }
uint32_t rom_double2ufix(double x, int bits) { return (uint32_t)scaled(x, bits, 0, UINT32_MAX); }
uint32_t rom_double2uint(double x) { return rom_double2ufix(x, 0); }
int64_t rom_double2fix64(double x, int bits) { return scaled(x, bits, INT64_MIN, INT64_MAX); }
int64_t rom_double2int64(double x) { return rom_double2fix64(x, 0); }
uint64_t rom_double2ufix64(double x, int bits) {
    int exponent = exponent_of(x) - 1023 + bits;
    if ((int64_t)bits_of(x) > 0 && exponent >= 63)
        return exponent > 63 ? UINT64_MAX : bits_of(x) << 11 | 1ull << 63;
    return (uint64_t)scaled(x, bits, 0, INT64_MAX);
}
uint64_t rom_double2uint64(double x) { return rom_double2ufix64(x, 0); }

double rom_fix642double(int64_t x, int bits) { return normalized((uint64_t)x & NEGATIVE, 1086 - bits, x < 0 ? -(uint64_t)x : (uint64_t)x); }
double rom_ufix642double(uint64_t x, int bits) { return normalized(0, 1086 - bits, x); }
double rom_int642double(int64_t x) { return rom_fix642double(x, 0); }
double rom_uint642double(uint64_t x) { return rom_ufix642double(x, 0); }
double rom_fix2double(int32_t x, int bits) { return rom_fix642double(x, bits); }
double rom_int2double(int32_t x) { return rom_fix642double(x, 0); }
double rom_ufix2double(uint32_t x, int bits) { return rom_ufix642double(x, bits); }
double rom_uint2double(uint32_t x) { return rom_ufix642double(x, 0); }
double __aeabi_i2d(int32_t x) __attribute__((alias("rom_int2double")));

#define LN_2_HIGH 0x1.62e42feep-1
#define LN_2_LOW 0x1.a39ef35793c76p-33
#define HALF_PI_HIGH 0x1.921fb544p+0
#define HALF_PI_LOW 0x1.0b4611a626331p-34

/* sum of (+-) x^(first + 2k) / (first + 2k)!, from the smallest term */
static __attribute__((noinline)) double series(double x, int first, int last) {
    double square = x * x, sum = 1;
    for (int n = last; n > first; n -= 2)
        sum = 1 - square * sum / (n * (n - 1));
    return first ? x * sum : sum;
}

static double circular(double x, int quarters) {
    int32_t quarter = rom_double2int(x * 0x1.45f306dc9c883p-1 + 0.5);
    x = x - quarter * HALF_PI_HIGH - quarter * HALF_PI_LOW;
    quarter += quarters;
    double value = quarter & 1 ? series(x, 0, 16) : series(x, 1, 17);
    return quarter & 2 ? -value : value;
}

double rom_dsin(double x) { return circular(x, 0); }
double rom_dcos(double x) { return circular(x, 1); }

/* Sine in r0 and r1, cosine in r2 and r3. */
__attribute__((naked)) void rom_dsincos(void) {
    __asm("push {r0, r1, r4, lr}\n bl rom_dcos\n mov r2, r0\n mov r3, r1\n ldr r0, [sp]\n ldr r1, [sp, #4]\n str r2, [sp]\n str r3, [sp, #4]\n"
          "bl rom_dsin\n ldr r2, [sp]\n ldr r3, [sp, #4]\n add sp, #8\n pop {r4, pc}");
}

double rom_dtan(double x) { return circular(x, 0) / circular(x, 1); }

double rom_dexp(double x) {
    if (exponent_of(x) >= 1023 + 10)
        return of_bits(bits_of(x) >> 63 ? 0 : 0x7FFull << 52);
    int32_t whole = rom_double2int(x * 0x1.71547652b82fep+0 + 0.5);
    double rest = x - whole * LN_2_HIGH - whole * LN_2_LOW, sum = 1;
    for (int n = 14; n > 0; n--)
        sum = 1 + rest * sum / n;
    if (whole < -1021)
        return 0;
    return whole > 1023 ? of_bits(0x7FFull << 52) : sum * power_of_two(whole);
}

double rom_dln(double x) {
    int exponent = exponent_of(x) - 1023;
    if (bits_of(x) >> 63 || exponent == -1023)
        return of_bits(0xFFFull << 52);
    if (exponent == 1024)
        return x;
    double mantissa = of_bits((bits_of(x) & ~(0x7FFull << 52)) | 1023ull << 52);
    if (mantissa > 1.4142135623730951)
        mantissa *= 0.5, exponent++;
    double slope = (mantissa - 1) / (mantissa + 1), square = slope * slope, sum = 0;
    for (int n = 21; n > 0; n -= 2)
        sum = sum * square + 1.0 / n;
    return exponent * LN_2_HIGH + (2 * slope * sum + exponent * LN_2_LOW);
}

static double arc(double slope) {
    /* Halve the angle twice, so that the series is short. */
    for (int step = 0; step < 2; step++)
        slope = slope / (1 + rom_dsqrt(1 + slope * slope));
    double square = slope * slope, sum = 0;
    for (int n = 25; n > 0; n -= 2)
        sum = 1.0 / n - square * sum;
    return 4 * slope * sum;
}

double rom_datan2(double y, double x) {
    double turn = 0;
    if (!(bits_of(y) << 1) && !(bits_of(x) << 1))
        return 0;
    if (bits_of(x) >> 63) {
        turn = bits_of(y) >> 63 ? -0x1.921fb54442d18p+1 : 0x1.921fb54442d18p+1;
        x = -x, y = -y;
    }
    double size = y < 0 ? -y : y;
    if (size > x)
        return turn + (y < 0 ? -0x1.921fb54442d18p+0 : 0x1.921fb54442d18p+0) - arc(x / y);
    return turn + arc(y / x);
}

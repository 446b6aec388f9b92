/* What firmware for an RP2350 meets on both of its instruction sets: the boot ROM by its table, a boot lock; on its Cortex-M33 the coprocessors of
   pins and of double precision, too (RP2350 datasheet 3.6, 5.4). */
#include "registers.h"
#include "text.h"

#define BOOT_LOCK 0x400E0828u
#define TIMER 0x400B0000u

typedef const void *(*Lookup)(uint32_t code, uint32_t mask);

/* The table's place is a halfword at a fixed address. The compiler is not told that it is in ROM near zero. */
static uint32_t half_at(uint32_t address) {
    uint32_t word;
#ifdef __riscv
    __asm__ volatile("lhu %0, 0(%1)" : "=r"(word) : "r"(address));
#else
    __asm__ volatile("ldrh %0, [%1]" : "=r"(word) : "r"(address));
#endif
    return word;
}

#ifdef __riscv
#define LOOKUP_AT 0x7DFAu
#define SECURE_FUNCTION 1u
static void use_coprocessors(void) {
}
#else
#define LOOKUP_AT 0x16u
#define SECURE_FUNCTION 4u

typedef union {
    double value;
    struct {
        uint32_t low, high;
    };
} Double;

static double add(Double x, Double y) {
    Double z;
    __asm__ volatile("mcrr p4, #1, %2, %3, c0\n mcrr p4, #1, %4, %5, c1\n cdp p4, #0, c0, c0, c1, #0\n cdp p4, #1, c0, c0, c1, #0\n"
                     "cdp p4, #8, c0, c0, c0, #1\n mrrc p4, #1, %0, %1, c0"
                     : "=r"(z.low), "=r"(z.high)
                     : "r"(x.low), "r"(x.high), "r"(y.low), "r"(y.high));
    return z.value;
}

static double multiply(Double x, Double y) {
    Double z;
    __asm__ volatile("mcrr p4, #1, %2, %3, c0\n mcrr p4, #1, %4, %5, c1\n mrrc p4, #0, %0, %1, c4\n mcrr p4, #2, %0, %1, c0\n"
                     "mcrr p4, #3, %0, %1, c0\n cdp p4, #8, c0, c0, c0, #1\n mrrc p4, #5, %0, %1, c0"
                     : "=&r"(z.low), "=&r"(z.high)
                     : "r"(x.low), "r"(x.high), "r"(y.low), "r"(y.high));
    return z.value;
}

static int32_t truncate(Double x) {
    int32_t whole;
    __asm__ volatile("mcrr p4, #8, %1, %2, c0\n cdp p4, #0, c0, c0, c1, #0\n cdp p4, #1, c0, c0, c1, #0\n cdp p4, #8, c0, c0, c0, #2\n"
                     "mrc p4, #0, %0, c0, c3, #0"
                     : "=r"(whole)
                     : "r"(x.low), "r"(x.high));
    return whole;
}

static int is_less(Double x, Double y) {
    uint32_t flags;
    __asm__ volatile("mcrr p4, #1, %1, %2, c0\n mcrr p4, #1, %3, %4, c1\n cdp p4, #0, c0, c0, c1, #0\n mrc p4, #0, APSR_nzcv, c0, c0, #1\n"
                     "mrs %0, apsr"
                     : "=r"(flags)
                     : "r"(x.low), "r"(x.high), "r"(y.low), "r"(y.high)
                     : "cc");
    return flags >> 31;
}

static void use_coprocessors(void) {
    volatile Double x = {.value = 1048576.75}, y = {.value = -0.3125};
    Double z = {.value = multiply((Double){.value = add(x, y)}, (Double){.value = 3.0})};
    uint32_t pin = 25, level = 1, output, inputs;
    __asm__ volatile("mcrr p0, #4, %0, %1, c0" : : "r"(pin), "r"(level));
    __asm__ volatile("mcr p0, #5, %0, c0, c0" : : "r"(pin + 1));
    __asm__ volatile("mrc p0, #0, %0, c0, c0" : "=r"(output));
    __asm__ volatile("mrc p0, #0, %0, c0, c8" : "=r"(inputs));
    print_signed(truncate(z));
    print_text(is_less(y, x) && !is_less(x, y) ? " ordered, pins " : " not ordered, pins ");
    print_hexadecimal(output);
    print_text(output == inputs ? "\n" : " not read back\n");
}
#endif

int main(void) {
    Lookup lookup = (Lookup)half_at(LOOKUP_AT);
    int (*system_info)(uint32_t *, uint32_t, uint32_t) =
        (int (*)(uint32_t *, uint32_t, uint32_t))lookup('G' | 'S' << 8, SECURE_FUNCTION);
    uint32_t words[8];
    while (!REGISTER(BOOT_LOCK)) {
    }
    print_signed(system_info(words, 8, 1));
    print_text(lookup('X' | 'F' << 8, SECURE_FUNCTION) ? " words, wrong\n" : " words\n");
    use_coprocessors();
    uint32_t start = REGISTER(TIMER + 0x28);
    while (REGISTER(TIMER + 0x28) - start < 20u) {
    }
    return 0;
}

/* Locks a PSoC 6's PLL and one of its inter-core locks, sends and receives by a serial communication block, times itself, pulses a pin. */
#include "registers.h"
#include "text.h"

#define PERI 0x40000000u
#define IPC 0x40220000u
#define SRSS 0x40260000u
#define PORT5 0x40310280u
#define COUNTERS 0x40380000u
#define COUNTER (COUNTERS + 0x100u)
#define SCB5 0x40650000u

static void say(const char *text) {
    while (*text) {
        while ((REGISTER(SCB5 + 0x208) & 0x1FFu) >= 128u) {
        }
        REGISTER(SCB5 + 0x240) = (uint32_t)*text++;
    }
}

__attribute__((noinline)) uint32_t work(uint32_t rounds) {
    uint32_t value = 1;
    __asm__ volatile("" ::: "memory"); /* a function without effects could be called behind both readings of the timer */
    for (uint32_t i = 0; i < rounds; i++)
        value = value * 1664525u + 1013904223u;
    return value;
}

int main(void) {
    REGISTER(SRSS + 0x600) = 1u << 31 | REGISTER(SRSS + 0x600);
    while (!(REGISTER(SRSS + 0x640) & 1u)) {
    }
    /* Free once, taken then, free again when released. */
    uint32_t locks = REGISTER(IPC + 0x40) >> 31;
    locks = locks << 1 | REGISTER(IPC + 0x40) >> 31;
    REGISTER(IPC + 0x44) = 0;
    locks = locks << 1 | REGISTER(IPC + 0x40) >> 31;
    REGISTER(SCB5) = 1u << 31 | 2u << 24 | 15u;
    say("ready\n");
    for (int bytes = 0; bytes < 4;) {
        if (!(REGISTER(SCB5 + 0x308) & 0x1FFu))
            continue;
        char text[2] = {(char)REGISTER(SCB5 + 0x340), 0};
        say(text);
        bytes++;
    }
    REGISTER(PERI + 0x1004) = 9u << 8;            /* the second 8-bit divider divides by ten, */
    REGISTER(PERI + 0xC00 + 4u * 15u) = 1u;       /* drives the first counter, */
    REGISTER(PERI + 0x400) = 1u << 31 | 1u;       /* and runs */
    REGISTER(COUNTERS + 0x08) = 1u;
    REGISTER(COUNTERS + 0x10) = 1u;
    REGISTER(PORT5 + 0x08) = 1u << 1;
    uint32_t before = REGISTER(COUNTER + 0x08);
    uint32_t value = work(1000);
    uint32_t passed = REGISTER(COUNTER + 0x08) - before;
    REGISTER(PORT5 + 0x04) = 1u << 1;
    print_text(locks == 5u ? "locks " : "no locks ");
    print_text(passed >= 300u && passed < 3000u && value ? "timed\n" : "not timed\n");
    return 0;
}

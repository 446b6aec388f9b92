/* Starts an nRF's crystal, sends and receives by direct memory access, draws random bytes if it can, captures its timer, pulses a pin.
   CLOCK, UARTE, TIMER, RNG, PORT: where they are, if not as in an nRF52840; RNG 0: none. */
#include "registers.h"
#include "text.h"

#ifndef CLOCK
#define CLOCK 0x40000000u
#define UARTE 0x40002000u
#define TIMER 0x40008000u
#define RNG 0x4000D000u
#define PORT 0x50000000u
#endif

static char ready[] = "ready\n";
static uint8_t received[4];

static void send(const void *data, uint32_t size) {
    REGISTER(UARTE + 0x120) = 0;
    REGISTER(UARTE + 0x544) = (uint32_t)(uintptr_t)data;
    REGISTER(UARTE + 0x548) = size;
    REGISTER(UARTE + 0x008) = 1;
    while (!REGISTER(UARTE + 0x120)) {
    }
}

int main(void) {
    REGISTER(CLOCK) = 1;
    while (!REGISTER(CLOCK + 0x100)) {
    }
    REGISTER(UARTE + 0x500) = 8;
    REGISTER(UARTE + 0x534) = (uint32_t)(uintptr_t)received;
    REGISTER(UARTE + 0x538) = sizeof received;
    REGISTER(UARTE + 0x000) = 1;
    send(ready, sizeof ready - 1);
    while (!REGISTER(UARTE + 0x110)) {
    }
    send(received, REGISTER(UARTE + 0x53C));
    uint32_t first = 0, second = RNG == 0;
    if (RNG)
        REGISTER(RNG + 0x000) = 1;
    for (int i = 0; RNG && i < 4; i++) {
        while (!REGISTER(RNG + 0x100)) {
        }
        first = first << 8 | REGISTER(RNG + 0x508);
        second = second << 8 | REGISTER(RNG + 0x508);
    }
    REGISTER(TIMER + 0x508) = 3;
    REGISTER(TIMER + 0x510) = 4; /* a microsecond */
    REGISTER(TIMER + 0x000) = 1;
    REGISTER(PORT + 0x508) = 1u << 13;
    uint32_t captured = 0;
    while (captured < 30u) {
        REGISTER(TIMER + 0x040) = 1;
        captured = REGISTER(TIMER + 0x540);
    }
    REGISTER(PORT + 0x50C) = 1u << 13;
    print_text(first != second ? "random\n" : "not random\n");
    return 0;
}

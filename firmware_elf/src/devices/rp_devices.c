/* Takes blocks out of reset as an RP2040 does, echoes a byte on its PL011, divides in hardware, waits for its microsecond timer. */
#include "registers.h"
#include "text.h"

#define RESETS 0x4000C000u
#define UART 0x40034000u
#define TIMER 0x40054000u
#define SIO 0xD0000000u
#define CLEAR 0x3000u

int main(void) {
    REGISTER(RESETS + CLEAR) = 1u << 22;
    while (!(REGISTER(RESETS + 8) & (1u << 22))) {
    }
    REGISTER(UART + 0x30) = 0x301;
    const char *text = "ready\n";
    while (*text) {
        while (REGISTER(UART + 0x18) & (1u << 5)) {
        }
        REGISTER(UART) = (uint32_t)*text++;
    }
    while (REGISTER(UART + 0x18) & (1u << 4)) {
    }
    REGISTER(UART) = REGISTER(UART) + 1u;
    REGISTER(SIO + 0x60) = 1000003u;
    REGISTER(SIO + 0x64) = 1009u;
    uint32_t quotient = REGISTER(SIO + 0x70), remainder = REGISTER(SIO + 0x74);
    print_text("quotient ");
    print_signed((int32_t)quotient);
    print_text(" remainder ");
    print_signed((int32_t)remainder);
    uint32_t start = REGISTER(TIMER + 0x28);
    while (REGISTER(TIMER + 0x28) - start < 20u) {
    }
    REGISTER(SIO + 0x14) = 1u << 25;
    REGISTER(SIO + 0x18) = 1u << 25;
    print_text("\n");
    return 0;
}

/* Calls functions of the ESP32-C3's ROM, echoes on its UART, and reads its system timer. */
#include "registers.h"
#include "text.h"
#include <stddef.h>

#define UART 0x60000000u
#define SYSTIMER 0x60023000u
#define ABSOLUTE(name, address) __asm__(".globl " #name "\n.set " #name ", " #address)

/* Neighbours in a table of jumps, as in the ROM. */
ABSOLUTE(ets_printf, 0x40000040);
ABSOLUTE(ets_delay_us, 0x40000050);
ABSOLUTE(memmove, 0x4000035C);
ABSOLUTE(memcmp, 0x40000360);
ABSOLUTE(strncpy, 0x40000368);
ABSOLUTE(strcmp, 0x4000036C);
ABSOLUTE(strlen, 0x40000374);
ABSOLUTE(rtc_get_reset_reason, 0x40000018);

int ets_printf(const char *format, ...);
void ets_delay_us(uint32_t microseconds);
void *memmove(void *to, const void *from, size_t size);
int memcmp(const void *left, const void *right, size_t size);
char *strncpy(char *to, const char *from, size_t size);
int strcmp(const char *left, const char *right);
size_t strlen(const char *text);
int rtc_get_reset_reason(int cpu);

static volatile char text[24] = "abcdefghij";

static uint32_t now(void) {
    REGISTER(SYSTIMER + 4) = 1u << 30;
    while (!(REGISTER(SYSTIMER + 4) & (1u << 29))) {
    }
    return REGISTER(SYSTIMER + 0x44);
}

__attribute__((noinline)) uint32_t work(const char *data) {
    uint32_t sum = 0;
    for (size_t i = 0; i < strlen(data); i++)
        sum += (uint8_t)data[i];
    return sum;
}

int main(void) {
    int reason = rtc_get_reset_reason(0);
    char *place = (char *)text;
    memmove(place + 3, place, 10);
    int order = memcmp(place, "abcb", 4);
    strncpy(place + 14, "xy", 4);
    uint32_t before = now();
    ets_delay_us(100);
    uint32_t steps = now() - before;
    ets_printf("reset %d, %s, %05u, order %c, %x\n", reason, place, (unsigned)strlen(place), order < 0 ? '<' : '>', (unsigned)work(place));
    ets_printf("delay %s, same %d\n", steps >= 1600u && steps < 1700u ? "right" : "wrong", strcmp(place, place));
    while (!(REGISTER(UART + 0x1C) & 0x3FFu)) {
    }
    REGISTER(UART) = REGISTER(UART) + 1u;
    return 0;
}

/* A dialogue over an STM32's serial port: echoes the sum of a line's bytes, times itself by a timer, and pulses a pin. */
#include "registers.h"
#include "text.h"

#define STATUS (USART_BASE + USART_STATUS)
#define RECEIVED (USART_BASE + USART_RECEIVED)
#define SENT (USART_BASE + USART_SENT)
#define CONTROL (USART_BASE + USART_CONTROL)
#define NOT_EMPTY (1u << 5)
#define EMPTY (1u << 7)

static void say(const char *text) {
    while (*text) {
        while (!(REGISTER(STATUS) & EMPTY)) {
        }
        REGISTER(SENT) = (uint32_t)*text++;
    }
}

static void say_number(uint32_t value) {
    char digits[11];
    int place = 10;
    digits[place] = 0;
    do {
        digits[--place] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value);
    say(digits + place);
}

__attribute__((noinline)) uint32_t work(uint32_t rounds) {
    uint32_t value = 1;
    __asm__ volatile("" ::: "memory"); /* a function without effects could be called behind both readings of the timer */
    for (uint32_t i = 0; i < rounds; i++)
        value = value * 1664525u + 1013904223u;
    return value;
}

int main(void) {
    REGISTER(CLOCK_CONTROL) |= CLOCK_ENABLE;
    while (!(REGISTER(CLOCK_CONTROL) & CLOCK_READY)) {
    }
    REGISTER(TIMER_BASE + 0x28) = 9;           /* PSC: a tenth of its clock */
    REGISTER(TIMER_BASE + 0x2C) = 0xFFFFFFFFu; /* ARR */
    REGISTER(TIMER_BASE + 0x14) = 1;           /* EGR: take them over */
    REGISTER(TIMER_BASE + 0x00) = 1;           /* CR1: run */
    REGISTER(CONTROL) = USART_ENABLE;
    say("m-ready\r\n");
    uint32_t sum = 0, bytes = 0;
    for (;;) {
        while (!(REGISTER(STATUS) & NOT_EMPTY)) {
        }
        uint32_t byte = REGISTER(RECEIVED) & 0xFFu;
        if (byte == '%')
            break;
        sum += byte;
        bytes++;
    }
    REGISTER(GPIO_BASE + 0x18) = 1u << 5;
    uint32_t before = REGISTER(TIMER_BASE + 0x24);
    uint32_t value = work(1000);
    uint32_t after = REGISTER(TIMER_BASE + 0x24);
    REGISTER(GPIO_BASE + 0x18) = 1u << 21;
    say("bytes ");
    say_number(bytes);
    say(" sum ");
    say_number(sum);
    say(" value ");
    say_number(value);
    say(after - before >= 100u && after - before < 5000u ? " timed\r\n" : " not timed\r\n");
    print_text("done\n");
    return 0;
}

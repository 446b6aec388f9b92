/* An STM32's serial port by direct memory access: sends with a complete interrupt, receives into a ring with interrupts at its half and at its
   end, and asks for a transfer from where there is no memory. DMA_FORM: 1 streams, 2 channels, 3 GPDMA. */
#include "../exceptions/cortex_m.h"
#include "text.h"

#define CONTROL (USART_BASE + USART_CONTROL)
#define SENT (USART_BASE + USART_SENT)
#define RECEIVED (USART_BASE + USART_RECEIVED)
#define RING 8u
#define NOWHERE 0xB0000000u

enum { RECEIVER = 0, SENDER = 1 };

static volatile uint32_t complete, halves, laps, errors;
static uint8_t ring[RING];
static uint8_t taken[4u * RING];
static volatile uint32_t bytes;

#if DMA_FORM == 1
#define PLACE(channel) (DMA_BASE + 0x10u + 0x18u * (channel))
static void start(uint32_t channel, uint32_t port, uint32_t memory, uint32_t size) {
    REGISTER(PLACE(channel) + 0x08u) = port;
    REGISTER(PLACE(channel) + 0x0Cu) = memory;
    REGISTER(PLACE(channel) + 0x04u) = size;
    REGISTER(PLACE(channel)) = channel == SENDER ? 1u << 10 | 1u << 6 | 1u << 4 | 1u << 2 | 1u : 1u << 10 | 1u << 8 | 3u << 3 | 1u;
}
static uint32_t flags(uint32_t channel, uint32_t flag) {
    const uint32_t bit = flag << (channel ? 6 : 0);
    const uint32_t found = REGISTER(DMA_BASE) & bit;
    REGISTER(DMA_BASE + 8u) = found;
    return found;
}
enum { HALF = 1u << 4, DONE = 1u << 5, ERROR = 1u << 3 };
#elif DMA_FORM == 2
#define PLACE(channel) (DMA_BASE + 0x08u + 0x14u * (channel))
static void start(uint32_t channel, uint32_t port, uint32_t memory, uint32_t size) {
    REGISTER(PLACE(channel)) = 0;
    REGISTER(PLACE(channel) + 0x08u) = port;
    REGISTER(PLACE(channel) + 0x0Cu) = memory;
    REGISTER(PLACE(channel) + 0x04u) = size;
    REGISTER(PLACE(channel)) = channel == SENDER ? 1u << 7 | 1u << 4 | 1u << 3 | 1u << 1 | 1u : 1u << 7 | 1u << 5 | 3u << 1 | 1u;
}
static uint32_t flags(uint32_t channel, uint32_t flag) {
    const uint32_t bit = flag << (4u * channel);
    const uint32_t found = REGISTER(DMA_BASE) & bit;
    REGISTER(DMA_BASE + 4u) = found;
    return found;
}
enum { HALF = 1u << 2, DONE = 1u << 1, ERROR = 1u << 3 };
#else
#define PLACE(channel) (DMA_BASE + 0x50u + 0x80u * (channel))
/* A list of one node that leads to itself: what makes a ring of a GPDMA channel. */
static uint32_t node[2];
static void start(uint32_t channel, uint32_t port, uint32_t memory, uint32_t size) {
    const uint32_t is_sender = channel == SENDER;
    REGISTER(PLACE(channel) + 0x40u) = is_sender ? 1u << 3 : 1u << 19;
    REGISTER(PLACE(channel) + 0x44u) = is_sender << 10;
    REGISTER(PLACE(channel) + 0x48u) = size;
    REGISTER(PLACE(channel) + 0x4Cu) = is_sender ? memory : port;
    REGISTER(PLACE(channel) + 0x50u) = is_sender ? port : memory;
    REGISTER(PLACE(channel) + 0x7Cu) = 0;
    if (!is_sender) {
        node[0] = size;
        node[1] = memory;
        REGISTER(PLACE(channel)) = (uint32_t)(uintptr_t)node & 0xFFFF0000u;
        REGISTER(PLACE(channel) + 0x7Cu) = 1u << 29 | 1u << 27 | ((uint32_t)(uintptr_t)node & 0xFFFCu);
    }
    REGISTER(PLACE(channel) + 0x14u) = 1u << 10 | (is_sender ? 0u : 1u << 9) | 1u << 8 | 1u;
}
static uint32_t flags(uint32_t channel, uint32_t flag) {
    const uint32_t found = REGISTER(PLACE(channel) + 0x10u) & flag;
    REGISTER(PLACE(channel) + 0x0Cu) = found;
    return found;
}
enum { HALF = 1u << 9, DONE = 1u << 8, ERROR = 1u << 10 };
#endif

static void take(uint32_t from) {
    for (uint32_t i = 0; i < RING / 2u; i++)
        taken[bytes + i] = ring[from + i];
    bytes += RING / 2u;
}

static void on_received(void) {
    if (flags(RECEIVER, HALF)) {
        halves++;
        take(0);
    }
    if (flags(RECEIVER, DONE)) {
        laps++;
        take(RING / 2u);
    }
}

static void on_sent(void) {
    if (flags(SENDER, DONE))
        complete++;
    if (flags(SENDER, ERROR))
        errors++;
}

/* Interrupts are off while a condition is looked at, else one could come between the look and the sleep. */
static void wait(void) {
    __asm volatile("wfi");
    enable_interrupts();
    disable_interrupts();
}

__attribute__((noinline)) void send(const void *data, uint32_t size) {
    const uint32_t before = complete + errors;
    start(SENDER, SENT, (uint32_t)(uintptr_t)data, size);
    while (complete + errors == before)
        wait();
}

static char ready[] = "m-ready\r\n";

int main(void) {
    set_handler(EXCEPTION_IRQ0 + RECEIVER_LINE, on_received);
    set_handler(EXCEPTION_IRQ0 + SENDER_LINE, on_sent);
    disable_interrupts();
    NVIC_ISER = 1u << RECEIVER_LINE | 1u << SENDER_LINE;
    REGISTER(CONTROL) = USART_ENABLE;
    REGISTER(USART_BASE + USART_CONTROL3) = 3u << 6;
    start(RECEIVER, RECEIVED, (uint32_t)(uintptr_t)ring, RING);
    send(ready, sizeof ready - 1u);
    while (bytes < 2u * RING)
        wait();
    send(taken, bytes);
    send((const void *)NOWHERE, 4u);
    print_text(halves == 2u && laps == 2u && complete == 2u && errors == 1u ? "two laps, two messages, one error\n" : "wrong\n");
    return 0;
}

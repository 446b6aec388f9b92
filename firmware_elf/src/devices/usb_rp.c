/* The USB controller of RP2040 and RP2350 for usb_serial.c. LINE: its interrupt. */
#include "../exceptions/cortex_m.h"
#include "usb_serial.h"

#define MEMORY 0x50100000u
#define CONTROL(index) REGISTER(MEMORY + 4u * (index))
#define BUFFER(index) REGISTER(MEMORY + 0x80u + 4u * (index))
#define REGISTERS 0x50110000u
#define CLEAR 0x3000u

enum { ADDRESS = 0x00, MAIN = 0x40, SIE_CONTROL = 0x4C, SIE_STATUS = 0x50, BUFFER_STATUS = 0x58, WHICH = 0x5C, STALL_ARM = 0x68, MUXING = 0x74 };
enum { POWER = 0x78, ENABLED = 0x90, PENDING = 0x98 };
enum { EP0_IN, EP0_OUT, SENDER = 2 * SERIAL_IN, RECEIVER = 2 * SERIAL_OUT + 1 };

#define FULL (1u << 15)
#define LAST (1u << 14)
#define SECOND_KIND (1u << 13)
#define RESET_SELECT (1u << 12)
#define STALL (1u << 11)
#define AVAILABLE (1u << 10)
#define SETUP_CAME (1u << 17)
#define BUS_RESET (1u << 19)

static const uint8_t *answer, *outgoing;
static uint32_t answer_left, outgoing_left, address, toggles[16];

static void copy(uint32_t place, const uint8_t *data, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++)
        *(volatile uint8_t *)(uintptr_t)(MEMORY + place + i) = data[i];
}

/* The length and kind of a packet, and that its buffer is the controller's. */
static uint32_t buffer_for(uint32_t index, uint32_t bytes) {
    const uint32_t kind = toggles[index] ? SECOND_KIND : 0;
    toggles[index] ^= 1u;
    return kind | AVAILABLE | bytes;
}

static void arm(uint32_t index, uint32_t value) {
    BUFFER(index) = value & ~(AVAILABLE | AVAILABLE << 16);
    BUFFER(index) = value;
}

static void send_control(const uint8_t *data, uint32_t bytes) {
    copy(0x100, data, bytes);
    arm(EP0_IN, buffer_for(EP0_IN, bytes) | FULL | LAST);
}

static uint32_t packet_of(uint32_t bytes) { return bytes < PACKET ? bytes : PACKET; }

static void send_more(void) {
    const uint32_t bytes = packet_of(answer_left);
    send_control(answer, bytes);
    answer += bytes;
    answer_left -= bytes;
}

void usb_answer(const uint8_t *data, uint32_t bytes) {
    answer = data;
    answer_left = bytes;
    toggles[EP0_OUT] = 1;
    send_more();
}

void usb_accept(void) {
    answer = 0;
    send_control(0, 0);
}

void usb_set_address(uint32_t value) {
    address = value;
    usb_accept();
}

void usb_refuse(void) {
    REGISTER(REGISTERS + STALL_ARM) = 3;
    BUFFER(EP0_IN) = STALL;
    BUFFER(EP0_OUT) = STALL;
}

void usb_open_endpoints(void) {
    CONTROL(SENDER) = 1u << 31 | 1u << 30 | 1u << 29 | 2u << 26 | 0x180;
    CONTROL(RECEIVER) = 1u << 31 | 1u << 29 | 2u << 26 | 0x200;
    toggles[SENDER] = toggles[RECEIVER] = 0;
}

static uint32_t next_outgoing(uint32_t place) {
    const uint32_t bytes = packet_of(outgoing_left);
    copy(place, outgoing, bytes);
    outgoing += bytes;
    outgoing_left -= bytes;
    return buffer_for(SENDER, bytes) | FULL | (outgoing_left ? 0 : LAST);
}

void usb_send(const uint8_t *data, uint32_t bytes) {
    outgoing = data;
    outgoing_left = bytes;
    uint32_t value = next_outgoing(0x180) | RESET_SELECT;
    if (outgoing_left)
        value |= next_outgoing(0x1C0) << 16;
    arm(SENDER, value);
}

void usb_listen(void) { arm(RECEIVER, buffer_for(RECEIVER, PACKET)); }

static void finished(uint32_t index) {
    const uint32_t half = REGISTER(REGISTERS + WHICH) >> index & 1u ? BUFFER(index) >> 16 : BUFFER(index);
    REGISTER(REGISTERS + CLEAR + BUFFER_STATUS) = 1u << index;
    switch (index) {
    case EP0_IN:
        if (address) {
            REGISTER(REGISTERS + ADDRESS) = address;
            address = 0;
        }
        if (answer_left)
            send_more();
        else if (answer)
            arm(EP0_OUT, buffer_for(EP0_OUT, PACKET));
        break;
    case EP0_OUT:
        break;
    case SENDER:
        if (half & LAST)
            usb_sent();
        break;
    default:
        usb_came((const uint8_t *)(uintptr_t)(MEMORY + 0x200), half & 0x3FFu);
    }
}

static void on_interrupt(void) {
    const uint32_t pending = REGISTER(REGISTERS + PENDING);
    if (pending & 1u << 12) {
        REGISTER(REGISTERS + CLEAR + SIE_STATUS) = BUS_RESET;
        REGISTER(REGISTERS + ADDRESS) = 0;
        usb_was_reset();
    }
    for (uint32_t index = 0; pending & 1u << 4 && index < 32; index++)
        while (REGISTER(REGISTERS + BUFFER_STATUS) >> index & 1u)
            finished(index);
    if (pending & 1u << 16) {
        uint8_t setup[8];
        for (uint32_t i = 0; i < 8; i++)
            setup[i] = *(volatile uint8_t *)(uintptr_t)(MEMORY + i);
        REGISTER(REGISTERS + CLEAR + SIE_STATUS) = SETUP_CAME;
        toggles[EP0_IN] = toggles[EP0_OUT] = 1;
        answer_left = 0;
        usb_request(setup);
    }
}

void usb_poll(void) {
    enable_interrupts();
    disable_interrupts();
}

void usb_attach(void) {
    set_handler(EXCEPTION_IRQ0 + LINE, on_interrupt);
    NVIC_ISER = 1u << LINE;
    REGISTER(REGISTERS + MUXING) = 9;
    REGISTER(REGISTERS + POWER) = 3u << 2;
    REGISTER(REGISTERS + MAIN) = 1;
    REGISTER(REGISTERS + SIE_CONTROL) = 1u << 29;
    REGISTER(REGISTERS + ENABLED) = 1u << 16 | 1u << 12 | 1u << 4;
    REGISTER(REGISTERS + SIE_CONTROL) = 1u << 29 | 1u << 16;
}

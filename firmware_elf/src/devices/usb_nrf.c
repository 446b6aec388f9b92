/* nRF52840's USB controller for usb_serial.c. Its interrupt wakes the core and is never taken: usb_poll looks at the events. */
#include "../exceptions/cortex_m.h"
#include "usb_serial.h"

#define POWER 0x40000000u
#define USBD 0x40027000u
#define LINE 39u
#define ICPR1 REGISTER(0xE000E284u)
#define ISER1 REGISTER(0xE000E104u)

enum { HFCLK_START = 0x000, HFCLK_STARTED = 0x100, POWER_DETECTED = 0x11C, POWER_READY = 0x124, POWER_STATUS = 0x438 };
enum { START_IN = 0x004, START_OUT = 0x028, ALLOW_STATUS = 0x050, STALL_CONTROL = 0x054 };
enum { RESET = 0x100, END_OUT = 0x130, CONTROL_DONE = 0x128, BUS_EVENT = 0x158, SETUP = 0x15C, DATA = 0x160 };
enum { INTENSET = 0x304, CAUSE = 0x400, DATA_STATUS = 0x46C, REQUEST = 0x480, SIZE = 0x4A0, ENABLE = 0x500, PULL_UP = 0x504 };
enum { IN_ON = 0x510, OUT_ON = 0x514, IN_POINTER = 0x600, OUT_POINTER = 0x700, STEP = 0x14 };

#define AT(offset) REGISTER(USBD + (offset))

static const uint8_t *answer, *outgoing;
static uint32_t answer_left, outgoing_left;
static uint8_t buffer[2][PACKET], received[PACKET];

static uint32_t came(uint32_t event) {
    const uint32_t has_come = AT(event);
    AT(event) = 0;
    return has_come;
}

/* The controller reads and writes RAM only. */
static void send_packet(uint32_t endpoint, const uint8_t **from, uint32_t *left) {
    const uint32_t bytes = *left < PACKET ? *left : PACKET;
    uint8_t *to = buffer[endpoint];
    for (uint32_t i = 0; i < bytes; i++)
        to[i] = *(*from)++;
    *left -= bytes;
    AT(IN_POINTER + STEP * endpoint) = (uint32_t)(uintptr_t)to;
    AT(IN_POINTER + STEP * endpoint + 4) = bytes;
    AT(START_IN + 4 * endpoint) = 1;
}

void usb_answer(const uint8_t *data, uint32_t bytes) {
    answer = data;
    answer_left = bytes;
    send_packet(0, &answer, &answer_left);
}

void usb_accept(void) { AT(ALLOW_STATUS) = 1; }
void usb_refuse(void) { AT(STALL_CONTROL) = 1; }
/* The controller has taken the address itself. */
void usb_set_address(uint32_t address) { (void)address; }

void usb_open_endpoints(void) {
    AT(IN_ON) = 1u | 1u << SERIAL_IN;
    AT(OUT_ON) = 1u | 1u << SERIAL_OUT;
    AT(SIZE + 4 * SERIAL_OUT) = 0;
}

void usb_send(const uint8_t *data, uint32_t bytes) {
    outgoing = data;
    outgoing_left = bytes;
    send_packet(SERIAL_IN, &outgoing, &outgoing_left);
}

/* A packet is accepted as soon as the one before was moved. */
void usb_listen(void) {}

static void packet_came(void) {
    const uint32_t bytes = AT(SIZE + 4 * SERIAL_OUT);
    AT(OUT_POINTER + STEP * SERIAL_OUT) = (uint32_t)(uintptr_t)received;
    AT(OUT_POINTER + STEP * SERIAL_OUT + 4) = bytes;
    AT(START_OUT + 4 * SERIAL_OUT) = 1;
    while (!came(END_OUT + 4 * SERIAL_OUT)) {
    }
    usb_came(received, bytes);
}

void usb_poll(void) {
    ICPR1 = 1u << (LINE - 32u);
    if (came(RESET))
        usb_was_reset();
    if (came(DATA)) {
        const uint32_t status = AT(DATA_STATUS);
        AT(DATA_STATUS) = status;
        if (status >> SERIAL_IN & 1u) {
            if (outgoing_left)
                send_packet(SERIAL_IN, &outgoing, &outgoing_left);
            else
                usb_sent();
        }
        if (status >> (16 + SERIAL_OUT) & 1u)
            packet_came();
    }
    if (came(CONTROL_DONE)) {
        if (answer_left)
            send_packet(0, &answer, &answer_left);
        else
            usb_accept();
    }
    if (came(SETUP)) {
        uint8_t setup[8];
        for (uint32_t i = 0; i < 8; i++)
            setup[i] = (uint8_t)AT(REQUEST + 4 * i);
        answer_left = 0;
        usb_request(setup);
    }
}

void usb_attach(void) {
    while (!REGISTER(POWER + POWER_DETECTED)) {
    }
    REGISTER(POWER + POWER_DETECTED) = 0;
    AT(ENABLE) = 1;
    while (!(AT(CAUSE) & 1u << 11)) {
    }
    AT(CAUSE) = 1u << 11;
    AT(BUS_EVENT) = 0;
    REGISTER(POWER + HFCLK_START) = 1;
    while (!REGISTER(POWER + HFCLK_STARTED) || !REGISTER(POWER + POWER_READY) || REGISTER(POWER + POWER_STATUS) != 3) {
    }
    AT(INTENSET) = 1u << 24 | 1u << 23 | 1u << 10 | 1u;
    ISER1 = 1u << (LINE - 32u);
    AT(PULL_UP) = 1;
}

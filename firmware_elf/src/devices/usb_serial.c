/* Waits until a host has opened its USB serial port, greets it, and sends every packet back in capitals; a packet that begins with '.' ends it.
   Requests that it has no use for, SET_LINE_CODING among them, are refused. */
#include "usb_serial.h"
#include "../exceptions/cortex_m.h"
#include "text.h"

enum { GET_DESCRIPTOR = 6, SET_ADDRESS = 5, SET_CONFIGURATION = 9, SET_CONTROL_LINE_STATE = 0x22, DEVICE = 1, CONFIGURATION = 2 };

static const uint8_t device[18] = {18, DEVICE, 0, 2, 0xEF, 2, 1, PACKET, 0x09, 0x12, 1, 0, 0, 1, 0, 0, 0, 1};
static const uint8_t configuration[75] = {
    9, CONFIGURATION, 75, 0, 2, 1, 0, 0x80, 50,
    8, 11, 0, 2, 2, 2, 0, 0,                                                     /* interfaces 0 and 1 are one function */
    9, 4, 0, 0, 1, 2, 2, 0, 0,                                                   /* communications */
    5, 0x24, 0, 0x10, 1, 5, 0x24, 1, 0, 1, 4, 0x24, 2, 2, 5, 0x24, 6, 0, 1,      /* header, calls, abstract control, union */
    7, 5, 0x83, 3, 8, 0, 16,                                                     /* notices */
    9, 4, 1, 0, 2, 10, 0, 0, 0,                                                  /* data */
    7, 5, SERIAL_OUT, 2, PACKET, 0, 0, 7, 5, 0x80 | SERIAL_IN, 2, PACKET, 0, 0};

static volatile uint32_t is_open, is_over, packets, refused;
static volatile uint32_t sending;
static uint8_t line[PACKET];

static void describe(uint32_t kind, uint32_t most) {
    const uint8_t *data = kind == DEVICE ? device : configuration;
    const uint32_t bytes = kind == DEVICE ? sizeof device : sizeof configuration;
    if (kind != DEVICE && kind != CONFIGURATION)
        usb_refuse();
    else
        usb_answer(data, bytes < most ? bytes : most);
}

void usb_was_reset(void) { is_open = sending = 0; }

void usb_request(const uint8_t *setup) {
    const uint32_t value = setup[2], most = setup[6] | (uint32_t)setup[7] << 8;
    switch (setup[1]) {
    case GET_DESCRIPTOR:
        describe(setup[3], most);
        break;
    case SET_ADDRESS:
        usb_set_address(value);
        break;
    case SET_CONFIGURATION:
        usb_open_endpoints();
        usb_listen();
        usb_accept();
        break;
    case SET_CONTROL_LINE_STATE:
        is_open = value & 1;
        usb_accept();
        break;
    default:
        refused++;
        usb_refuse();
    }
}

void usb_sent(void) { sending = 0; }

void usb_came(const uint8_t *data, uint32_t bytes) {
    packets++;
    is_over = bytes && data[0] == '.';
    for (uint32_t i = 0; i < bytes; i++)
        line[i] = data[i] >= 'a' && data[i] <= 'z' ? data[i] - 32 : data[i];
    if (bytes && !is_over) {
        sending = 1;
        usb_send(line, bytes);
    }
    usb_listen();
}

static void wait(void) {
    __asm volatile("wfi");
    usb_poll();
}

__attribute__((noinline)) void greet(void) {
    /* Longer than a packet, so that two buffers are in use where the controller has two. */
    static const char greeting[] = "a USB serial port, open; what comes is sent back in capitals, until a full stop\r\n";
    sending = 1;
    usb_send((const uint8_t *)greeting, sizeof greeting - 1);
    while (sending)
        wait();
}

int main(void) {
    disable_interrupts();
    usb_attach();
    while (!is_open)
        wait();
    greet();
    while (!is_over)
        wait();
    print_signed((int32_t)packets);
    print_text(" packets, ");
    print_signed((int32_t)refused);
    print_text(" refused\n");
    return 0;
}

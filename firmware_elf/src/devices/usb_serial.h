/* A USB serial port (CDC ACM): what its device side says, above whatever controller the chip has. */
#pragma once
#include <stdint.h>

enum { SERIAL_IN = 1, SERIAL_OUT = 2, PACKET = 64 };

/* The controller's. */
void usb_attach(void);
/* Do what an interrupt that has come asks for. Interrupts are off otherwise, else one could come between a look at a condition and the sleep. */
void usb_poll(void);
void usb_open_endpoints(void);
void usb_set_address(uint32_t address);
/* The three ways to answer a request: data and the status behind it, its status alone, a stall. */
void usb_answer(const uint8_t *data, uint32_t bytes);
void usb_accept(void);
void usb_refuse(void);
void usb_send(const uint8_t *data, uint32_t bytes);
void usb_listen(void);

/* The serial port's, which the controller calls. */
void usb_was_reset(void);
void usb_request(const uint8_t *setup);
void usb_sent(void);
void usb_came(const uint8_t *data, uint32_t bytes);

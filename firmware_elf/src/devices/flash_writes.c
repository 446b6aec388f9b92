/* Erases a page of its own flash, programs it, clears bits in it, and reads it back; LOCKED 1: stores without unlocking it first.
   CONTROLLER: 1 STM32 with pages, 2 STM32 with sectors, 3 Nordic. BASE: the controller. TARGET: the page. PAGE: its number.
   BITS_H7: control bits of an STM32H743. */
#include "registers.h"
#include "text.h"

#define KEY1 0x45670123u
#define KEY2 0xCDEF89ABu
#ifndef BITS_H7
#define LOCK (1u << 31)
#define START (1u << 16)
#define BUSY (1u << 16)
#define PROGRAM 1u
#define ERASE 2u
#define NUMBER_BIT 3
#else
#define LOCK 1u
#define START (1u << 7)
#define BUSY 5u /* BSY, QW */
#define PROGRAM 2u
#define ERASE 4u
#define NUMBER_BIT 8
#endif
#define WORDS 64u

static volatile uint32_t *const target = (volatile uint32_t *)(uintptr_t)TARGET;

#if CONTROLLER == 3
static void unlock(void) {}
static void lock(void) {}
static void wait(void) {
    while (!REGISTER(BASE + 0x400)) {
    }
}
static void erase(void) {
    REGISTER(BASE + 0x504) = 2;
    wait();
    REGISTER(BASE + 0x508) = TARGET;
    wait();
    REGISTER(BASE + 0x504) = 0;
}
static void begin(void) {
    REGISTER(BASE + 0x504) = 1;
    wait();
}
static void end(void) {
    REGISTER(BASE + 0x504) = 0;
    wait();
}
#else
static void unlock(void) {
    REGISTER(BASE + KEYS) = KEY1;
    REGISTER(BASE + KEYS) = KEY2;
}
static void lock(void) { REGISTER(BASE + CONTROL) |= LOCK; }
static void wait(void) {
    while (REGISTER(BASE + STATUS) & BUSY) {
    }
}
static void erase(void) {
    wait();
    REGISTER(BASE + CONTROL) = ERASE | PAGE << NUMBER_BIT;
    REGISTER(BASE + CONTROL) |= START;
    wait();
    REGISTER(BASE + CONTROL) &= ~(ERASE | 0xFFu << NUMBER_BIT);
}
static void begin(void) {
    wait();
    REGISTER(BASE + CONTROL) |= PROGRAM;
}
static void end(void) {
    wait();
    REGISTER(BASE + CONTROL) &= ~PROGRAM;
}
#endif

static uint32_t pattern(uint32_t place) { return place * 0x01030507u + 1u; }

static void report(const char *what, uint32_t wrong) {
    print_text(what);
    print_text(wrong ? " WRONG\n" : " ok\n");
}

int main(void) {
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < WORDS; i++)
        wrong += target[i] != 0xFFFFFFFFu;
    report("blank", wrong);
    if (!LOCKED)
        unlock();
    begin();
    for (uint32_t i = 0; i < WORDS; i++)
        target[i] = pattern(i);
    end();
    wrong = 0;
    for (uint32_t i = 0; i < WORDS; i++)
        wrong += target[i] != pattern(i);
    report("programmed", wrong);
    begin();
    target[0] = 0xFFFF0000u;
    end();
    report("bits cleared only", target[0] != (pattern(0) & 0xFFFF0000u));
    erase();
    wrong = 0;
    for (uint32_t i = 0; i < WORDS; i++)
        wrong += target[i] != 0xFFFFFFFFu;
    report("erased", wrong);
    lock();
    print_text("stores behind the lock\n");
    target[0] = 0;
    return 0;
}

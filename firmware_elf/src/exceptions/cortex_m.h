// Cortex-M exceptions without a vendor's headers. Names and addresses: Arm DDI 0403E, chapter B3.
#ifndef CORTEX_M_H
#define CORTEX_M_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)
#define NVIC_ISER REGISTER(0xE000E100u)
#define NVIC_ISPR REGISTER(0xE000E200u)
#define NVIC_ICPR REGISTER(0xE000E280u)
#define NVIC_IPR(word) REGISTER(0xE000E400u + 4u * (word))
#define SCB_ICSR REGISTER(0xE000ED04u)
#define SCB_VTOR REGISTER(0xE000ED08u)
#define SCB_SHPR2 REGISTER(0xE000ED1Cu)
#define SCB_SHPR3 REGISTER(0xE000ED20u)
#define SCB_SHCSR REGISTER(0xE000ED24u)
#define SCB_CFSR REGISTER(0xE000ED28u)

#define ICSR_PENDSVSET (1u << 28)
#define ICSR_PENDSTSET (1u << 26)

enum { EXCEPTION_USAGE_FAULT = 6, EXCEPTION_SVC = 11, EXCEPTION_PENDSV = 14, EXCEPTION_SYSTICK = 15, EXCEPTION_IRQ0 = 16 };

typedef void (*handler_t)(void);

// Sets a handler in a vector table in RAM; the first call copies the table there.
void set_handler(int exception, handler_t handler);

static inline void barrier(void) { __asm volatile("dsb\n\tisb" ::: "memory"); }
static inline void disable_interrupts(void) { __asm volatile("cpsid i" ::: "memory"); }
static inline void enable_interrupts(void) { __asm volatile("cpsie i\n\tisb" ::: "memory"); }
static inline uint32_t current_exception(void) {
  uint32_t number;
  __asm volatile("mrs %0, ipsr" : "=r"(number));
  return number;
}

// Interrupt number `line`'s priority: 0 to 3, 0 the most urgent; two bits are all that an Armv6-M core has.
static inline void set_priority(uint32_t line, uint32_t priority) {
  const uint32_t shift = 8u * (line & 3u);
  NVIC_IPR(line >> 2) = (NVIC_IPR(line >> 2) & ~(0xFFu << shift)) | (priority << (6u + shift));
}

#endif

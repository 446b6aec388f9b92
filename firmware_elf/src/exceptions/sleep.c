// Sleep: WFI until SysTick, WFI with interrupts masked, WFE and the event register; time passes meanwhile.
#include "cortex_m.h"
#include "text.h"

static volatile uint32_t ticks;

static void systick(void) { ++ticks; }

static void check(const char *what, int is_right) {
  print_text(what);
  print_text(is_right ? " ok\n" : " WRONG\n");
}

int main(void) {
  set_handler(EXCEPTION_SYSTICK, systick);
  SYST_RVR = 100000u - 1u;
  SYST_CVR = 0u;
  SYST_CSR = 7u;

  while (ticks < 20u) {
    __asm volatile("wfi" ::: "memory");
  }
  check("woken by handlers", ticks == 20u);

  disable_interrupts();
  __asm volatile("wfi" ::: "memory");
  const uint32_t masked = ticks;
  enable_interrupts();
  check("woken while masked", masked == 20u && ticks == 21u);

  // The handler has set the event register; an event wakes at once, then the next interrupt does.
  __asm volatile("sev\n\twfe\n\twfe" ::: "memory");
  check("woken by an event", ticks == 22u || ticks == 21u);

  // A delay that only watches the counter.
  (void)SYST_CSR;
  const uint32_t before = ticks;
  while (ticks < before + 3u) {
  }
  check("delayed", ticks == before + 3u);
  SYST_CSR = 0u;
  return 0;
}

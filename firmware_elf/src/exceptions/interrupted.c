// A computation interrupted thousands of times by a timer gives the result it gives alone.
#include "cortex_m.h"
#include "text.h"
#include "workload.h"

#if __ARM_ARCH < 7
#define ROUNDS 40000u
#else
#define ROUNDS 6000u
#endif

static volatile uint32_t interrupts;
static volatile uint32_t scratch;

static void systick(void) {
  ++interrupts;
  // Another period each time, so that the interrupt falls everywhere.
  SYST_RVR = 1500u + interrupts * 7u % 97u;
  scratch = workload(interrupts, 1u);
}

int main(void) {
  const uint32_t alone = workload(1u, ROUNDS);
  set_handler(EXCEPTION_SYSTICK, systick);
  SYST_RVR = 1500u;
  SYST_CVR = 0u;
  SYST_CSR = 7u;
  const uint32_t disturbed = workload(1u, ROUNDS);
  SYST_CSR = 0u;
  print_text("checksum ");
  print_hexadecimal(disturbed);
  print_text(disturbed == alone ? " unchanged" : " CHANGED");
  print_text(interrupts > 1000u ? " by more than 1000 interrupts\n" : " by few interrupts\n");
  return disturbed != alone;
}

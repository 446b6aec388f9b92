#include "cortex_m.h"

#define VECTORS 48

extern const uint32_t vector_table[VECTORS];

static uint32_t vectors[VECTORS] __attribute__((aligned(256)));

void set_handler(int exception, handler_t handler) {
  if (vectors[1] == 0u) {
    for (int index = 0; index < VECTORS; ++index) {
      vectors[index] = vector_table[index];
    }
    SCB_VTOR = (uint32_t)vectors;
    barrier();
  }
  vectors[exception] = (uint32_t)handler;
}

// Predicated loads and stores as the first touch of a page, then a branch: an emulator that loses the IT state at such a
// moment skips instructions of the next block. Each page has not been touched before: .noinit is left alone by start-up.
#include <stdint.h>

#include "text.h"

#define PAGE_WORDS 256
#define PAGES 64

static uint32_t pages[PAGES][PAGE_WORDS] __attribute__((section(".noinit"), aligned(1024)));

// Runs one predicated pattern on `page`; `flag` decides the condition. `steps` counts the instructions after the branch.
#define PATTERN(name, body)                                                     \
  __attribute__((noinline)) static uint32_t name(uint32_t *page, uint32_t flag) { \
    uint32_t result = 0, steps = 0;                                             \
    __asm volatile(                                                             \
        "cmp %[flag], #0\n\t" body                                              \
        "b 1f\n\t"                                                              \
        "udf #1\n"                                                              \
        "1: add %[steps], %[steps], #1\n\t"                                     \
        "add %[steps], %[steps], #2\n\t"                                        \
        "add %[steps], %[steps], #4\n\t"                                        \
        "add %[steps], %[steps], #8\n\t"                                        \
        : [result] "+&r"(result), [steps] "+&r"(steps)                          \
        : [page] "r"(page), [flag] "r"(flag)                                    \
        : "cc", "memory");                                                      \
    return result * 16u + steps;                                                \
  }

// The condition is true when the flag is 0. Expected result, true then false, in the table below.
PATTERN(load_first, "itete eq\n\tldreq %[result], [%[page]]\n\tmovne %[result], #3\n\tmoveq %[result], #5\n\taddne %[result], #1\n\t")
PATTERN(load_else, "itete ne\n\tmovne %[result], #2\n\tldreq %[result], [%[page], #4]\n\taddne %[result], #4\n\tmoveq %[result], #7\n\t")
PATTERN(load_last, "ittee eq\n\tmoveq %[result], #9\n\taddeq %[result], #1\n\tmovne %[result], #1\n\tldrne %[result], [%[page], #8]\n\t"
                   "it ne\n\tmovne %[result], #8\n\t")
PATTERN(store_first, "ittet eq\n\tstreq %[flag], [%[page]]\n\tmoveq %[result], #3\n\tmovne %[result], #9\n\taddeq %[result], #3\n\t")
PATTERN(store_else, "iteee ne\n\tmovne %[result], #1\n\tstreq %[flag], [%[page], #4]\n\tmoveq %[result], #4\n\taddeq %[result], #4\n\t")
PATTERN(store_then_load, "itttt eq\n\tstreq %[page], [%[page]]\n\tldreq %[result], [%[page]]\n\tsubeq %[result], %[page]\n\taddeq %[result], #2\n\t")
PATTERN(multiple, "ittee eq\n\tstmeq %[page], {%[page], %[flag]}\n\tmoveq %[result], #4\n\tmovne %[result], #2\n\tstrne %[result], [%[page], #16]\n\t")
PATTERN(byte_and_half, "itttt ne\n\tstrbne %[flag], [%[page], #3]\n\tldrbne %[result], [%[page], #3]\n\tstrhne %[result], [%[page], #6]\n\taddne %[result], #1\n\t")

typedef struct {
  uint32_t (*run)(uint32_t *page, uint32_t flag);
  uint32_t when_true, when_false;
} pattern_t;

static const pattern_t patterns[] = {
    {load_first, 5, 4},  {load_else, 7, 6},       {load_last, 10, 8}, {store_first, 6, 9},
    {store_else, 8, 1}, {store_then_load, 2, 0}, {multiple, 4, 2},   {byte_and_half, 0, 2},
};

#define PATTERNS (sizeof patterns / sizeof patterns[0])

int main(void) {
  int32_t passed = 0;
  for (uint32_t page = 0; page < PAGES; ++page) {
    const pattern_t *pattern = &patterns[page % PATTERNS];
    const uint32_t flag = page / PATTERNS % 2u;
    const uint32_t expected = (flag == 0u ? pattern->when_true : pattern->when_false) * 16u + 15u;
    passed += pattern->run(pages[page], flag) == expected;
  }
  print_text("passed ");
  print_signed(passed);
  print_text(" of ");
  print_signed(PAGES);
  print_text("\n");
  return passed == PAGES ? 0 : 1;
}

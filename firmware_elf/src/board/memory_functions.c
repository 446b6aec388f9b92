// The functions that a compiler may call by itself even in a freestanding program.
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int value, size_t size);

// Without -fno-tree-loop-distribute-patterns the compiler would turn these loops into calls of themselves.
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  unsigned char *target = to;
  const unsigned char *source = from;
  while (size-- != 0u) {
    *target++ = *source++;
  }
  return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int value, size_t size) {
  unsigned char *target = to;
  while (size-- != 0u) {
    *target++ = (unsigned char)value;
  }
  return to;
}

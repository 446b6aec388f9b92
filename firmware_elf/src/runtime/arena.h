// The memory of a graph: activations grow from its head, everything that stays grows down from its tail.
//
// The allocator is its own first allocation, at the arena's end, and begins with a pointer to its functions in flash, so
// that the whole use of the arena can be read from memory without a symbol.
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef NODE_REGISTRATION_OFFSET
#define NODE_REGISTRATION_OFFSET 28
#endif

typedef struct arena arena_t;

typedef struct {
  void *(*allocate_persistent)(arena_t *arena, size_t size);
} arena_interface_t;

struct arena {
  const arena_interface_t *interface;
  void *error_reporter;
  uint8_t *buffer_head;
  uint8_t *buffer_tail;
  uint8_t *head;
  uint8_t *tail;
#if NODE_REGISTRATION_OFFSET != 36
  uint8_t *temporary;
#endif
#if NODE_REGISTRATION_OFFSET == 28 || NODE_REGISTRATION_OFFSET == 40
  uint32_t temporary_checksum;
  int32_t temporary_count;
#endif
};

arena_t *arena_create(uint8_t *memory, size_t size);

// Reserves the first `size` bytes of the arena; false if they would meet the tail.
int arena_reserve_head(arena_t *arena, size_t size);

uint32_t arena_used_bytes(const arena_t *arena);

#ifdef __cplusplus
}
#endif

#endif

#include "arena.h"

static void *allocate_persistent(arena_t *arena, size_t size) {
  uint8_t *place = (uint8_t *)((uintptr_t)(arena->tail - size) & ~(uintptr_t)7u);
  if (place < arena->head) {
    return 0;
  }
  arena->tail = place;
  return place;
}

static const arena_interface_t arena_functions = {.allocate_persistent = allocate_persistent};

arena_t *arena_create(uint8_t *memory, size_t size) {
  arena_t own = {
      .interface = &arena_functions,
      .buffer_head = memory,
      .buffer_tail = memory + size,
      .head = memory,
      .tail = memory + size,
  };
  arena_t *arena = allocate_persistent(&own, sizeof(arena_t));
  *arena = own;
#if NODE_REGISTRATION_OFFSET != 36
  arena->temporary = memory;
#endif
  return arena;
}

int arena_reserve_head(arena_t *arena, size_t size) {
  if (arena->buffer_head + size > arena->tail) {
    return 0;
  }
  arena->head = arena->buffer_head + size;
#if NODE_REGISTRATION_OFFSET != 36
  arena->temporary = arena->head;
#endif
  return 1;
}

uint32_t arena_used_bytes(const arena_t *arena) {
  return (uint32_t)(arena->head - arena->buffer_head) + (uint32_t)(arena->buffer_tail - arena->tail);
}

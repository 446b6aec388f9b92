// Reading a FlatBuffers table in place. Format: https://flatbuffers.dev/internals/
// Fields are numbered in the order of the TensorFlow Lite schema (schema.fbs, version 3).
#ifndef FLATBUFFER_H
#define FLATBUFFER_H

#include <stdint.h>

enum { MODEL_OPERATOR_CODES = 1, MODEL_SUBGRAPHS = 2, MODEL_BUFFERS = 4 };
enum { OPERATOR_CODE_DEPRECATED = 0, OPERATOR_CODE_CUSTOM = 1, OPERATOR_CODE_BUILTIN = 3 };
enum { SUBGRAPH_TENSORS = 0, SUBGRAPH_INPUTS = 1, SUBGRAPH_OUTPUTS = 2, SUBGRAPH_OPERATORS = 3 };
enum { TENSOR_SHAPE = 0, TENSOR_TYPE = 1, TENSOR_BUFFER = 2, TENSOR_QUANTIZATION = 4 };
enum { QUANTIZATION_SCALE = 2, QUANTIZATION_ZERO_POINT = 3 };
enum { BUFFER_DATA = 0 };
enum { OPERATOR_OPCODE_INDEX = 0, OPERATOR_INPUTS = 1, OPERATOR_OUTPUTS = 2, OPERATOR_BUILTIN_OPTIONS = 4 };

typedef const uint8_t *table_t;

// A vector of 32-bit integers as the file holds it: its length, then its elements.
typedef struct {
  int32_t size;
  int32_t data[];
} int_array_t;

static inline uint32_t word_at(const uint8_t *place) { return *(const uint32_t *)place; }

// Where a field of a table lies, or null if the file leaves it at its default.
static inline const uint8_t *table_field(table_t table, unsigned field) {
  const uint8_t *vtable = table - *(const int32_t *)table;
  const unsigned slot = 4u + 2u * field;
  const unsigned offset = slot < *(const uint16_t *)vtable ? *(const uint16_t *)(vtable + slot) : 0u;
  return offset != 0u ? table + offset : 0;
}

// The table or vector that a field refers to, or null.
static inline const uint8_t *table_reference(table_t table, unsigned field) {
  const uint8_t *place = table_field(table, field);
  return place != 0 ? place + word_at(place) : 0;
}

static inline int32_t table_int(table_t table, unsigned field, int32_t otherwise) {
  const uint8_t *place = table_field(table, field);
  return place != 0 ? *(const int32_t *)place : otherwise;
}

static inline int table_byte(table_t table, unsigned field, int otherwise) {
  const uint8_t *place = table_field(table, field);
  return place != 0 ? *(const int8_t *)place : otherwise;
}

static inline uint32_t vector_length(const uint8_t *vector) { return vector != 0 ? word_at(vector) : 0u; }

// The table at a place of a vector of tables.
static inline table_t vector_table_at(const uint8_t *vector, uint32_t index) {
  const uint8_t *place = vector + 4u + 4u * index;
  return place + word_at(place);
}

static inline table_t model_root(const uint8_t *buffer) { return buffer + word_at(buffer); }

#endif

// A graph of operators in memory, laid out as TensorFlow Lite Micro lays it out on a 32-bit target.
//
// The layout changed over the years. NODE_REGISTRATION_OFFSET tells which one is meant, by where a node keeps the pointer
// to its registration: 36 (TF 2.3), 24 (TF 2.4 to mid 2021), 28 (since August 2021), 40 (without TF_LITE_STATIC_MEMORY).
#ifndef GRAPH_H
#define GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "flatbuffer.h"

#ifndef NODE_REGISTRATION_OFFSET
#define NODE_REGISTRATION_OFFSET 28
#endif

#ifdef __cplusplus
extern "C" {
#define LAYOUT_ASSERT static_assert
#else
#define LAYOUT_ASSERT _Static_assert
#endif

enum { TYPE_INT32 = 2, TYPE_BOOL = 6, TYPE_INT8 = 9 };
enum {
  OPERATOR_ADD = 0,
  OPERATOR_AVERAGE_POOL_2D = 1,
  OPERATOR_CONV_2D = 3,
  OPERATOR_DEPTHWISE_CONV_2D = 4,
  OPERATOR_FULLY_CONNECTED = 9,
  OPERATOR_RESHAPE = 22,
  OPERATOR_SOFTMAX = 25,
  OPERATOR_LESS = 58,
  OPERATOR_IF = 118,
  OPERATOR_WHILE = 119,
};

typedef struct {
  void *data;
  const int_array_t *dims;
  int32_t type;
} eval_tensor_t;

typedef struct graph graph_t;
typedef struct context context_t;
typedef struct registration registration_t;

struct context {
  uint32_t tensors_size;
  uint32_t unused_4[2];
  graph_t *graph;
  uint32_t unused_16[9];
  void *profiler;
  void *(*allocate_persistent_buffer)(context_t *context, size_t size);
  uint32_t unused_60[6];
  eval_tensor_t *(*get_eval_tensor)(const context_t *context, int tensor);
};

typedef struct {
  const int_array_t *inputs;
  const int_array_t *outputs;
#if NODE_REGISTRATION_OFFSET != 24
  const int_array_t *intermediates;
#endif
#if NODE_REGISTRATION_OFFSET >= 36
  const int_array_t *temporaries;
#endif
  void *user_data;
  table_t builtin_data;
  const void *custom_initial_data;
  int32_t custom_initial_data_size;
#if NODE_REGISTRATION_OFFSET >= 36
  void *delegate;
#endif
#if NODE_REGISTRATION_OFFSET == 40
  bool might_have_side_effect;
#endif
  const registration_t *registration;
} node_t;

struct registration {
  void *(*init)(context_t *context, const char *buffer, size_t length);
  void (*release)(context_t *context, void *buffer);
  int (*prepare)(context_t *context, node_t *node);
  int (*invoke)(context_t *context, node_t *node);
  void (*reset)(context_t *context, void *buffer);
  int32_t builtin_code;
  const char *custom_name;
};

typedef struct {
  node_t *nodes;
  eval_tensor_t *tensors;
} subgraph_allocations_t;

typedef struct graph_interface {
  int (*invoke_subgraph)(graph_t *graph, int subgraph);
} graph_interface_t;

struct graph {
  const graph_interface_t *interface;
  context_t *context;
  table_t model;
  arena_t *arena;
  subgraph_allocations_t *subgraphs;
  int32_t current_subgraph;
  int32_t current_operator;
  void *owner;
};

LAYOUT_ASSERT(offsetof(context_t, graph) == 12, "the context's pointer to its owner");
LAYOUT_ASSERT(offsetof(context_t, profiler) == 52, "the context's profiler");
LAYOUT_ASSERT(offsetof(context_t, get_eval_tensor) == 84, "the context's GetEvalTensor");
LAYOUT_ASSERT(offsetof(node_t, registration) == NODE_REGISTRATION_OFFSET, "the node's registration");
LAYOUT_ASSERT(sizeof(node_t) == NODE_REGISTRATION_OFFSET + 4, "the node's stride");
LAYOUT_ASSERT(offsetof(registration_t, prepare) == 8, "the registration's prepare");
LAYOUT_ASSERT(offsetof(registration_t, invoke) == 12, "the registration's invoke");
LAYOUT_ASSERT(offsetof(registration_t, builtin_code) == 20, "the registration's code");
LAYOUT_ASSERT(offsetof(graph_t, arena) == 12, "the graph's allocator");

// Builds nodes and tensors of every subgraph of `model` in `memory`, plans the activations and prepares each operator with
// the `count` registrations given. Returns 0, or 1 if an operator is unknown, refuses, or the memory is too small.
int graph_allocate(graph_t *graph, context_t *context, const graph_interface_t *interface, const uint8_t *model, uint8_t *memory, size_t size,
                   const registration_t *registrations, int count);

uint32_t graph_operator_count(const graph_t *graph, int subgraph);
const int_array_t *graph_inputs(const graph_t *graph, int subgraph);
const int_array_t *graph_outputs(const graph_t *graph, int subgraph);

// The tensor of the current subgraph as the file describes it.
table_t graph_tensor(const context_t *context, int tensor);

static inline eval_tensor_t *node_input(const context_t *context, const node_t *node, int index) {
  return node->inputs->data[index] < 0 ? 0 : context->get_eval_tensor(context, node->inputs->data[index]);
}

static inline eval_tensor_t *node_output(const context_t *context, const node_t *node, int index) {
  return context->get_eval_tensor(context, node->outputs->data[index]);
}

static inline int32_t element_count(const int_array_t *dims) {
  int32_t count = 1;
  for (int32_t axis = 0; axis < dims->size; ++axis) {
    count *= dims->data[axis];
  }
  return count;
}

#ifdef __cplusplus
}
#endif

#endif

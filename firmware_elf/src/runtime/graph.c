#include "graph.h"

#define ALIGN_ACTIVATION 16u

static table_t subgraph_at(const graph_t *graph, int subgraph) {
  return vector_table_at(table_reference(graph->model, MODEL_SUBGRAPHS), (uint32_t)subgraph);
}

uint32_t graph_operator_count(const graph_t *graph, int subgraph) {
  return vector_length(table_reference(subgraph_at(graph, subgraph), SUBGRAPH_OPERATORS));
}

const int_array_t *graph_inputs(const graph_t *graph, int subgraph) {
  return (const int_array_t *)table_reference(subgraph_at(graph, subgraph), SUBGRAPH_INPUTS);
}

const int_array_t *graph_outputs(const graph_t *graph, int subgraph) {
  return (const int_array_t *)table_reference(subgraph_at(graph, subgraph), SUBGRAPH_OUTPUTS);
}

table_t graph_tensor(const context_t *context, int tensor) {
  const graph_t *graph = context->graph;
  return vector_table_at(table_reference(subgraph_at(graph, graph->current_subgraph), SUBGRAPH_TENSORS), (uint32_t)tensor);
}

static eval_tensor_t *get_eval_tensor(const context_t *context, int tensor) {
  const graph_t *graph = context->graph;
  return &graph->subgraphs[graph->current_subgraph].tensors[tensor];
}

static void *allocate_persistent_buffer(context_t *context, size_t size) {
  arena_t *arena = context->graph->arena;
  return arena->interface->allocate_persistent(arena, size);
}

static uint32_t activation_bytes(const eval_tensor_t *tensor) {
  const uint32_t element = tensor->type == TYPE_INT32 ? 4u : 1u;
  return ((uint32_t)element_count(tensor->dims) * element + ALIGN_ACTIVATION - 1u) & ~(ALIGN_ACTIVATION - 1u);
}

static bool names_tensor(const int_array_t *list, int32_t tensor) {
  for (int32_t place = 0; place < list->size; ++place) {
    if (list->data[place] == tensor) {
      return true;
    }
  }
  return false;
}

// First and last operator that need a tensor: -1 before the first operator, `count` after the last.
static void lifetime(const graph_t *graph, int subgraph, int32_t tensor, int32_t *first, int32_t *last) {
  const int32_t count = (int32_t)graph_operator_count(graph, subgraph);
  const node_t *nodes = graph->subgraphs[subgraph].nodes;
  *first = names_tensor(graph_inputs(graph, subgraph), tensor) ? -1 : count;
  *last = *first == -1 ? -1 : 0;
  for (int32_t index = 0; index < count; ++index) {
    if (names_tensor(nodes[index].outputs, tensor) && index < *first) {
      *first = index;
    }
    if (names_tensor(nodes[index].inputs, tensor) || names_tensor(nodes[index].outputs, tensor)) {
      *last = index;
    }
  }
  if (names_tensor(graph_outputs(graph, subgraph), tensor)) {
    *last = count;
  }
}

typedef struct {
  int32_t first, last;
  uint32_t start, stop;
} placement_t;

// Gives each activation the lowest place that no tensor alive at the same time holds. Returns the end of the highest.
static uint32_t plan_activations(graph_t *graph, int subgraph, uint32_t tensor_count, uint32_t base, placement_t *placements) {
  uint32_t highest = base;
  uint32_t placed = 0;
  eval_tensor_t *tensors = graph->subgraphs[subgraph].tensors;
  for (uint32_t tensor = 0; tensor < tensor_count; ++tensor) {
    if (tensors[tensor].data != 0) {
      continue;
    }
    placement_t own = {.start = base};
    lifetime(graph, subgraph, (int32_t)tensor, &own.first, &own.last);
    const uint32_t bytes = activation_bytes(&tensors[tensor]);
    bool moved = true;
    while (moved) {
      moved = false;
      for (uint32_t other = 0; other < placed; ++other) {
        const placement_t *taken = &placements[other];
        const bool together = taken->first <= own.last && own.first <= taken->last;
        if (together && own.start < taken->stop && taken->start < own.start + bytes) {
          own.start = taken->stop;
          moved = true;
        }
      }
    }
    own.stop = own.start + bytes;
    highest = own.stop > highest ? own.stop : highest;
    placements[placed++] = own;
    tensors[tensor].data = graph->arena->buffer_head + own.start;
  }
  return highest;
}

static const registration_t *find_registration(const graph_t *graph, uint32_t opcode_index, const registration_t *registrations, int count) {
  const table_t code = vector_table_at(table_reference(graph->model, MODEL_OPERATOR_CODES), opcode_index);
  const int32_t deprecated = table_byte(code, OPERATOR_CODE_DEPRECATED, 0);
  const int32_t current = table_int(code, OPERATOR_CODE_BUILTIN, 0);
  const int32_t wanted = current > deprecated ? current : deprecated;
  for (int index = 0; index < count; ++index) {
    if (registrations[index].builtin_code == wanted) {
      return &registrations[index];
    }
  }
  return 0;
}

static int build_nodes(graph_t *graph, int subgraph, const registration_t *registrations, int registration_count) {
  const uint8_t *operators = table_reference(subgraph_at(graph, subgraph), SUBGRAPH_OPERATORS);
  const uint32_t count = vector_length(operators);
  node_t *nodes = graph->arena->interface->allocate_persistent(graph->arena, count * sizeof(node_t));
  if (nodes == 0) {
    return 1;
  }
  for (uint32_t index = 0; index < count; ++index) {
    const table_t operation = vector_table_at(operators, index);
    const registration_t *registration =
        find_registration(graph, (uint32_t)table_int(operation, OPERATOR_OPCODE_INDEX, 0), registrations, registration_count);
    if (registration == 0) {
      return 1;
    }
    nodes[index] = (node_t){
        .inputs = (const int_array_t *)table_reference(operation, OPERATOR_INPUTS),
        .outputs = (const int_array_t *)table_reference(operation, OPERATOR_OUTPUTS),
        .builtin_data = table_reference(operation, OPERATOR_BUILTIN_OPTIONS),
        .registration = registration,
    };
  }
  graph->subgraphs[subgraph].nodes = nodes;
  return 0;
}

static int build_tensors(graph_t *graph, int subgraph) {
  const uint8_t *descriptions = table_reference(subgraph_at(graph, subgraph), SUBGRAPH_TENSORS);
  const uint8_t *buffers = table_reference(graph->model, MODEL_BUFFERS);
  const uint32_t count = vector_length(descriptions);
  eval_tensor_t *tensors = graph->arena->interface->allocate_persistent(graph->arena, count * sizeof(eval_tensor_t));
  if (tensors == 0) {
    return 1;
  }
  for (uint32_t tensor = 0; tensor < count; ++tensor) {
    const table_t description = vector_table_at(descriptions, tensor);
    const table_t buffer = vector_table_at(buffers, (uint32_t)table_int(description, TENSOR_BUFFER, 0));
    const uint8_t *constant = table_reference(buffer, BUFFER_DATA);
    tensors[tensor] = (eval_tensor_t){
        .data = constant != 0 ? (void *)(uintptr_t)(constant + 4) : 0,
        .dims = (const int_array_t *)table_reference(description, TENSOR_SHAPE),
        .type = table_byte(description, TENSOR_TYPE, 0),
    };
  }
  graph->subgraphs[subgraph].tensors = tensors;
  return 0;
}

static int prepare_operators(graph_t *graph, int subgraph) {
  graph->current_subgraph = subgraph;
  const uint32_t count = graph_operator_count(graph, subgraph);
  for (uint32_t index = 0; index < count; ++index) {
    node_t *node = &graph->subgraphs[subgraph].nodes[index];
    if (node->registration->prepare != 0 && node->registration->prepare(graph->context, node) != 0) {
      return 1;
    }
  }
  return 0;
}

int graph_allocate(graph_t *graph, context_t *context, const graph_interface_t *interface, const uint8_t *model, uint8_t *memory, size_t size,
                   const registration_t *registrations, int count) {
  arena_t *arena = arena_create(memory, size);
  *context = (context_t){.graph = graph, .allocate_persistent_buffer = allocate_persistent_buffer, .get_eval_tensor = get_eval_tensor};
  *graph = (graph_t){.interface = interface, .context = context, .model = model_root(model), .arena = arena};
  const uint8_t *subgraphs = table_reference(graph->model, MODEL_SUBGRAPHS);
  const int subgraph_count = (int)vector_length(subgraphs);
  graph->subgraphs = arena->interface->allocate_persistent(arena, (size_t)subgraph_count * sizeof(subgraph_allocations_t));
  for (int subgraph = 0; subgraph < subgraph_count; ++subgraph) {
    if (build_nodes(graph, subgraph, registrations, count) != 0 || build_tensors(graph, subgraph) != 0) {
      return 1;
    }
  }
  // The placements are needed only while planning: they use the head, before any activation does.
  uint32_t end = 0;
  for (int subgraph = 0; subgraph < subgraph_count; ++subgraph) {
    const uint32_t tensors = vector_length(table_reference(vector_table_at(subgraphs, (uint32_t)subgraph), SUBGRAPH_TENSORS));
    if (arena->buffer_head + tensors * sizeof(placement_t) > arena->tail) {
      return 1;
    }
    end = plan_activations(graph, subgraph, tensors, end, (placement_t *)(void *)arena->buffer_head);
  }
  if (!arena_reserve_head(arena, end)) {
    return 1;
  }
  for (int subgraph = 0; subgraph < subgraph_count; ++subgraph) {
    if (prepare_operators(graph, subgraph) != 0) {
      return 1;
    }
  }
  graph->current_subgraph = 0;
  return 0;
}

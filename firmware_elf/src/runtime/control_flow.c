// IF and WHILE: operators whose kernels run another subgraph of the same model.
#include "kernels.h"

enum { IF_THEN = 0, IF_ELSE = 1, WHILE_CONDITION = 0, WHILE_BODY = 1 };

static void copy_tensor(const eval_tensor_t *from, eval_tensor_t *to) {
  const int32_t bytes = element_count(to->dims) * (to->type == TYPE_INT32 ? 4 : 1);
  for (int32_t place = 0; place < bytes; ++place) {
    ((int8_t *)to->data)[place] = ((const int8_t *)from->data)[place];
  }
}

static void copy_inputs(const context_t *context, const node_t *node, int first, int subgraph) {
  const int_array_t *inner = graph_inputs(context->graph, subgraph);
  for (int32_t place = 0; place < inner->size; ++place) {
    copy_tensor(node_input(context, node, first + place), &context->graph->subgraphs[subgraph].tensors[inner->data[place]]);
  }
}

static void copy_outputs(const context_t *context, const node_t *node, int subgraph) {
  const int_array_t *inner = graph_outputs(context->graph, subgraph);
  for (int32_t place = 0; place < inner->size; ++place) {
    copy_tensor(&context->graph->subgraphs[subgraph].tensors[inner->data[place]], node_output(context, node, place));
  }
}

int if_branch(context_t *context, node_t *node) {
  graph_t *graph = context->graph;
  const bool condition = *(const bool *)node_input(context, node, 0)->data;
  const int subgraph = table_int(node->builtin_data, condition ? IF_THEN : IF_ELSE, 0);
  copy_inputs(context, node, 1, subgraph);
  const int status = graph->interface->invoke_subgraph(graph, subgraph);
  copy_outputs(context, node, subgraph);
  return status;
}

int while_loop(context_t *context, node_t *node) {
  graph_t *graph = context->graph;
  const int condition = table_int(node->builtin_data, WHILE_CONDITION, 0), body = table_int(node->builtin_data, WHILE_BODY, 0);
  const int_array_t *condition_inputs = graph_inputs(graph, condition), *body_inputs = graph_inputs(graph, body);
  const int_array_t *body_outputs = graph_outputs(graph, body);
  subgraph_allocations_t *allocations = graph->subgraphs;
  copy_inputs(context, node, 0, condition);
  copy_inputs(context, node, 0, body);
  for (;;) {
    if (graph->interface->invoke_subgraph(graph, condition) != 0) {
      return 1;
    }
    if (!*(const bool *)allocations[condition].tensors[graph_outputs(graph, condition)->data[0]].data) {
      break;
    }
    if (graph->interface->invoke_subgraph(graph, body) != 0) {
      return 1;
    }
    for (int32_t place = 0; place < body_outputs->size; ++place) {
      const eval_tensor_t *result = &allocations[body].tensors[body_outputs->data[place]];
      copy_tensor(result, &allocations[condition].tensors[condition_inputs->data[place]]);
      copy_tensor(result, &allocations[body].tensors[body_inputs->data[place]]);
    }
  }
  // After the last test the state is what the condition was asked about; the body's inputs hold the same.
  for (int32_t place = 0; place < body_inputs->size; ++place) {
    copy_tensor(&allocations[body].tensors[body_inputs->data[place]], node_output(context, node, place));
  }
  return 0;
}

// IF and WHILE: operators whose kernels run another subgraph of the same model.
#include "kernels.h"

enum { IF_THEN = 0, IF_ELSE = 1, WHILE_CONDITION = 0, WHILE_BODY = 1 };

static void copy_tensor(const eval_tensor_t *from, eval_tensor_t *to) {
  const int32_t bytes = element_count(to->dims) * (to->type == TYPE_INT32 ? 4 : 1);
  for (int32_t place = 0; place < bytes; ++place) {
    ((int8_t *)to->data)[place] = ((const int8_t *)from->data)[place];
  }
}

static eval_tensor_t *tensor_of(const context_t *context, int subgraph, int32_t tensor) {
  return &context->graph->subgraphs[subgraph].tensors[tensor];
}

static void copy_outputs(const context_t *context, const node_t *node, int subgraph) {
  const int_array_t *inner = graph_outputs(context->graph, subgraph);
  for (int32_t place = 0; place < inner->size; ++place) {
    copy_tensor(tensor_of(context, subgraph, inner->data[place]), node_output(context, node, place));
  }
}

static void hand_on_outputs(const context_t *context, const node_t *node, int subgraph) {
  const int_array_t *inner = graph_inputs(context->graph, subgraph);
  for (int32_t place = 0; place < inner->size; ++place) {
    copy_tensor(node_output(context, node, place), tensor_of(context, subgraph, inner->data[place]));
  }
}

int if_branch(context_t *context, node_t *node) {
  graph_t *graph = context->graph;
  const bool condition = *(const bool *)node_input(context, node, 0)->data;
  const int subgraph = table_int(node->builtin_data, condition ? IF_THEN : IF_ELSE, 0);
  const int_array_t *inner = graph_inputs(graph, subgraph);
  for (int32_t place = 0; place < inner->size; ++place) {
    copy_tensor(node_input(context, node, place + 1), tensor_of(context, subgraph, inner->data[place]));
  }
  const int status = graph->interface->invoke_subgraph(graph, subgraph);
  copy_outputs(context, node, subgraph);
  return status;
}

// The state lives in the operator's outputs between the turns: inside the body, inputs and outputs may share memory.
int while_loop(context_t *context, node_t *node) {
  graph_t *graph = context->graph;
  const int condition = table_int(node->builtin_data, WHILE_CONDITION, 0), body = table_int(node->builtin_data, WHILE_BODY, 0);
  const bool *goes_on = tensor_of(context, condition, graph_outputs(graph, condition)->data[0])->data;
  for (int32_t place = 0; place < node->outputs->size; ++place) {
    copy_tensor(node_input(context, node, place), node_output(context, node, place));
  }
  for (;;) {
    hand_on_outputs(context, node, condition);
    if (graph->interface->invoke_subgraph(graph, condition) != 0) {
      return 1;
    }
    if (!*goes_on) {
      return 0;
    }
    hand_on_outputs(context, node, body);
    if (graph->interface->invoke_subgraph(graph, body) != 0) {
      return 1;
    }
    copy_outputs(context, node, body);
  }
}

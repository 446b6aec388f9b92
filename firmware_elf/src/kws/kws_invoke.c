#include "kws_invoke.h"

#include "kernels.h"
#include "model.h"

#define ARENA_BYTES (40u * 1024u)

#ifdef POOL_DELAY_ROUNDS
// A version to compare with: this one operator does the same and takes a little longer.
static int delayed_average_pool_2d(context_t *context, node_t *node) {
  for (uint32_t round = 0; round < POOL_DELAY_ROUNDS; ++round) {
    __asm__ volatile("");
  }
  return average_pool_2d(context, node);
}
#define AVERAGE_POOL delayed_average_pool_2d
#else
#define AVERAGE_POOL average_pool_2d
#endif

static const registration_t registrations[] = {
    {.builtin_code = OPERATOR_CONV_2D, .prepare = conv_2d_prepare, .invoke = conv_2d},
    {.builtin_code = OPERATOR_DEPTHWISE_CONV_2D, .prepare = conv_2d_prepare, .invoke = depthwise_conv_2d},
    {.builtin_code = OPERATOR_AVERAGE_POOL_2D, .invoke = AVERAGE_POOL},
    {.builtin_code = OPERATOR_RESHAPE, .invoke = reshape},
    {.builtin_code = OPERATOR_FULLY_CONNECTED, .prepare = fully_connected_prepare, .invoke = fully_connected},
    {.builtin_code = OPERATOR_SOFTMAX, .prepare = softmax_prepare, .invoke = softmax},
};

static uint8_t arena_memory[ARENA_BYTES] __attribute__((aligned(16)));

static struct {
  context_t context;
  graph_t graph;
} network;

int kws_setup(void) {
  return graph_allocate(&network.graph, &network.context, 0, model_data, arena_memory, sizeof arena_memory, registrations,
                        (int)(sizeof registrations / sizeof registrations[0]));
}

__attribute__((noinline)) int kws_invoke(void) {
  const uint32_t count = graph_operator_count(&network.graph, 0);
  for (uint32_t index = 0; index < count; ++index) {
    node_t *node = &network.graph.subgraphs[0].nodes[index];
    const int status = node->registration->invoke(&network.context, node);
    if (status != 0) {
      return status;
    }
  }
  return 0;
}

eval_tensor_t *kws_input(void) { return &network.graph.subgraphs[0].tensors[graph_inputs(&network.graph, 0)->data[0]]; }

eval_tensor_t *kws_output(void) { return &network.graph.subgraphs[0].tensors[graph_outputs(&network.graph, 0)->data[0]]; }

uint32_t kws_arena_used_bytes(void) { return arena_used_bytes(network.graph.arena); }

// Operators on 8-bit integers. Every pair is what a registration needs: `prepare` once, then `invoke` each inference.
#ifndef KERNELS_H
#define KERNELS_H

#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

int conv_2d_prepare(context_t *context, node_t *node);
int conv_2d(context_t *context, node_t *node);
int depthwise_conv_2d(context_t *context, node_t *node);
int fully_connected_prepare(context_t *context, node_t *node);
int fully_connected(context_t *context, node_t *node);
int average_pool_2d(context_t *context, node_t *node);
int softmax_prepare(context_t *context, node_t *node);
int softmax(context_t *context, node_t *node);
int add_prepare(context_t *context, node_t *node);
int add(context_t *context, node_t *node);
int reshape(context_t *context, node_t *node);
int less(context_t *context, node_t *node);
int if_branch(context_t *context, node_t *node);
int while_loop(context_t *context, node_t *node);

#ifdef __cplusplus
}
#endif

#endif

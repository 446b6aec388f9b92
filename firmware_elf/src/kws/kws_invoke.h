#ifndef KWS_INVOKE_H
#define KWS_INVOKE_H

#include "graph.h"

// Builds the network from its model. Returns 0 if it fits.
int kws_setup(void);

// One inference: runs every operator in order. Returns 0, or the status of the operator that failed.
int kws_invoke(void);

eval_tensor_t *kws_input(void);
eval_tensor_t *kws_output(void);
uint32_t kws_arena_used_bytes(void);

#endif

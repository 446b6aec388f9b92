// What the file says about a tensor's quantisation: real = scale * (integer - zero point).
#ifndef QUANTIZATION_H
#define QUANTIZATION_H

#include "graph.h"

enum { ACTIVATION_NONE = 0, ACTIVATION_RELU = 1 };

typedef struct {
  const float *scales;
  uint32_t scale_count;
  int32_t zero_point;
} quantization_t;

static inline quantization_t tensor_quantization(const context_t *context, int tensor) {
  const table_t parameters = table_reference(graph_tensor(context, tensor), TENSOR_QUANTIZATION);
  const uint8_t *scales = table_reference(parameters, QUANTIZATION_SCALE);
  const uint8_t *zero_points = table_reference(parameters, QUANTIZATION_ZERO_POINT);
  return (quantization_t){
      .scales = (const float *)(const void *)(scales + 4),
      .scale_count = vector_length(scales),
      // 64 bits wide in the file; an 8-bit tensor's fits in the lower word.
      .zero_point = zero_points != 0 ? *(const int32_t *)(const void *)(zero_points + 4) : 0,
  };
}

static inline int32_t activation_minimum(int activation, int32_t zero_point) {
  return activation == ACTIVATION_RELU && zero_point > INT8_MIN ? zero_point : INT8_MIN;
}

#endif

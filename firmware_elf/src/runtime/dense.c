#include "fixed_point.h"
#include "kernels.h"
#include "quantization.h"

enum { FULLY_CONNECTED_ACTIVATION = 0, ADD_ACTIVATION = 0 };

// Bits by which ADD widens both operands before it scales them.
#define ADD_HEADROOM 20

typedef struct {
  int32_t input_offset, output_offset, minimum;
  scale_t scale;
} fully_connected_data_t;

typedef struct {
  int32_t offsets[2], output_offset, minimum;
  scale_t scales[2], output_scale;
} add_data_t;

int fully_connected_prepare(context_t *context, node_t *node) {
  const quantization_t input = tensor_quantization(context, node->inputs->data[0]);
  const quantization_t filter = tensor_quantization(context, node->inputs->data[1]);
  const quantization_t output = tensor_quantization(context, node->outputs->data[0]);
  fully_connected_data_t *data = context->allocate_persistent_buffer(context, sizeof(fully_connected_data_t));
  if (data == 0) {
    return 1;
  }
  data->input_offset = -input.zero_point;
  data->output_offset = output.zero_point;
  data->minimum = activation_minimum(table_byte(node->builtin_data, FULLY_CONNECTED_ACTIVATION, ACTIVATION_NONE), output.zero_point);
  data->scale = scale_from_factor((double)input.scales[0] * (double)filter.scales[0] / (double)output.scales[0]);
  node->user_data = data;
  return 0;
}

int fully_connected(context_t *context, node_t *node) {
  const fully_connected_data_t *data = node->user_data;
  const eval_tensor_t *filter = node_input(context, node, 1);
  const int8_t *input = node_input(context, node, 0)->data;
  const int32_t *bias = node_input(context, node, 2)->data;
  const eval_tensor_t *output = node_output(context, node, 0);
  const int32_t units = filter->dims->data[0], depth = filter->dims->data[1];
  const int32_t batches = element_count(output->dims) / units;
  const int32_t input_offset = data->input_offset;
  int8_t *target = output->data;
  for (int32_t batch = 0; batch < batches; ++batch, input += depth) {
    const int8_t *weight = filter->data;
    for (int32_t unit = 0; unit < units; ++unit, weight += depth) {
      int32_t sum = bias[unit];
      for (int32_t place = 0; place < depth; ++place) {
        sum += (input[place] + input_offset) * weight[place];
      }
      *target++ = (int8_t)clamp(rescale(sum, data->scale) + data->output_offset, data->minimum, INT8_MAX);
    }
  }
  return 0;
}

int add_prepare(context_t *context, node_t *node) {
  if (node_output(context, node, 0)->type == TYPE_INT32) {
    return 0;
  }
  const quantization_t output = tensor_quantization(context, node->outputs->data[0]);
  add_data_t *data = context->allocate_persistent_buffer(context, sizeof(add_data_t));
  if (data == 0) {
    return 1;
  }
  double scales[2];
  for (int side = 0; side < 2; ++side) {
    const quantization_t input = tensor_quantization(context, node->inputs->data[side]);
    scales[side] = (double)input.scales[0];
    data->offsets[side] = -input.zero_point;
  }
  const double twice_larger = 2.0 * (scales[0] > scales[1] ? scales[0] : scales[1]);
  data->scales[0] = scale_from_factor(scales[0] / twice_larger);
  data->scales[1] = scale_from_factor(scales[1] / twice_larger);
  data->output_scale = scale_from_factor(twice_larger / ((double)(1 << ADD_HEADROOM) * (double)output.scales[0]));
  data->output_offset = output.zero_point;
  data->minimum = activation_minimum(table_byte(node->builtin_data, ADD_ACTIVATION, ACTIVATION_NONE), output.zero_point);
  node->user_data = data;
  return 0;
}

int add(context_t *context, node_t *node) {
  const eval_tensor_t *first = node_input(context, node, 0), *second = node_input(context, node, 1);
  const eval_tensor_t *output = node_output(context, node, 0);
  const int32_t count = element_count(output->dims);
  if (output->type == TYPE_INT32) {
    for (int32_t place = 0; place < count; ++place) {
      ((int32_t *)output->data)[place] = ((const int32_t *)first->data)[place] + ((const int32_t *)second->data)[place];
    }
    return 0;
  }
  const add_data_t *data = node->user_data;
  for (int32_t place = 0; place < count; ++place) {
    const int32_t left = (((const int8_t *)first->data)[place] + data->offsets[0]) * (1 << ADD_HEADROOM);
    const int32_t right = (((const int8_t *)second->data)[place] + data->offsets[1]) * (1 << ADD_HEADROOM);
    const int32_t sum = rescale(left, data->scales[0]) + rescale(right, data->scales[1]);
    ((int8_t *)output->data)[place] = (int8_t)clamp(rescale(sum, data->output_scale) + data->output_offset, data->minimum, INT8_MAX);
  }
  return 0;
}

int reshape(context_t *context, node_t *node) {
  const int8_t *from = node_input(context, node, 0)->data;
  const eval_tensor_t *output = node_output(context, node, 0);
  const int32_t count = element_count(output->dims);
  for (int32_t place = 0; place < count; ++place) {
    ((int8_t *)output->data)[place] = from[place];
  }
  return 0;
}

int less(context_t *context, node_t *node) {
  const int32_t *left = node_input(context, node, 0)->data, *right = node_input(context, node, 1)->data;
  const eval_tensor_t *output = node_output(context, node, 0);
  const int32_t count = element_count(output->dims);
  for (int32_t place = 0; place < count; ++place) {
    ((bool *)output->data)[place] = left[place] < right[place];
  }
  return 0;
}

#include "fixed_point.h"
#include "kernels.h"
#include "quantization.h"

// Fields 0 to 2 are the same in Conv2DOptions, DepthwiseConv2DOptions and Pool2DOptions.
enum { OPTION_PADDING = 0, OPTION_STRIDE_W = 1, OPTION_STRIDE_H = 2, CONV_ACTIVATION = 3, DEPTHWISE_MULTIPLIER = 3, DEPTHWISE_ACTIVATION = 4 };
enum { POOL_FILTER_W = 3, POOL_FILTER_H = 4 };
enum { PADDING_SAME = 0 };

typedef struct {
  int32_t input_offset, output_offset, minimum;
  int32_t stride_h, stride_w, pad_h, pad_w;
  scale_t scales[];
} window_data_t;

// Cells before the first one when the window is centred ('same'), or none.
static int32_t padding_before(int padding, int32_t input, int32_t output, int32_t stride, int32_t filter) {
  const int32_t needed = (output - 1) * stride + filter - input;
  return padding == PADDING_SAME && needed > 0 ? needed / 2 : 0;
}

int conv_2d_prepare(context_t *context, node_t *node) {
  const quantization_t input = tensor_quantization(context, node->inputs->data[0]);
  const quantization_t filter = tensor_quantization(context, node->inputs->data[1]);
  const quantization_t output = tensor_quantization(context, node->outputs->data[0]);
  const int32_t *in_shape = node_input(context, node, 0)->dims->data;
  const int32_t *filter_shape = node_input(context, node, 1)->dims->data;
  const int32_t *out_shape = node_output(context, node, 0)->dims->data;
  const bool depthwise = node->registration->builtin_code == OPERATOR_DEPTHWISE_CONV_2D;
  const int activation = table_byte(node->builtin_data, depthwise ? DEPTHWISE_ACTIVATION : CONV_ACTIVATION, ACTIVATION_NONE);
  const int padding = table_byte(node->builtin_data, OPTION_PADDING, PADDING_SAME);
  const uint32_t channels = (uint32_t)out_shape[3];
  if (filter.scale_count != channels || (depthwise && table_int(node->builtin_data, DEPTHWISE_MULTIPLIER, 0) != 1)) {
    return 1;
  }
  window_data_t *data = context->allocate_persistent_buffer(context, sizeof(window_data_t) + channels * sizeof(scale_t));
  if (data == 0) {
    return 1;
  }
  data->input_offset = -input.zero_point;
  data->output_offset = output.zero_point;
  data->minimum = activation_minimum(activation, output.zero_point);
  data->stride_w = table_int(node->builtin_data, OPTION_STRIDE_W, 0);
  data->stride_h = table_int(node->builtin_data, OPTION_STRIDE_H, 0);
  data->pad_h = padding_before(padding, in_shape[1], out_shape[1], data->stride_h, filter_shape[1]);
  data->pad_w = padding_before(padding, in_shape[2], out_shape[2], data->stride_w, filter_shape[2]);
  for (uint32_t channel = 0; channel < channels; ++channel) {
    data->scales[channel] = scale_from_factor((double)input.scales[0] * (double)filter.scales[channel] / (double)output.scales[0]);
  }
  node->user_data = data;
  return 0;
}

static inline int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

int conv_2d(context_t *context, node_t *node) {
  const window_data_t *data = node->user_data;
  const eval_tensor_t *input = node_input(context, node, 0);
  const eval_tensor_t *filter = node_input(context, node, 1);
  const int32_t *bias = node_input(context, node, 2)->data;
  const eval_tensor_t *output = node_output(context, node, 0);
  const int32_t in_h = input->dims->data[1], in_w = input->dims->data[2], in_channels = input->dims->data[3];
  const int32_t out_h = output->dims->data[1], out_w = output->dims->data[2], out_channels = output->dims->data[3];
  const int32_t filter_h = filter->dims->data[1], filter_w = filter->dims->data[2];
  const int32_t input_offset = data->input_offset;
  int8_t *target = output->data;
  for (int32_t out_y = 0; out_y < out_h; ++out_y) {
    const int32_t top = out_y * data->stride_h - data->pad_h;
    const int32_t y_first = larger(0, -top), y_stop = smaller(filter_h, in_h - top);
    for (int32_t out_x = 0; out_x < out_w; ++out_x) {
      const int32_t left = out_x * data->stride_w - data->pad_w;
      const int32_t x_first = larger(0, -left), x_stop = smaller(filter_w, in_w - left);
      const int32_t run = (x_stop - x_first) * in_channels;
      for (int32_t channel = 0; channel < out_channels; ++channel) {
        int32_t sum = bias[channel];
        for (int32_t y = y_first; y < y_stop; ++y) {
          // Neighbours in a row lie next to each other in the input and in the filter alike.
          const int8_t *cell = (const int8_t *)input->data + ((top + y) * in_w + left + x_first) * in_channels;
          const int8_t *weight = (const int8_t *)filter->data + ((channel * filter_h + y) * filter_w + x_first) * in_channels;
          for (int32_t place = 0; place < run; ++place) {
            sum += (cell[place] + input_offset) * weight[place];
          }
        }
        *target++ = (int8_t)clamp(rescale(sum, data->scales[channel]) + data->output_offset, data->minimum, INT8_MAX);
      }
    }
  }
  return 0;
}

int depthwise_conv_2d(context_t *context, node_t *node) {
  const window_data_t *data = node->user_data;
  const eval_tensor_t *input = node_input(context, node, 0);
  const eval_tensor_t *filter = node_input(context, node, 1);
  const int32_t *bias = node_input(context, node, 2)->data;
  const eval_tensor_t *output = node_output(context, node, 0);
  const int32_t in_h = input->dims->data[1], in_w = input->dims->data[2], channels = input->dims->data[3];
  const int32_t out_h = output->dims->data[1], out_w = output->dims->data[2];
  const int32_t filter_h = filter->dims->data[1], filter_w = filter->dims->data[2];
  const int32_t input_offset = data->input_offset;
  int8_t *target = output->data;
  for (int32_t out_y = 0; out_y < out_h; ++out_y) {
    const int32_t top = out_y * data->stride_h - data->pad_h;
    const int32_t y_first = larger(0, -top), y_stop = smaller(filter_h, in_h - top);
    for (int32_t out_x = 0; out_x < out_w; ++out_x) {
      const int32_t left = out_x * data->stride_w - data->pad_w;
      const int32_t x_first = larger(0, -left), x_stop = smaller(filter_w, in_w - left);
      for (int32_t channel = 0; channel < channels; ++channel) {
        int32_t sum = bias[channel];
        for (int32_t y = y_first; y < y_stop; ++y) {
          const int8_t *cell = (const int8_t *)input->data + ((top + y) * in_w + left + x_first) * channels + channel;
          const int8_t *weight = (const int8_t *)filter->data + (y * filter_w + x_first) * channels + channel;
          for (int32_t x = x_first; x < x_stop; ++x) {
            sum += (*cell + input_offset) * *weight;
            cell += channels;
            weight += channels;
          }
        }
        *target++ = (int8_t)clamp(rescale(sum, data->scales[channel]) + data->output_offset, data->minimum, INT8_MAX);
      }
    }
  }
  return 0;
}

int average_pool_2d(context_t *context, node_t *node) {
  const eval_tensor_t *input = node_input(context, node, 0);
  const eval_tensor_t *output = node_output(context, node, 0);
  const int32_t in_h = input->dims->data[1], in_w = input->dims->data[2], channels = input->dims->data[3];
  const int32_t out_h = output->dims->data[1], out_w = output->dims->data[2];
  const int padding = table_byte(node->builtin_data, OPTION_PADDING, PADDING_SAME);
  const int32_t stride_w = table_int(node->builtin_data, OPTION_STRIDE_W, 0), stride_h = table_int(node->builtin_data, OPTION_STRIDE_H, 0);
  const int32_t filter_w = table_int(node->builtin_data, POOL_FILTER_W, 0), filter_h = table_int(node->builtin_data, POOL_FILTER_H, 0);
  const int32_t pad_h = padding_before(padding, in_h, out_h, stride_h, filter_h);
  const int32_t pad_w = padding_before(padding, in_w, out_w, stride_w, filter_w);
  int8_t *target = output->data;
  for (int32_t out_y = 0; out_y < out_h; ++out_y) {
    const int32_t y_first = larger(0, out_y * stride_h - pad_h), y_stop = smaller(in_h, out_y * stride_h - pad_h + filter_h);
    for (int32_t out_x = 0; out_x < out_w; ++out_x) {
      const int32_t x_first = larger(0, out_x * stride_w - pad_w), x_stop = smaller(in_w, out_x * stride_w - pad_w + filter_w);
      const int32_t count = (y_stop - y_first) * (x_stop - x_first);
      for (int32_t channel = 0; channel < channels; ++channel) {
        int32_t sum = 0;
        for (int32_t y = y_first; y < y_stop; ++y) {
          for (int32_t x = x_first; x < x_stop; ++x) {
            sum += ((const int8_t *)input->data)[(y * in_w + x) * channels + channel];
          }
        }
        const int32_t mean = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
        *target++ = (int8_t)clamp(mean, INT8_MIN, INT8_MAX);
      }
    }
  }
  return 0;
}

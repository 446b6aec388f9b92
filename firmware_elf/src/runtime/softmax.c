// Softmax in integers. exp(x) for x <= 0 is a product of tabulated powers of e and a short polynomial; the division by the
// sum is a multiplication by its reciprocal, found by Newton's iteration. Qm.n: m integer bits, n fractional bits, a sign.
#include "fixed_point.h"
#include "kernels.h"
#include "quantization.h"

enum { SOFTMAX_BETA = 0 };

#define INPUT_INTEGER_BITS 5
#define SUM_INTEGER_BITS 12

typedef struct {
  scale_t scale;
  int32_t smallest_difference;
} softmax_data_t;

int softmax_prepare(context_t *context, node_t *node) {
  const quantization_t input = tensor_quantization(context, node->inputs->data[0]);
  const uint8_t *beta = table_field(node->builtin_data, SOFTMAX_BETA);
  softmax_data_t *data = context->allocate_persistent_buffer(context, sizeof(softmax_data_t));
  if (data == 0 || beta == 0) {
    return 1;
  }
  double factor = (double)*(const float *)(const void *)beta * (double)input.scales[0] * (double)(1 << (31 - INPUT_INTEGER_BITS));
  factor = factor < 2147483647.0 ? factor : 2147483647.0;
  data->scale = scale_from_factor(factor);
  // Below this difference the rescaled input would leave Q5.26.
  data->smallest_difference = -(int32_t)((((int64_t)(1 << INPUT_INTEGER_BITS) - 1) << (31 - INPUT_INTEGER_BITS)) >> data->scale.shift);
  node->user_data = data;
  return 0;
}

// exp(x) for x in [-1/4, 0) as Q0.31: Taylor's polynomial around -1/8.
static int32_t exp_of_small(int32_t value) {
  const int32_t exp_of_minus_eighth = 1895147668;
  const int32_t third = 715827883;
  const int32_t x = value + (1 << 28);
  const int32_t x2 = doubling_high_product(x, x);
  const int32_t x3 = doubling_high_product(x2, x);
  const int32_t x4_over_4 = rounding_shift_right(doubling_high_product(x2, x2), 2);
  const int32_t rest = rounding_shift_right(doubling_high_product(x4_over_4 + x3, third) + x2, 1);
  return exp_of_minus_eighth + doubling_high_product(exp_of_minus_eighth, x + rest);
}

// exp(x) for x <= 0 in Q5.26, as Q0.31.
static int32_t exp_of_negative(int32_t value) {
  // exp(-2^k) for k = -2 .. 4.
  static const int32_t powers[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  const int32_t quarter = 1 << 24;
  if (value == 0) {
    return INT32_MAX;
  }
  const int32_t small = (value & (quarter - 1)) - quarter;
  const int32_t remainder = small - value;
  int32_t result = exp_of_small(saturating_shift_left(small, INPUT_INTEGER_BITS));
  for (int power = 0; power < 7; ++power) {
    if ((remainder & (quarter << power)) != 0) {
      result = doubling_high_product(result, powers[power]);
    }
  }
  return result;
}

// 1 / (1 + x) for x in [0, 1] in Q0.31, as Q0.31.
static int32_t reciprocal_of_one_plus(int32_t value) {
  const int32_t one_q2 = 1 << 29;
  const int64_t twice = (int64_t)value + INT32_MAX;
  const int32_t half_denominator = (int32_t)((twice + 1) / 2);
  // 48/17 - 32/17 d, the best line, then three steps, each doubling the number of right bits.
  int32_t x = 1515870810 + doubling_high_product(half_denominator, -1010580540);
  for (int step = 0; step < 3; ++step) {
    const int32_t error = one_q2 - doubling_high_product(half_denominator, x);
    x += saturating_shift_left(doubling_high_product(x, error), 2);
  }
  return saturating_shift_left(x, 1);
}

int softmax(context_t *context, node_t *node) {
  const softmax_data_t *data = node->user_data;
  const eval_tensor_t *output = node_output(context, node, 0);
  const int8_t *input = node_input(context, node, 0)->data;
  const int32_t depth = output->dims->data[output->dims->size - 1];
  const int32_t rows = element_count(output->dims) / depth;
  int8_t *target = output->data;
  for (int32_t row = 0; row < rows; ++row, input += depth, target += depth) {
    int32_t largest = INT8_MIN;
    for (int32_t place = 0; place < depth; ++place) {
      largest = input[place] > largest ? input[place] : largest;
    }
    int32_t sum = 0;
    for (int32_t place = 0; place < depth; ++place) {
      const int32_t difference = input[place] - largest;
      if (difference >= data->smallest_difference) {
        sum += rounding_shift_right(exp_of_negative(rescale(difference, data->scale)), SUM_INTEGER_BITS);
      }
    }
    const int headroom = __builtin_clz((uint32_t)sum);
    const int32_t fraction = (int32_t)(((uint32_t)sum << headroom) - ((uint32_t)1 << 31));
    const int32_t reciprocal = reciprocal_of_one_plus(fraction);
    for (int32_t place = 0; place < depth; ++place) {
      const int32_t difference = input[place] - largest;
      int32_t value = INT8_MIN;
      if (difference >= data->smallest_difference) {
        const int32_t share = doubling_high_product(reciprocal, exp_of_negative(rescale(difference, data->scale)));
        value += rounding_shift_right(share, SUM_INTEGER_BITS - headroom + 31 - 8);
      }
      target[place] = (int8_t)clamp(value, INT8_MIN, INT8_MAX);
    }
  }
  return 0;
}

// One or several inferences of a small model, then a checksum of the outputs and the arena's use as text.
#include "input.h"
#include "interpreter.h"
#include "kernels.h"
#include "model.h"
#include "text.h"

namespace {

constexpr size_t kArenaBytes = 16 * 1024;
alignas(16) uint8_t arena_memory[kArenaBytes];

#ifdef WITH_PROFILER
class CountingProfiler : public tflite::MicroProfilerInterface {
 public:
  uint32_t BeginEvent(const char *tag) override { return begun_++ + (tag[0] == '\0'); }
  void EndEvent(uint32_t event) override { ended_ += event < begun_; }
  void Observe(const node_t *node) override { inputs_ += static_cast<uint32_t>(node->inputs->size); }
  bool IsBalanced() const { return begun_ == ended_ && inputs_ != 0; }

 private:
  uint32_t begun_ = 0;
  uint32_t ended_ = 0;
  uint32_t inputs_ = 0;
};
#endif

void AddOperators(tflite::MicroMutableOpResolver &resolver) {
  resolver.Add(OPERATOR_CONV_2D, conv_2d_prepare, conv_2d);
  resolver.Add(OPERATOR_DEPTHWISE_CONV_2D, conv_2d_prepare, depthwise_conv_2d);
  resolver.Add(OPERATOR_ADD, add_prepare, add);
  resolver.Add(OPERATOR_AVERAGE_POOL_2D, nullptr, average_pool_2d);
  resolver.Add(OPERATOR_RESHAPE, nullptr, reshape);
  resolver.Add(OPERATOR_FULLY_CONNECTED, fully_connected_prepare, fully_connected);
  resolver.Add(OPERATOR_SOFTMAX, softmax_prepare, softmax);
#ifdef WITH_CONTROL_FLOW
  resolver.Add(OPERATOR_LESS, nullptr, less);
  resolver.Add(OPERATOR_IF, nullptr, if_branch);
  resolver.Add(OPERATOR_WHILE, nullptr, while_loop);
#endif
}

uint32_t Checksum(const eval_tensor_t *tensor, uint32_t sum) {
  const int32_t bytes = element_count(tensor->dims) * (tensor->type == TYPE_INT32 ? 4 : 1);
  for (int32_t place = 0; place < bytes; ++place) {
    sum = sum * 31u + static_cast<const uint8_t *>(tensor->data)[place];
  }
  return sum;
}

int Fail(const char *what) {
  print_text(what);
  return 1;
}

#ifdef MODEL_IN_RAM
// A model that came over a wire, or was unpacked: RAM holds it only once the program has put it there.
constexpr size_t kModelBytes = 8 * 1024;
alignas(16) uint8_t model_memory[kModelBytes];
#else
constexpr const uint8_t *model_memory = model_data;
#endif

// In RAM from the start, as a program's interpreter usually is.
tflite::MicroMutableOpResolver resolver;
tflite::MicroInterpreter interpreter(model_memory, resolver, arena_memory, kArenaBytes);
#ifdef WITH_PROFILER
CountingProfiler profiler;
#endif

}  // namespace

int main() {
#ifdef MODEL_IN_RAM
  for (const uint8_t *from = model_data; from != model_data_end; ++from) {
    model_memory[from - model_data] = *from;
  }
#endif
  AddOperators(resolver);
#ifdef WITH_PROFILER
  interpreter.SetProfiler(&profiler);
#endif
#ifdef FIRST_INVOKE_ALLOCATES
  // Nobody called AllocateTensors: the first inference does, over whatever its input holds.
  if (interpreter.Invoke() != 0) {
    return Fail("first inference failed\n");
  }
#else
  if (interpreter.AllocateTensors() != 0) {
    return Fail("AllocateTensors failed\n");
  }
#endif
  const eval_tensor_t *input = interpreter.input(0);
  fill_with_noise(static_cast<int8_t *>(input->data), element_count(input->dims), INPUT_SEED);
  if (interpreter.Invoke() != 0) {
    return Fail("inference failed\n");
  }
#ifdef WITH_PROFILER
  if (!profiler.IsBalanced()) {
    return Fail("profiler out of balance\n");
  }
#endif
  uint32_t sum = 0;
  for (int index = 0; index < interpreter.outputs(); ++index) {
    sum = Checksum(interpreter.output(index), sum);
  }
  print_text("checksum ");
  print_hexadecimal(sum);
  print_text("\narena ");
  print_signed(static_cast<int32_t>(interpreter.arena_used_bytes()));
  print_text("\n");
  return 0;
}

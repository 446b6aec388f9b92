// Keyword spotting on a made-up spectrogram: one inference, its scores and the arena's use as text.
#include "input.h"
#include "kws_invoke.h"
#include "text.h"

int main(void) {
  if (kws_setup() != 0) {
    print_text("set-up failed\n");
    return 1;
  }
  const eval_tensor_t *input = kws_input();
  fill_with_noise(input->data, element_count(input->dims), INPUT_SEED);
  const int status = kws_invoke();
  if (status != 0) {
    print_text("inference failed\n");
    return status;
  }
  const eval_tensor_t *output = kws_output();
  const int32_t scores = element_count(output->dims);
  for (int32_t place = 0; place < scores; ++place) {
    print_text(place == 0 ? "scores " : " ");
    print_signed(((const int8_t *)output->data)[place]);
  }
  print_text("\narena ");
  print_signed((int32_t)kws_arena_used_bytes());
  print_text("\n");
  return 0;
}

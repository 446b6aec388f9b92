// Ends by the older SYS_EXIT, which on a 32-bit target carries a reason and no status.
#include "semihosting.h"
#include "text.h"

int main(void) {
  print_text("leaving\n");
  (void)semihosting_call(SYS_EXIT, ADP_STOPPED_APPLICATION_EXIT);
  return 1;
}

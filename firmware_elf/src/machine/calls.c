// Every semihosting call that a program without a board may need, and two that no host should grant.
#include "semihosting.h"
#include "text.h"

static void report(const char *what, int passed) {
  print_text(what);
  print_text(passed ? " ok\n" : " WRONG\n");
}

int main(void) {
  const char letter = 'A';
  (void)semihosting_call(SYS_WRITEC, (intptr_t)&letter);
  print_text("BC\n");

  const char line[] = "written\n";
  const intptr_t to_console[3] = {1, (intptr_t)line, sizeof line - 1};
  report("write", semihosting_call(SYS_WRITE, (intptr_t)to_console) == 0);

  const intptr_t clock = semihosting_call(SYS_CLOCK, 0);
  uint64_t before = 0, after = 0;
  const intptr_t first = semihosting_call(SYS_ELAPSED, (intptr_t)&before);
  const intptr_t second = semihosting_call(SYS_ELAPSED, (intptr_t)&after);
  report("clock", clock >= 0);
  report("elapsed", first == 0 && second == 0 && after >= before);

  const char file[] = "semihosting-must-not-make-this-file.txt";
  const intptr_t open_to_write[3] = {(intptr_t)file, 4, sizeof file - 1};
  report("open refused", semihosting_call(SYS_OPEN, (intptr_t)open_to_write) == -1);
  const char command[] = "echo semihosting must not run this";
  const intptr_t run[2] = {(intptr_t)command, sizeof command - 1};
  report("system refused", semihosting_call(SYS_SYSTEM, (intptr_t)run) == -1);
  return 42;
}

// Measures what instructions cost on the core it runs on, and prints one line for each kind. The text is what `instsim characterize` reads.
// In a project of one's own: add microbenchmark.c and rows_arm.S or rows_riscv.S, and call microbenchmark_run from main.
#ifndef MICROBENCHMARK_H
#define MICROBENCHMARK_H

#ifdef __cplusplus
extern "C" {
#endif

// Runs everything, privileged and with interrupts masked while it measures; hands each line with its newline to `print`.
// Needs some 8 KB of RAM and 12 KB of flash.
void microbenchmark_run(void (*print)(const char *text));

#ifdef __cplusplus
}
#endif

#endif

# Start-up of the RV32 images: stack, global pointer, .data, .bss, constructors, main, exit.
    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, __stack_top
    .option push
    .option arch, +zicsr
    la t0, trap_loop
    csrw mtvec, t0
    .option pop
    la a0, __data_load
    la a1, __data_start
    la a2, __data_end
1:  bgeu a1, a2, 2f
    lw t0, 0(a0)
    sw t0, 0(a1)
    addi a0, a0, 4
    addi a1, a1, 4
    j 1b
2:  la a1, __bss_start
    la a2, __bss_end
3:  bgeu a1, a2, 4f
    sw zero, 0(a1)
    addi a1, a1, 4
    j 3b
4:  la s0, __init_array_start
    la s1, __init_array_end
5:  bgeu s0, s1, 6f
    lw t0, 0(s0)
    jalr t0
    addi s0, s0, 4
    j 5b
6:  call main
    tail semihosting_exit
    .size _start, . - _start

    # An unexpected trap stays where it is.
    .balign 4
    .globl trap_loop
    .type trap_loop, @function
trap_loop:
    j trap_loop
    .size trap_loop, . - trap_loop

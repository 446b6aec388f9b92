# Trap entry of the RV32 samples. `trap_entry` keeps all registers on the interrupted stack and lets trap_handler choose which stack goes on;
# `vector_entry` is a table for the vectored mode.
    .option arch, +zicsr
    .text
    .balign 4
    .globl trap_entry
    .type trap_entry, @function
trap_entry:
    addi sp, sp, -128
    sw x1, 4(sp)
    .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sw x\n, 4*\n(sp)
    .endr
    csrr t0, mepc
    sw t0, 0(sp)
    csrr t1, mstatus
    sw t1, 8(sp)
    csrr a0, mcause
    mv a1, sp
    call trap_handler
    mv sp, a0
    lw t0, 0(sp)
    csrw mepc, t0
    lw t1, 8(sp)
    csrw mstatus, t1
    lw x1, 4(sp)
    .irp n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    lw x\n, 4*\n(sp)
    .endr
    addi sp, sp, 128
    mret
    .size trap_entry, . - trap_entry

    .balign 256
    .globl vector_entry
    .type vector_entry, @function
vector_entry:
    .option push
    .option norvc
    .rept 3
    j trap_entry
    .endr
    j software_entry
    .rept 3
    j trap_entry
    .endr
    j timer_entry
    .rept 4
    j trap_entry
    .endr
    .option pop
    .size vector_entry, . - vector_entry

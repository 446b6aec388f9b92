/* The tables by which firmware finds an RP2040's ROM functions (RP2040 datasheet 2.8.3): two letters and an address each. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .rodata.tables, "a"
    .balign 4

.macro entry first, second, name
    .ascii "\first\second"
    .hword \name + 1
.endm

    .global rom_function_table
rom_function_table:
    entry P, 3, rom_popcount32
    entry R, 3, rom_reverse32
    entry L, 3, rom_clz32
    entry T, 3, rom_ctz32
    entry M, S, rom_memset
    entry S, 4, rom_memset
    entry M, C, rom_memcpy
    entry C, 4, rom_memcpy
    entry I, F, rom_nothing
    entry E, X, rom_nothing
    entry R, E, rom_nothing
    entry R, P, rom_nothing
    entry F, C, rom_nothing
    entry C, X, rom_nothing
    .hword 0, 0

    .global rom_data_table
rom_data_table:
    .ascii "GR"
    .hword rom_revision
    .ascii "CR"
    .hword rom_text
    .ascii "SF"
    .hword rom_float_table
    .ascii "SD"
    .hword rom_double_table
    .hword 0, 0

    .balign 4
rom_revision:
    .word 0
rom_text:
    .asciz "instsim"
    .balign 4
    .byte 0, 0, 32, 0

    .global rom_float_table
rom_float_table:
    .word rom_fadd, rom_fsub, rom_fmul, rom_fdiv, rom_fcmp, rom_compare_float, rom_fsqrt
    .word rom_float2int, rom_float2fix, rom_float2uint, rom_float2ufix, rom_int2float, rom_fix2float, rom_uint2float, rom_ufix2float
    .word rom_fcos, rom_fsincos, rom_ftan, rom_fsincos, rom_fexp, rom_fln, rom_fcmp, rom_fatan2
    .word rom_int642float, rom_fix642float, rom_uint642float, rom_ufix642float
    .word rom_float2int64, rom_float2fix64, rom_float2uint64, rom_float2ufix64, rom_float2double

    .global rom_double_table
rom_double_table:
    .word rom_dadd, rom_dsub, rom_dmul, rom_ddiv, rom_dcmp, rom_compare_double, rom_dsqrt
    .word rom_double2int, rom_double2fix, rom_double2uint, rom_double2ufix, rom_int2double, rom_fix2double, rom_uint2double, rom_ufix2double
    .word rom_dcos, rom_dsin, rom_dtan, rom_dsincos, rom_dexp, rom_dln, rom_dcmp, rom_datan2
    .word rom_int642double, rom_fix642double, rom_uint642double, rom_ufix642double
    .word rom_double2int64, rom_double2fix64, rom_double2uint64, rom_double2ufix64, rom_double2float

.macro function name
    .section .text.\name, "ax"
    .global \name
    .type \name, %function
    .thumb_func
    .balign 4
\name:
.endm

/* Flags as a comparison leaves them, registers unharmed. */
function rom_compare_float
    push {r0, r1, r2, r3, lr}
    bl rom_fcmp
    cmp r0, #0
    pop {r0, r1, r2, r3, pc}
    .size rom_compare_float, . - rom_compare_float

function rom_compare_double
    push {r0, r1, r2, r3, lr}
    bl rom_dcmp
    cmp r0, #0
    pop {r0, r1, r2, r3, pc}
    .size rom_compare_double, . - rom_compare_double

function rom_table_lookup
1:  ldrh r2, [r0]
    ldrh r3, [r0, #2]
    adds r0, #4
    cmp r2, r1
    beq 2f
    cmp r2, #0
    bne 1b
2:  mov r0, r3
    bx lr
    .size rom_table_lookup, . - rom_table_lookup

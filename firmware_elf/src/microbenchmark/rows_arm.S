// Rows for Cortex-M. In a loop: r7 turns left, r6 a block of words in RAM whose first holds its own address, r5 a long array to read,
// r4 = 0, r3 = 8, r0 to r2 small numbers.
  .syntax unified
  .thumb
#include "row.inc"

  .macro loop symbol, unit, count, prepare
  .balign 32
  .globl \symbol
  .type \symbol, %function
  .thumb_func
\symbol:
  push {r4-r7, lr}
  mov r7, r0
  mov r6, r1
  mov r5, r2
  movs r0, #1
  movs r1, #5
  movs r2, #3
  movs r3, #8
  movs r4, #0
  \prepare
  .balign 32
2:
  .rept \count
  \unit
  .endr
  subs r7, #1
  beq 9f
  b 2b
9:
  pop {r4-r7, pc}
  .balign 4
8:
  bx lr
  .size \symbol, . - \symbol
  .endm

  .macro unit_alu
  adds r0, r0, r1
  .endm
  .macro unit_alu_independent
  adds r0, r1, r4
  adds r2, r1, r4
  .endm
  .macro unit_shift
  lsls r0, r0, #1
  .endm
  .macro unit_extend
  sxtb r0, r0
  .endm
  .macro unit_multiply
  muls r0, r1, r0
  .endm
  .macro unit_multiply_independent
  muls r0, r4, r0
  muls r1, r4, r1
  muls r2, r4, r2
  .endm
  .macro unit_load
  ldr r0, [r6, #4]
  adds r1, r1, r4
  .endm
  .macro unit_load_byte
  ldrb r0, [r6, #4]
  adds r1, r1, r4
  .endm
  .macro unit_load_indexed
  ldr r0, [r6, r3]
  adds r1, r1, r4
  .endm
  .macro unit_load_pair
  ldr r0, [r6, #4]
  ldr r1, [r6, #8]
  .endm
  .macro unit_load_use
  ldr r0, [r6, #4]
  adds r1, r0, r4
  .endm
  .macro unit_load_address
  ldr r6, [r6]
  .endm
  .macro unit_store
  str r0, [r6, #8]
  adds r1, r1, r4
  .endm
  .macro unit_store_indexed
  str r0, [r6, r3]
  adds r1, r1, r4
  .endm
  .macro unit_store_pair
  str r0, [r6, #8]
  str r1, [r6, #12]
  .endm
  .macro unit_store_load
  str r0, [r6, #8]
  ldr r1, [r6, #12]
  .endm
  .macro unit_push_pop
  push {r0-r3}
  pop {r0-r3}
  .endm
  // No flag that the loop sets makes `beq` jump before its last turn.
  .macro unit_branch_not_taken
  beq 9f
  mov r8, r8
  .endm
  .macro unit_branch_taken
  bne 1f
  nop
1:
  .endm
  // A loop of sixteen turns: what a branch predictor makes of it.
  .macro unit_loop
  movs r0, #16
1:
  subs r0, #1
  bne 1b
  nop
  .endm
  .macro unit_jump
  b 1f
  nop
1:
  .endm
  .macro unit_call_return
  bl 8f
  .endm
  .macro prepare_call
  adr r5, 8f
  adds r5, #1
  .endm
  .macro unit_call_indirect
  blx r5
  nop
  .endm
  .macro unit_read
  ldmia r5!, {r0-r3}
  .endm
  .macro unit_copy
  ldmia r5!, {r0-r3}
  stmia r6!, {r0-r3}
  subs r6, #16
  nop
  .endm
  .macro unit_straight
  .rept 8
  adds r0, r0, r1
  .endr
  .endm

  // Not taken until the loop has set flags: a result that is not zero.
  .macro prepare_flags
  movs r0, #1
  .endm

  row empty, nothing, short=0, long=0
  row alu, unit_alu
  row alu_independent, unit_alu_independent
  row shift, unit_shift
  row extend, unit_extend
  row multiply, unit_multiply
  row multiply_independent, unit_multiply_independent
  row load, unit_load
  row load_byte, unit_load_byte
  row load_indexed, unit_load_indexed
  row load_pair, unit_load_pair
  row load_use, unit_load_use
  row load_address, unit_load_address
  row store, unit_store
  row store_indexed, unit_store_indexed
  row store_pair, unit_store_pair
  row store_load, unit_store_load
  row push_pop, unit_push_pop
  row branch_not_taken, unit_branch_not_taken, prepare=prepare_flags
  row branch_taken, unit_branch_taken, prepare=prepare_flags
  row loop, unit_loop
  row jump, unit_jump
  row call_return, unit_call_return
  row call_indirect, unit_call_indirect, prepare=prepare_call

#if __ARM_ARCH_ISA_THUMB >= 2
  .macro unit_alu_wide
  add.w r0, r0, r1
  .endm
  .macro unit_shifted_alu
  add.w r0, r1, r0, lsl #2
  .endm
  .macro unit_bitfield
  ubfx r0, r0, #1, #8
  .endm
  .macro unit_saturate
  ssat r0, #8, r0
  .endm
  .macro unit_multiply_accumulate
  mla r0, r1, r2, r0
  .endm
  .macro unit_long_multiply
  umull r0, r1, r2, r3
  .endm
  .macro unit_long_multiply_accumulate
  smlal r0, r1, r2, r3
  .endm
  .macro prepare_divide_short
  mvn r1, #0
  mvn r2, #15
  .endm
  .macro prepare_divide_long
  mvn r1, #0
  movs r2, #1
  .endm
  .macro unit_divide
  udiv r0, r1, r2
  .endm
  .macro unit_load_double
  ldrd r0, r1, [r6, #8]
  .endm
  .macro unit_load_writeback
  ldr r0, [r6], #4
  ldr r1, [r6], #-4
  .endm
  .macro unit_predicated
  it ne
  addne r0, r0, r1
  .endm

  row alu_wide, unit_alu_wide
  row shifted_alu, unit_shifted_alu
  row bitfield, unit_bitfield
  row saturate, unit_saturate
  row multiply_accumulate, unit_multiply_accumulate
  row long_multiply, unit_long_multiply
  row long_multiply_accumulate, unit_long_multiply_accumulate
  row divide_short, unit_divide, prepare=prepare_divide_short
  row divide_long, unit_divide, prepare=prepare_divide_long
  row load_double, unit_load_double
  row load_writeback, unit_load_writeback
  row predicated, unit_predicated, prepare=prepare_flags
#endif

#if defined(__ARM_FEATURE_SIMD32)
  .macro unit_dsp_extend
  sxtb16 r0, r0
  .endm
  .macro unit_dsp_add
  sadd16 r0, r0, r1
  .endm
  .macro unit_dsp_multiply_accumulate
  smlad r0, r1, r2, r0
  .endm
  .macro unit_dsp_long_accumulate
  smlald r0, r1, r2, r3
  .endm

  row dsp_extend, unit_dsp_extend
  row dsp_add, unit_dsp_add
  row dsp_multiply_accumulate, unit_dsp_multiply_accumulate
  row dsp_long_accumulate, unit_dsp_long_accumulate
#endif

#if defined(__ARM_FP) && (__ARM_FP & 4)
  .macro prepare_float
  vmov.f32 s0, #1.0
  vmov.f32 s1, #1.5
  vmov.f32 s2, #1.0
  vmov.f32 s3, #1.0
  .endm
  .macro unit_fp_add
  vadd.f32 s0, s0, s2
  .endm
  .macro unit_fp_add_independent
  vadd.f32 s0, s1, s2
  vadd.f32 s3, s1, s2
  .endm
  .macro unit_fp_multiply
  vmul.f32 s0, s0, s2
  .endm
  .macro unit_fp_multiply_accumulate
  vmla.f32 s0, s1, s2
  .endm
  .macro unit_fp_divide
  vdiv.f32 s0, s1, s2
  .endm
  .macro unit_fp_load
  vldr s0, [r6, #4]
  .endm
  .macro unit_fp_store
  vstr s1, [r6, #8]
  .endm
  .macro unit_fp_convert
  vcvt.f32.s32 s0, s1
  .endm
  .macro unit_fp_core_move
  vmov r0, s1
  .endm

  row fp_add, unit_fp_add, prepare=prepare_float
  row fp_add_independent, unit_fp_add_independent, prepare=prepare_float
  row fp_multiply, unit_fp_multiply, prepare=prepare_float
  row fp_multiply_accumulate, unit_fp_multiply_accumulate, prepare=prepare_float
  row fp_divide, unit_fp_divide, prepare=prepare_float
  row fp_load, unit_fp_load, prepare=prepare_float
  row fp_store, unit_fp_store, prepare=prepare_float
  row fp_convert, unit_fp_convert, prepare=prepare_float
  row fp_core_move, unit_fp_core_move, prepare=prepare_float
#endif

#include "memory_rows.inc"

// Rows for RV32IMC. In a loop: s1 turns left, s0 a block of words in RAM whose first holds its own address, a5 a long array to read,
// a4 = 0, a0 to a3 small numbers, a7 an address to call.
#include "row.inc"

  .macro loop symbol, unit, count, prepare
  .balign 32
  .globl \symbol
  .type \symbol, @function
\symbol:
  addi sp, sp, -16
  sw ra, 12(sp)
  sw s1, 8(sp)
  sw s0, 4(sp)
  mv s1, a0
  mv s0, a1
  mv a5, a2
  li a0, 1
  li a1, 5
  li a2, 3
  li a3, 8
  li a4, 0
  \prepare
  .balign 32
2:
  .rept \count
  \unit
  .endr
  addi s1, s1, -1
  beqz s1, 9f
  j 2b
9:
  lw ra, 12(sp)
  lw s1, 8(sp)
  lw s0, 4(sp)
  addi sp, sp, 16
  ret
  .balign 4
8:
  ret
  .size \symbol, . - \symbol
  .endm

  .macro unit_alu
  add a0, a0, a1
  .endm
  .macro unit_alu_independent
  add a0, a0, a4
  add a2, a2, a4
  .endm
  .macro unit_alu_wide
  .option push
  .option norvc
  add a0, a0, a1
  .option pop
  .endm
  .macro unit_shift
  slli a0, a0, 1
  .endm
  .macro unit_shift_register
  sll a0, a1, a2
  .endm
  .macro unit_multiply
  mul a0, a1, a0
  .endm
  .macro unit_multiply_independent
  mul a0, a0, a4
  mul a1, a1, a4
  mul a2, a2, a4
  mul a3, a3, a4
  .endm
  .macro unit_multiply_use
  mul a0, a1, a2
  add a3, a0, a4
  nop
  .endm
  .macro unit_multiply_high
  mulhu a0, a1, a2
  .endm
  .macro unit_load
  lw a0, 4(s0)
  add a1, a1, a4
  .endm
  .macro unit_load_byte
  lbu a0, 4(s0)
  .endm
  .macro unit_load_pair
  lw a0, 4(s0)
  lw a1, 8(s0)
  .endm
  .macro unit_load_use
  lw a0, 4(s0)
  add a1, a1, a0
  .endm
  .macro unit_load_address
  lw s0, 0(s0)
  .endm
  .macro unit_store
  sw a0, 8(s0)
  add a1, a1, a4
  .endm
  .macro unit_store_pair
  sw a0, 8(s0)
  sw a1, 12(s0)
  .endm
  .macro unit_store_load
  sw a0, 8(s0)
  lw a1, 12(s0)
  .endm
  .macro prepare_divide_short
  li a1, -1
  li a2, -16
  .endm
  .macro prepare_divide_long
  li a1, -1
  li a2, 1
  .endm
  .macro unit_divide
  divu a0, a1, a2
  .endm
  .macro unit_remainder
  remu a0, a1, a2
  .endm
  .macro unit_branch_not_taken
  beqz s1, 9f
  add a1, a1, a4
  .endm
  .macro unit_branch_taken
  bnez s1, 1f
  nop
1:
  .endm
  // A loop of sixteen turns: what a branch predictor makes of it.
  .macro unit_loop
  li a0, 16
1:
  addi a0, a0, -1
  bnez a0, 1b
  nop
  .endm
  .macro unit_jump
  j 1f
  nop
1:
  .endm
  .macro unit_call_return
  .option push
  .option norvc
  jal 8f
  .option pop
  .endm
  .macro prepare_call
  la a7, 8f
  .endm
  .macro unit_call_indirect
  jalr a7
  nop
  .endm
  .macro unit_read
  lw a0, 0(a5)
  lw a1, 4(a5)
  lw a2, 8(a5)
  lw a3, 12(a5)
  addi a5, a5, 16
  nop
  .endm
  .macro unit_copy
  lw a0, 0(a5)
  lw a1, 4(a5)
  lw a2, 8(a5)
  lw a3, 12(a5)
  sw a0, 0(s0)
  sw a1, 4(s0)
  sw a2, 8(s0)
  sw a3, 12(s0)
  addi a5, a5, 16
  nop
  .endm
  .macro unit_straight
  .rept 8
  add a0, a0, a1
  .endr
  .endm
  // The flags that the rows of memory ask for on Arm.
  .macro prepare_flags
  .endm

  row empty, nothing, short=0, long=0
  row alu, unit_alu
  row alu_independent, unit_alu_independent
  row alu_wide, unit_alu_wide
  row shift, unit_shift
  row shift_register, unit_shift_register
  row multiply, unit_multiply
  row multiply_independent, unit_multiply_independent
  row multiply_use, unit_multiply_use
  row multiply_high, unit_multiply_high
  row load, unit_load
  row load_byte, unit_load_byte
  row load_pair, unit_load_pair
  row load_use, unit_load_use
  row load_address, unit_load_address
  row store, unit_store
  row store_pair, unit_store_pair
  row store_load, unit_store_load
  row divide_short, unit_divide, prepare=prepare_divide_short
  row divide_long, unit_divide, prepare=prepare_divide_long
  row remainder_short, unit_remainder, prepare=prepare_divide_short
  row remainder_long, unit_remainder, prepare=prepare_divide_long
  row branch_not_taken, unit_branch_not_taken
  row branch_taken, unit_branch_taken
  row loop, unit_loop
  row jump, unit_jump
  row call_return, unit_call_return
  row call_indirect, unit_call_indirect, prepare=prepare_call

#include "memory_rows.inc"

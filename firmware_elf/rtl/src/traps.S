/* What traps cost, on any RV32 core with machine mode: pieces of code timed by mcycle, printed by stores to 0x8000_0010.
   A store of n to 0x8000_0000 raises the software interrupt n cycles later, a store of 0 drops it; one to 0x8000_0020 ends the run.
   OFFSET: 12 for cores whose interrupts are always vectored, else 0. HAZARD3: its counters stand still after reset.
   Twenty figures: a nop, csrr mepc, csrw mscratch, a store and an ecall, each between nops, four times over; then a stretch of nops without
   interrupt, four times, and what an interrupt adds to it, by when it comes. */
.option norvc
.section .text
.org 0
 j start
.org 0x80
start:
 li s0, 0x80000000
 la t0, handler_e
 csrw mtvec, t0
#ifdef HAZARD3
 csrw 0x320, zero
#endif
.macro report reg
 sw \reg, 16(s0)
 nop
 nop
.endm
.macro time_it body:vararg
 .balign 16
 csrr a0, mcycle
 nop
 nop
 \body
 nop
 nop
 nop
 nop
 csrr a1, mcycle
 sub a4, a1, a0
 report a4
.endm
 li s5, 4
again:
 time_it nop
 time_it csrr t1, mepc
 time_it csrw mscratch, t1
 time_it sw zero, 0(s0)
 time_it ecall
 addi s5, s5, -1
 bnez s5, again
 la t0, handler_i - OFFSET
 csrw mtvec, t0
 li t0, 8
 csrs mie, t0
 csrsi mstatus, 8
 li s6, -3
loop:
 mv a6, s6
 bgtz s6, 5f
 li a6, 0
5:
 .balign 16
 csrr a0, mcycle
 nop
 sw a6, 0(s0)
 .rept 48
 nop
 .endr
 csrr a1, mcycle
 sub a4, a1, a0
 bgtz s6, 1f
 mv s7, a4      # baseline
 report a4
 j 2f
1:
 sub a4, a4, s7
 report a4      /* all that the interrupt took */
2:
 addi s6, s6, 1
 li t0, 1
 bne s6, t0, 3f
 li s6, 5
3:
 li t0, 24
 blt s6, t0, loop
 sw zero, 32(s0)
4: j 4b
 .balign 256
handler_e:
 nop
 nop
 csrr t1, mepc
 nop
 addi t1, t1, 4
 nop
 csrw mepc, t1
 nop
 nop
 nop
 mret
 .balign 256
 .space OFFSET
handler_i:
 nop
 nop
 nop
 nop
 sw zero, 0(s0)
 nop
 nop
 nop
 nop
 mret

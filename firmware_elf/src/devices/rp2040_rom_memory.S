/* Copies, fills and bit counts under the names that the tables of an RP2040's boot ROM lead to (RP2040 datasheet 2.8.3.1). Short copies and
   fills run down a ladder, long ones go by words where both ends are aligned alike. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

.macro function name
    .section .text.\name, "ax"
    .global \name
    .type \name, %function
    .thumb_func
    .balign 4
\name:
.endm

.macro swap step, mask
    ldr r1, =\mask
    lsrs r2, r0, #\step
    ands r2, r1
    ands r0, r1
    lsls r0, r0, #\step
    orrs r0, r2
.endm

function rom_memcpy
    cmp r2, #8
    bcs 2f
    lsls r2, r2, #2
    adr r3, 1f
    subs r3, r3, r2
    /* The chip's own takes 29 cycles for four bytes. */
    nop
    nop
    nop
    nop
    mov pc, r3
    .balign 4
    .irp place, 6, 5, 4, 3, 2, 1, 0
    ldrb r3, [r1, #\place]
    strb r3, [r0, #\place]
    .endr
1:  bx lr
2:  push {r0, r4, r5, r6, lr}
    mov r3, r0
    eors r3, r1
    lsls r3, r3, #30
    bne 7f
3:  lsls r3, r0, #30
    beq 4f
    ldrb r3, [r1]
    strb r3, [r0]
    adds r0, #1
    adds r1, #1
    subs r2, #1
    b 3b
4:  subs r2, #16
    bcc 6f
5:  ldmia r1!, {r3, r4, r5, r6}
    stmia r0!, {r3, r4, r5, r6}
    subs r2, #16
    bcs 5b
6:  adds r2, #12
    bmi 8f
    ldmia r1!, {r3}
    stmia r0!, {r3}
    subs r2, #16
    b 6b
8:  adds r2, #4
    beq 9f
7:  subs r2, #1
    ldrb r3, [r1, r2]
    strb r3, [r0, r2]
    bne 7b
9:  pop {r0, r4, r5, r6, pc}
    .size rom_memcpy, . - rom_memcpy

function rom_memset
    push {r0, r4, r5, lr}
    uxtb r1, r1
    lsls r3, r1, #8
    orrs r1, r3
    lsls r3, r1, #16
    orrs r1, r3
1:  lsls r3, r0, #30
    beq 2f
    subs r2, #1
    bcc 6f
    strb r1, [r0]
    adds r0, #1
    b 1b
2:  mov r3, r1
    mov r4, r1
    mov r5, r1
    subs r2, #16
    bcc 4f
3:  stmia r0!, {r1, r3, r4, r5}
    subs r2, #16
    bcs 3b
4:  adds r2, #16
5:  subs r2, #1
    bcc 6f
    strb r1, [r0, r2]
    b 5b
6:  pop {r0, r4, r5, pc}
    .size rom_memset, . - rom_memset

/* Binary search for the highest bit set; 32 of zero. */
function rom_clz32
    movs r2, #32
    .irp step, 16, 8, 4, 2
    lsrs r3, r0, #\step
    beq 1f
    mov r0, r3
    subs r2, #\step
1:
    .endr
    lsrs r3, r0, #1
    beq 2f
    subs r2, #1
    mov r0, r3
2:  subs r0, r2, r0
    bx lr
    .size rom_clz32, . - rom_clz32

function rom_ctz32
    movs r1, #0
    subs r1, r1, r0
    ands r0, r1
    beq 1f
    push {lr}
    bl rom_clz32
    movs r1, #31
    subs r0, r1, r0
    pop {pc}
1:  movs r0, #32
    bx lr
    .size rom_ctz32, . - rom_ctz32

function rom_popcount32
    ldr r1, =0x55555555
    lsrs r2, r0, #1
    ands r2, r1
    subs r0, r0, r2
    ldr r1, =0x33333333
    mov r2, r0
    ands r2, r1
    lsrs r0, r0, #2
    ands r0, r1
    adds r0, r0, r2
    lsrs r2, r0, #4
    adds r0, r0, r2
    ldr r1, =0x0F0F0F0F
    ands r0, r1
    ldr r1, =0x01010101
    muls r0, r1
    lsrs r0, r0, #24
    bx lr
    .pool
    .size rom_popcount32, . - rom_popcount32

function rom_reverse32
    swap 1, 0x55555555
    swap 2, 0x33333333
    swap 4, 0x0F0F0F0F
    rev r0, r0
    bx lr
    .pool
    .size rom_reverse32, . - rom_reverse32

function rom_nothing
    bx lr
    .size rom_nothing, . - rom_nothing

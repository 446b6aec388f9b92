    .section .rodata.model_data, "a"
    .balign 16
    .globl model_data
    .type model_data, %object
model_data:
    .incbin MODEL_FILE
    .size model_data, . - model_data
    .globl model_data_end
model_data_end:
    .balign 16
#if defined(__arm__)
    .section .note.GNU-stack, "", %progbits
#endif

/* Where firmware expects the functions of an ESP32-C3's ROM: a table of jumps of four bytes each, whose places ESP-IDF names in
   components/esp_rom/esp32c3/ld/esp32c3.rom.ld and its neighbours. `have` is a function that stands in; `lack` one that does not exist here. */
    .section .romtable, "ax"
    .option norvc
    .option norelax

table:
.macro at address
    .org \address - 0x40000000
.endm
.macro have name, code
    .globl slot_\name
    .type slot_\name, @function
slot_\name:
    j \code
    .size slot_\name, 4
.endm
.macro lack names:vararg
    .irp name, \names
    .globl lack_\name
    .type lack_\name, @function
lack_\name:
    .word 0
    .size lack_\name, 4
    .endr
.endm
.macro nothing names:vararg
    .irp name, \names
    have \name, rom_nothing
    .endr
.endm
.macro same names:vararg
    .irp name, \names
    have \name, \name
    .endr
.endm

    at 0x40000018
    have rtc_get_reset_reason, rom_one
    nothing analog_super_wdt_reset_happened, jtag_cpu_reset_happened, rtc_get_wakeup_cause, rtc_boot_control, rtc_select_apb_bridge
    nothing rtc_unhold_all_pads, set_rtc_memory_crc, cacl_rtc_memory_crc, ets_is_print_boot
    lack ets_printf
    nothing ets_install_putc1, ets_install_uart_printf, ets_install_putc2
    lack ets_delay_us, ets_get_stack_info
    nothing ets_install_lock, ets_backup_dma_copy, ets_apb_backup_init_lock_func
    lack UartRxString
    have uart_tx_one_char, rom_uart_tx_one_char
    have uart_tx_one_char2, rom_uart_tx_one_char
    have uart_rx_one_char, rom_one
    lack uart_rx_one_char_block, uart_rx_readbuff
    nothing uartAttach, uart_tx_flush, uart_tx_wait_idle, uart_div_modify
    lack multofup, software_reset, software_reset_cpu
    nothing assist_debug_clock_enable, assist_debug_record_enable, clear_super_wdt_reset_flag, disable_default_watchdog
    lack send_packet, recv_packet, GetUartDevice, UartDwnLdProc
    nothing Uart_Init
    lack ets_set_user_start

    at 0x4000010c
    nothing esp_rom_spiflash_wait_idle
    lack esp_rom_spiflash_write_encrypted, esp_rom_spiflash_write_encrypted_dest
    nothing esp_rom_spiflash_write_encrypted_enable, esp_rom_spiflash_write_encrypted_disable
    lack esp_rom_spiflash_erase_chip
    have esp_rom_spiflash_erase_block, rom_flash_erase_block
    have esp_rom_spiflash_erase_sector, rom_flash_erase_sector
    have esp_rom_spiflash_write, rom_flash_write
    have esp_rom_spiflash_read, rom_flash_read
    nothing esp_rom_spiflash_config_param
    lack esp_rom_spiflash_read_user_cmd
    nothing esp_rom_spiflash_select_qio_pins, esp_rom_spiflash_unlock, esp_rom_spi_flash_auto_sus_res, esp_rom_spi_flash_send_resume
    nothing esp_rom_spi_flash_update_id, esp_rom_spiflash_config_clk, esp_rom_spiflash_config_readmode, esp_rom_spiflash_read_status
    nothing esp_rom_spiflash_read_statushigh, esp_rom_spiflash_write_status, esp_rom_spiflash_attach

    at 0x400002fc
    lack esp_flash_chip_driver_initialized, esp_flash_read_id, esp_flash_get_size, esp_flash_erase_chip, esp_flash_erase_region
    lack esp_flash_get_chip_write_protect, esp_flash_set_chip_write_protect, esp_flash_get_protectable_regions, esp_flash_get_protected_region
    lack esp_flash_set_protected_region, esp_flash_read, esp_flash_write, esp_flash_write_encrypted, esp_flash_read_encrypted
    lack esp_flash_get_io_mode, esp_flash_set_io_mode, spi_flash_boot_attach

    at 0x40000350
    nothing esp_rom_newlib_init_common_mutexes
    lack memset, memcpy, memmove, memcmp
    have strcpy, rom_strcpy
    lack strncpy, strcmp
    have strncmp, rom_strncmp
    lack strlen
    have strstr, rom_strstr
    have bzero, rom_bzero
    have _isatty_r, rom_one
    lack sbrk
    have isalnum, rom_isalnum
    have isalpha, rom_isalpha
    have isascii, rom_isascii
    have isblank, rom_isblank
    have iscntrl, rom_iscntrl
    have isdigit, rom_isdigit
    have islower, rom_islower
    have isgraph, rom_isgraph
    have isprint, rom_isprint
    have ispunct, rom_ispunct
    have isspace, rom_isspace
    have isupper, rom_isupper
    have toupper, rom_toupper
    have tolower, rom_tolower
    have toascii, rom_toascii
    have memccpy, rom_memccpy
    have memchr, rom_memchr
    have memrchr, rom_memrchr
    have strcasecmp, rom_strcasecmp
    have strcasestr, rom_strcasestr
    have strcat, rom_strcat
    lack strdup
    have strchr, rom_strchr
    have strcspn, rom_strcspn
    have strcoll, rom_strcmp_of_ours
    have strlcat, rom_strlcat
    have strlcpy, rom_strlcpy
    have strlwr, rom_strlwr
    have strncasecmp, rom_strncasecmp
    have strncat, rom_strncat
    lack strndup
    have strnlen, rom_strnlen
    have strrchr, rom_strrchr
    have strsep, rom_strsep
    have strspn, rom_strspn
    have strtok_r, rom_strtok_r
    have strupr, rom_strupr
    have longjmp, rom_longjmp
    have setjmp, rom_setjmp
    have abs, rom_abs
    have div, rom_div
    have labs, rom_abs
    have ldiv, rom_div
    have qsort, rom_qsort
    lack rand_r, rand, srand
    have utoa, rom_utoa
    have itoa, rom_itoa
    have atoi, rom_atoi
    have atol, rom_atoi
    have strtol, rom_strtol
    have strtoul, rom_strtol
    nothing fflush, _fflush_r
    lack _fwalk, _fwalk_reent

    at 0x400004b0
    have Cache_Get_ICache_Line_Size, rom_cache_line
    nothing Cache_Get_Mode, Cache_Address_Through_IBus, Cache_Address_Through_DBus, Cache_Set_Default_Mode, Cache_Enable_Defalut_ICache_Mode
    nothing ROM_Boot_Cache_Init, Cache_Invalidate_ICache_Items, Cache_Op_Addr, Cache_Invalidate_Addr, Cache_Invalidate_ICache_All, Cache_Mask_All
    nothing Cache_UnMask_Dram0, Cache_Suspend_ICache_Autoload, Cache_Resume_ICache_Autoload, Cache_Start_ICache_Preload
    nothing Cache_ICache_Preload_Done, Cache_End_ICache_Preload, Cache_Config_ICache_Autoload, Cache_Enable_ICache_Autoload
    nothing Cache_Disable_ICache_Autoload, Cache_Enable_ICache_PreLock, Cache_Disable_ICache_PreLock, Cache_Lock_ICache_Items
    nothing Cache_Unlock_ICache_Items, Cache_Lock_Addr, Cache_Unlock_Addr, Cache_Disable_ICache, Cache_Enable_ICache, Cache_Suspend_ICache
    nothing Cache_Resume_ICache, Cache_Freeze_ICache_Enable, Cache_Freeze_ICache_Disable, Cache_Pms_Lock, Cache_Ibus_Pms_Set_Addr
    nothing Cache_Ibus_Pms_Set_Attr, Cache_Dbus_Pms_Set_Addr, Cache_Dbus_Pms_Set_Attr
    have Cache_Set_IDROM_MMU_Size, rom_mapping_sizes
    have Cache_Get_IROM_MMU_End, rom_mapping_end_of_code
    have Cache_Get_DROM_MMU_End, rom_mapping_end_of_data
    nothing Cache_Owner_Init, Cache_Occupy_ICache_MEMORY
    have Cache_MMU_Init, rom_mapping_clear
    have Cache_Ibus_MMU_Set, rom_mapping_set
    have Cache_Dbus_MMU_Set, rom_mapping_set
    lack Cache_Count_Flash_Pages, Cache_Travel_Tag_Memory, Cache_Get_Virtual_Addr, Cache_Get_Memory_BaseAddr, Cache_Get_Memory_Addr
    lack Cache_Get_Memory_value

    at 0x40000580
    have ets_get_apb_freq, rom_apb_hertz
    have ets_get_cpu_frequency, rom_cpu_megahertz
    nothing ets_update_cpu_frequency, ets_get_printf_channel, ets_get_xtal_div, ets_set_xtal_div
    have ets_get_xtal_freq, rom_crystal_hertz
    nothing gpio_input_get, gpio_matrix_in, gpio_matrix_out, gpio_output_disable, gpio_output_enable, gpio_output_set, gpio_pad_hold
    nothing gpio_pad_input_disable, gpio_pad_input_enable, gpio_pad_pulldown, gpio_pad_pullup, gpio_pad_select_gpio, gpio_pad_set_drv
    nothing gpio_pad_unhold, gpio_pin_wakeup_disable, gpio_pin_wakeup_enable, gpio_bypass_matrix_in
    have esprv_intc_int_set_priority, rom_interrupt_set_priority
    have esprv_intc_int_set_threshold, rom_interrupt_set_threshold
    have esprv_intc_int_enable, rom_interrupt_enable
    have esprv_intc_int_disable, rom_interrupt_disable
    have esprv_intc_int_set_type, rom_interrupt_set_type
    have intr_matrix_set, rom_interrupt_route
    lack ets_intr_lock, ets_intr_unlock, intr_handler_set, ets_isr_attach, ets_isr_mask, ets_isr_unmask
    have md5_vector, rom_md5_vector
    have MD5Init, rom_md5_begin
    have MD5Update, rom_md5_add
    have MD5Final, rom_md5_end
    lack hmac_md5_vector, hmac_md5
    have crc32_le, rom_crc32_le
    have crc32_be, rom_crc32_be
    have crc16_le, rom_crc16_le
    have crc16_be, rom_crc16_be
    have crc8_le, rom_crc8_le
    have crc8_be, rom_crc8_be
    have esp_crc8, rom_esp_crc8

    at 0x400006d0
    nothing ets_efuse_read
    lack ets_efuse_program
    nothing ets_efuse_clear_program_registers
    lack ets_efuse_write_key, ets_efuse_get_read_register_address
    nothing ets_efuse_get_key_purpose
    have ets_efuse_key_block_unused, rom_one
    lack ets_efuse_find_unused_key_block, ets_efuse_rs_calculate, ets_efuse_count_unused_key_blocks
    nothing ets_efuse_secure_boot_enabled, ets_efuse_secure_boot_aggressive_revoke_enabled, ets_efuse_cache_encryption_enabled
    nothing ets_efuse_download_modes_disabled, ets_efuse_find_purpose, ets_efuse_flash_opi_5pads_power_sel_vddspi, ets_efuse_force_send_resume
    nothing ets_efuse_get_flash_delay_us, ets_efuse_get_mac, ets_efuse_get_spiconfig, ets_efuse_usb_print_is_disabled
    nothing ets_efuse_get_uart_print_channel, ets_efuse_get_uart_print_control, ets_efuse_get_wp_pad, ets_efuse_legacy_spi_boot_mode_disabled
    nothing ets_efuse_security_download_modes_enabled, ets_efuse_set_timing, ets_efuse_jtag_disabled, ets_efuse_usb_download_mode_disabled
    nothing ets_efuse_usb_module_disabled, ets_efuse_usb_device_disabled

    at 0x40000764
    lack __absvdi2, __absvsi2
    same __adddf3, __addsf3
    lack __addvdi3, __addvsi3
    same __ashldi3, __ashrdi3
    same __bswapdi2, __bswapsi2
    nothing __clear_cache
    same __clrsbdi2, __clrsbsi2, __clzdi2, __clzsi2, __cmpdi2, __ctzdi2, __ctzsi2
    lack __divdc3
    same __divdf3, __divdi3
    lack __divsc3
    same __divsf3
    have __divsi3, rom_divide
    same __eqdf2, __eqsf2, __extendsfdf2, __ffsdi2, __ffssi2, __fixdfdi, __fixdfsi, __fixsfdi, __fixsfsi, __fixunsdfsi, __fixunssfdi, __fixunssfsi
    same __floatdidf, __floatdisf, __floatsidf, __floatsisf, __floatundidf, __floatundisf, __floatunsidf, __floatunsisf
    lack __gcc_bcmp
    same __gedf2, __gesf2, __gtdf2, __gtsf2, __ledf2, __lesf2, __lshrdi3, __ltdf2, __ltsf2, __moddi3
    have __modsi3, rom_modulo
    lack __muldc3
    same __muldf3, __muldi3
    lack __mulsc3
    same __mulsf3
    have __mulsi3, rom_multiply
    lack __mulvdi3, __mulvsi3
    same __nedf2, __negdf2, __negdi2, __negsf2
    lack __negvdi2, __negvsi2
    same __nesf2, __paritysi2, __popcountdi2, __popcountsi2, __powidf2, __powisf2, __subdf3, __subsf3
    lack __subvdi3, __subvsi3
    same __truncdfsf2, __ucmpdi2, __udivdi3, __udivmoddi4
    have __udivsi3, rom_divide_unsigned
    lack __udiv_w_sdiv
    same __umoddi3
    have __umodsi3, rom_modulo_unsigned
    same __unorddf2, __unordsf2
    have usb_uart_rx_one_char, rom_one
    lack usb_uart_rx_one_char_block
    nothing usb_uart_tx_flush
    have usb_uart_tx_one_char, rom_uart_tx_one_char

    at 0x400018ac
    have esp_coex_rom_version_get, rom_coexistence_version
    at 0x40001954
    nothing rom_i2c_readReg, rom_i2c_readReg_Mask, rom_i2c_writeReg, rom_i2c_writeReg_Mask
    at 0x40002000

    .option rvc
    .section .text.jumps, "ax"
    .globl rom_setjmp
    .type rom_setjmp, @function
rom_setjmp:
    sw ra, 0(a0)
    sw s0, 4(a0)
    sw s1, 8(a0)
    sw s2, 12(a0)
    sw s3, 16(a0)
    sw s4, 20(a0)
    sw s5, 24(a0)
    sw s6, 28(a0)
    sw s7, 32(a0)
    sw s8, 36(a0)
    sw s9, 40(a0)
    sw s10, 44(a0)
    sw s11, 48(a0)
    sw sp, 52(a0)
    li a0, 0
    ret
    .size rom_setjmp, . - rom_setjmp

    .globl rom_longjmp
    .type rom_longjmp, @function
rom_longjmp:
    lw ra, 0(a0)
    lw s0, 4(a0)
    lw s1, 8(a0)
    lw s2, 12(a0)
    lw s3, 16(a0)
    lw s4, 20(a0)
    lw s5, 24(a0)
    lw s6, 28(a0)
    lw s7, 32(a0)
    lw s8, 36(a0)
    lw s9, 40(a0)
    lw s10, 44(a0)
    lw s11, 48(a0)
    lw sp, 52(a0)
    seqz a0, a1
    add a0, a0, a1
    ret
    .size rom_longjmp, . - rom_longjmp

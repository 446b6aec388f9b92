"""Images that talk to devices, and functions that chips keep in ROM."""

from __future__ import annotations

from firmware_samples.recipe import Recipe

__all__ = ["device_recipes"]

_V1 = ("USART_STATUS=0x00", "USART_RECEIVED=0x04", "USART_SENT=0x04", "USART_CONTROL=0x0C", "USART_ENABLE=0x200C")
_V2 = ("USART_STATUS=0x1C", "USART_RECEIVED=0x24", "USART_SENT=0x28", "USART_CONTROL=0x00", "USART_ENABLE=0xD")
_V1_DMA, _V2_DMA = ("USART_CONTROL3=0x14",), ("USART_CONTROL3=0x08",)
_CRYSTAL = ("CLOCK_ENABLE=(1u<<16)", "CLOCK_READY=(1u<<17)")
_PHASE_LOCKED = ("CLOCK_ENABLE=(1u<<24)", "CLOCK_READY=(1u<<25)")

#: Family, core, serial port, form of its registers, timer, port, clock control.
_STM32 = (
    ("g0", "cortex-m0plus", 0x40004400, _V2, 0x40000000, 0x50000000, 0x40021000),
    ("l4", "cortex-m4", 0x40004400, _V2, 0x40000000, 0x48000000, 0x40021000),
    ("f4", "cortex-m4", 0x40004400, _V1, 0x40000000, 0x40020000, 0x40023800),
    ("h7", "cortex-m7", 0x40011000, _V2, 0x40000000, 0x58020000, 0x58024400),
    ("u3", "cortex-m33", 0x50013800, _V2, 0x50000000, 0x52020000, 0x50030C00),
    ("u5", "cortex-m33", 0x50013800, _V2, 0x50000000, 0x52020000, 0x56020C00),
)

#: Family, core, serial port, form of its registers, DMA controller, its form, lines of its first two channels.
_STM32_DMA = (
    ("g0", "cortex-m0plus", 0x40004400, _V2 + _V2_DMA, 0x40020000, 2, (9, 10)),
    ("l4", "cortex-m4", 0x40004400, _V2 + _V2_DMA, 0x40020000, 2, (11, 12)),
    ("f4", "cortex-m4", 0x40004400, _V1 + _V1_DMA, 0x40026000, 1, (11, 12)),
    ("h7", "cortex-m7", 0x40011000, _V2 + _V2_DMA, 0x40020000, 1, (11, 12)),
    ("u5", "cortex-m33", 0x50013800, _V2 + _V2_DMA, 0x50020000, 3, (29, 30)),
)


def _dialogue(row: tuple[str, str, int, tuple[str, ...], int, int, int]) -> Recipe:
    family, core, usart, form, timer, port, clock = row
    return Recipe(
        name=f"devices-stm32-{family}",
        purpose="waits for its clock, echoes a line on its serial port, times itself, pulses a pin",
        cores=(core,),
        sources=("devices/stm32_dialogue.c",),
        include=("devices",),
        defines=(
            f"USART_BASE={usart:#x}",
            f"TIMER_BASE={timer:#x}",
            f"GPIO_BASE={port:#x}",
            f"CLOCK_CONTROL={clock:#x}",
            *form,
            *(_CRYSTAL if family == "u3" else _PHASE_LOCKED),
        ),
        region="work",
        expected_stdout="done\n",
        runs_in_qemu=False,
        facts={"needs_devices": "stm32"},
    )


def _dma(row: tuple[str, str, int, tuple[str, ...], int, int, tuple[int, int]]) -> Recipe:
    family, core, usart, port_form, controller, form, lines = row
    return Recipe(
        name=f"dma-stm32-{family}",
        purpose="sends and receives by direct memory access, with interrupts at half, end and error",
        cores=(core,),
        sources=("devices/stm32_dma.c", "exceptions/cortex_m.c"),
        include=("devices", "exceptions"),
        defines=(
            f"USART_BASE={usart:#x}",
            f"DMA_BASE={controller:#x}",
            f"DMA_FORM={form}",
            f"RECEIVER_LINE={lines[0]}",
            f"SENDER_LINE={lines[1]}",
            *port_form,
        ),
        region="send",
        expected_stdout="two laps, two messages, one error\n",
        runs_in_qemu=False,
        facts={"needs_devices": "stm32"},
    )


_FLASH_OUTPUT = "blank ok\nprogrammed ok\nbits cleared only ok\nerased ok\nstores behind the lock\n"
_PAGED, _SECTORS, _SECURE = (
    ("KEYS=0x08", "STATUS=0x10", "CONTROL=0x14"),
    ("KEYS=0x04", "STATUS=0x0C", "CONTROL=0x10"),
    ("KEYS=0x08", "STATUS=0x20", "CONTROL=0x28"),
)

#: Family, core, kind of controller, its address, offsets of its registers, a page of the flash and its number.
_FLASHES = (
    ("g0", "cortex-m0plus", 1, 0x40022000, _PAGED, 0x08020000, 64),
    ("l4", "cortex-m4", 1, 0x40022000, _PAGED, 0x08020000, 32),
    ("f4", "cortex-m4", 2, 0x40023C00, _SECTORS, 0x08020000, 5),
    ("f7", "cortex-m7", 2, 0x40023C00, _SECTORS, 0x08040000, 5),
    ("h7", "cortex-m7", 2, 0x52002000, ("KEYS=0x04", "STATUS=0x10", "CONTROL=0x0C", "BITS_H7"), 0x08040000, 2),
    ("u5", "cortex-m33", 1, 0x40022000, _SECURE, 0x08020000, 16),
    ("nrf", "cortex-m4", 3, 0x4001E000, (), 0x08020000, 32),
    ("u5-secure", "cortex-m33", 1, 0x40022000, ("KEYS=0x0C", "STATUS=0x24", "CONTROL=0x2C"), 0x08020000, 16),
)


def _flash(row: tuple[str, str, int, int, tuple[str, ...], int, int], *, locked: bool = False) -> Recipe:
    family, core, kind, base, offsets, target, page = row
    return Recipe(
        name=f"flash-{family}{'-locked' if locked else ''}",
        purpose="stores to flash that it has not unlocked" if locked else "programs and erases its own flash, then stores to it behind the lock",
        cores=(core,),
        sources=("devices/flash_writes.c",),
        include=("devices",),
        defines=(f"CONTROLLER={kind}", f"BASE={base:#x}u", *offsets, f"TARGET={target:#x}u", f"PAGE={page}u", f"LOCKED={int(locked)}"),
        outcome="fault",
        expected_stdout="blank ok\n" if locked else _FLASH_OUTPUT,
        runs_in_qemu=False,
        facts={"fault_kind": "flash-write"},
    )


def device_recipes() -> tuple[Recipe, ...]:
    """Return the recipes."""
    return (
        *(_dialogue(row) for row in _STM32),
        *(_dma(row) for row in _STM32_DMA),
        *(_flash(row) for row in _FLASHES),
        _flash(_FLASHES[1], locked=True),
        *(
            Recipe(
                name=f"flash-rom-{chip}",
                purpose="erases and programs its serial flash through the boot ROM",
                cores=(core,),
                sources=("devices/flash_rom.c",),
                include=("devices",),
                defines=defines,
                expected_stdout="erased\nprogrammed\nerased again\n",
                runs_in_qemu=False,
            )
            for chip, core, defines in (
                ("rp2040", "cortex-m0plus", ("LOOKUP=0x18", "TABLE=0x14")),
                ("rp2350", "cortex-m33", ("LOOKUP=0x16", "TABLE=0", "FUNCTIONS=4")),
                ("rp2350", "rv32imc", ("LOOKUP=0x7DF8", "TABLE=0", "FUNCTIONS=1")),
            )
        ),
        Recipe(
            name="devices-rp2040",
            purpose="RP2040's resets, PL011, divider, timer and pins",
            cores=("cortex-m0plus",),
            sources=("devices/rp_devices.c",),
            include=("devices",),
            expected_stdout="quotient 991 remainder 84\n",
            runs_in_qemu=False,
        ),
        *(
            Recipe(
                name=f"usb-{chip}",
                purpose="a USB serial port that sends back in capitals what comes",
                cores=(core,),
                sources=("devices/usb_serial.c", "devices/usb_rp.c", "exceptions/cortex_m.c"),
                include=("devices", "exceptions"),
                defines=(f"LINE={line}",),
                link_flags=("-Wl,--defsym=__flash_origin=0x10000000", "-Wl,--defsym=__ram_origin=0x20000000"),
                region="greet",
                expected_stdout="4 packets, 1 refused\n",
                runs_in_qemu=False,
            )
            for chip, core, line in (("rp2040", "cortex-m0plus", 5), ("rp2350", "cortex-m33", 14))
        ),
        Recipe(
            name="usb-nrf52840",
            purpose="a USB serial port that sends back in capitals what comes",
            cores=("cortex-m4",),
            sources=("devices/usb_serial.c", "devices/usb_nrf.c"),
            include=("devices", "exceptions"),
            link_flags=("-Wl,--defsym=__flash_origin=0",),
            region="greet",
            expected_stdout="4 packets, 1 refused\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="devices-nrf52840",
            purpose="nRF52840's clock, UARTE, random numbers, timer and pins",
            cores=("cortex-m4",),
            sources=("devices/nrf_devices.c",),
            include=("devices",),
            expected_stdout="random\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="devices-nrf5340",
            purpose="nRF5340's clock, UARTE, timer and pins, application core",
            cores=("cortex-m33",),
            sources=("devices/nrf_devices.c",),
            include=("devices",),
            defines=("CLOCK=0x50005000u", "UARTE=0x50008000u", "TIMER=0x5000F000u", "RNG=0u", "PORT=0x50842000u"),
            link_flags=("-Wl,--defsym=__flash_origin=0",),
            expected_stdout="random\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="devices-nrf5340-network",
            purpose="nRF5340's clock, UARTE, random numbers, timer and pins, network core",
            cores=("cortex-m33",),
            sources=("devices/nrf_devices.c",),
            include=("devices",),
            flags=("-mcpu=cortex-m33+nodsp+nofp", "-mfloat-abi=soft"),
            defines=("CLOCK=0x41005000u", "UARTE=0x41013000u", "TIMER=0x4100C000u", "RNG=0x41009000u", "PORT=0x418C0000u"),
            link_flags=("-Wl,--defsym=__flash_origin=0x01000000",),
            expected_stdout="random\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="devices-psoc6",
            purpose="PSoC 6's PLL, inter-core locks, serial block, clock divider, counter and pins",
            cores=("cortex-m0plus", "cortex-m4"),
            sources=("devices/psoc6_devices.c",),
            include=("devices",),
            link_flags=("-Wl,--defsym=__flash_origin=0x10000000,--defsym=__ram_origin=0x08000000",),
            region="work",
            expected_stdout="locks timed\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="devices-esp32c3",
            purpose="functions of the ESP32-C3's ROM, its UART and its system timer",
            cores=("rv32imc",),
            sources=("devices/esp32c3_rom.c",),
            include=("devices",),
            flags=("-fno-builtin",),
            region="work",
            expected_stdout="reset 1, abcabcdefghij, 00013, order <, 51d\ndelay right, same 0\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="flash-esp32c3",
            purpose="reads, programs and maps an ESP32-C3's flash through functions of the ROM",
            cores=("rv32imc",),
            sources=("devices/esp32c3_flash.c",),
            include=("devices",),
            expected_stdout="5 partitions\n300 bytes, mapped, erased\n1212\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="rp2040-rom",
            purpose="what stands in for the functions of an RP2040's boot ROM, with its tables",
            cores=("cortex-m0plus",),
            sources=tuple(f"devices/rp2040_rom_{part}" for part in ("memory.S", "tables.S", "float.c", "double.c", "main.c")),
            include=("devices",),
            link_flags=("-Wl,--defsym=__flash_origin=0",),
            expected_stdout="42 31 none\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="devices-rp2350",
            purpose="RP2350's boot ROM, and the coprocessors of its Cortex-M33",
            cores=("cortex-m33", "rv32imc"),
            sources=("devices/rp2350_chip.c",),
            include=("devices",),
            link_flags=("-Wl,--defsym=__flash_origin=0x10000000", "-Wl,--defsym=__ram_origin=0x20000000"),
            expected_stdout="4 words\n",
            core_stdout={"cortex-m33": "4 words\n3145729 ordered, pins 06000000\n"},
            runs_in_qemu=False,
        ),
        Recipe(
            name="esp32c3-rom",
            purpose="what stands in for the functions of an ESP32-C3's ROM, with its table of jumps",
            cores=("rv32imc",),
            sources=tuple(f"devices/esp32c3_rom_{part}" for part in ("table.S", "functions.c", "text.c", "checksums.c", "flash.c", "main.c")),
            include=("devices",),
            flags=("-fno-tree-loop-distribute-patterns", "-fno-builtin"),
            link_flags=("-Wl,--defsym=__flash_origin=0x40010000", "-Wl,--section-start=.romtable=0x40000000", "-Wl,--undefined=slot_abs"),
            expected_stdout="-29zevercbf4392600d64ea17d696bf97ab60721TWOTHR. same\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="rp2350-rom",
            purpose="what stands in for the functions of an RP2350's boot ROM",
            cores=("cortex-m33", "rv32imc"),
            sources=("devices/rp2350_rom.c", "devices/rp2350_rom_main.c"),
            include=("devices",),
            link_flags=("-Wl,--defsym=__flash_origin=0", "-Wl,--section-start=.bootentry=0x7DFC", "-Wl,--undefined=rom_entry"),
            expected_stdout="5 words, data, no function\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="rom-functions",
            purpose="the functions that stand in for a chip's ROM, tried",
            cores=("cortex-m0plus", "rv32imc"),
            sources=("devices/rom_functions.c", "devices/rom_main.c"),
            include=("devices",),
            flags=("-fno-tree-loop-distribute-patterns", "-fno-builtin"),
            expected_stdout="0120123456789abcdefghijnopqrstu\n0---------780123defghijnopqrstu\nright\n",
        ),
    )

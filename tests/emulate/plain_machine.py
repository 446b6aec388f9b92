"""Unicorn as it comes, counting in Python: a program of its own, because the accelerator changes Unicorn for the whole process.

``python -m tests.emulate.plain_machine NAME CORE`` prints what a bundled firmware did, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter

import numpy as np
import unicorn
from unicorn import arm_const, riscv_const

from instsim.isa import Isa
from tests.emulate.bundled import chip, image_of


class PlainMachine:
    """Unicorn without any of our means: counts instructions and blocks in Python."""

    def __init__(self, name: str, core: str) -> None:
        image, spec = image_of(name, core), chip(core)
        thumb = spec.isa is Isa.THUMB
        if thumb:
            uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
            uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
        else:
            uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        for memory in spec.memories:
            uc.mem_map(memory.address, memory.size)
        for start, size in spec.device_windows:
            uc.mem_map(start, size)
        for segment in image.segments:
            if segment.data:
                uc.mem_write(segment.address, segment.data)
        self.instructions: Counter[int] = Counter()
        self.blocks: Counter[tuple[int, int]] = Counter()
        self.output = bytearray()
        self.uc, self.thumb = uc, thumb
        uc.hook_add(unicorn.UC_HOOK_BLOCK, lambda _u, a, s, _d: self.blocks.update([(a, s)]))
        uc.hook_add(unicorn.UC_HOOK_CODE, lambda _u, a, _s, _d: self.instructions.update([a]))
        self.go_on = 0
        self.done = False
        if thumb:
            uc.hook_add(unicorn.UC_HOOK_INTR, self._breakpoint)
            sp, reset = np.frombuffer(bytes(uc.mem_read(image.vector_table, 8)), "<u4").tolist()
            uc.reg_write(arm_const.UC_ARM_REG_SP, sp)
            start = reset | 1
        else:
            uc.hook_add(unicorn.UC_HOOK_INSN_INVALID, lambda u, _d: (u.emu_stop(), True)[1])
            start = image.entry
        self.go_on = start
        for _ in range(10_000):
            if self.done:
                return
            with contextlib.suppress(unicorn.UcError):  # an ebreak ends in one
                uc.emu_start(self.go_on, spec.memories[0].address + spec.memories[0].size - 4)
            if not thumb:
                self._riscv_break()

    def _call(self, operation: int, parameter: int) -> None:
        if operation == 3:
            self.output += self.uc.mem_read(parameter, 1)
        elif operation == 4:
            while (byte := self.uc.mem_read(parameter, 1)) != b"\0":
                self.output += byte
                parameter += 1
        elif operation in (0x18, 0x20):
            self.done = True

    def _breakpoint(self, uc: unicorn.Uc, _number: int, _data: object) -> None:
        self._call(uc.reg_read(arm_const.UC_ARM_REG_R0), uc.reg_read(arm_const.UC_ARM_REG_R1))
        if self.done:
            uc.emu_stop()
        else:
            uc.reg_write(arm_const.UC_ARM_REG_PC, uc.reg_read(arm_const.UC_ARM_REG_PC) + 2 | 1)

    def _riscv_break(self) -> None:
        pc = self.uc.reg_read(riscv_const.UC_RISCV_REG_PC)
        if bytes(self.uc.mem_read(pc, 4)) != bytes.fromhex("73001000"):
            pc -= 4
        self._call(self.uc.reg_read(riscv_const.UC_RISCV_REG_A0), self.uc.reg_read(riscv_const.UC_RISCV_REG_A1))
        self.go_on = pc + 4


if __name__ == "__main__":
    machine = PlainMachine(*sys.argv[1:3])
    json.dump(
        {
            "output": machine.output.decode(),
            "instructions": list(machine.instructions.items()),
            "block_bytes": sum(size * count for (_, size), count in machine.blocks.items()),
        },
        sys.stdout,
    )

"""What 16-bit RV32FC instructions do, from the fields of their encoding (RISC-V unprivileged specification, chapter 'C')."""

from __future__ import annotations

from instsim.isa.instruction import Flow
from instsim.isa.riscv_fields import Effects, float_register, jump_register, register, sign_extend

__all__ = ["compressed_effects"]

_RA, _SP = 1, 2


def compressed_effects(half: int) -> Effects | None:
    """Return what a 16-bit instruction does, None if it is no RV32FC instruction."""
    funct3 = half >> 13
    match half & 3:
        case 0:
            return _quadrant0(half, funct3)
        case 1:
            return _quadrant1(half, funct3)
        case _:
            return _quadrant2(half, funct3)


def _quadrant0(half: int, funct3: int) -> Effects | None:
    low, base = 8 + (half >> 2 & 7), register(8 + (half >> 7 & 7))
    match funct3:
        case 0 if half & 0x1FE0:
            return Effects("alu", register(_SP), register(low))
        case 2:
            return Effects("load", base, register(low), base, access_size=4)
        case 3:
            return Effects("fp-load", base, float_register(low), base, access_size=4)
        case 6:
            return Effects("store", base | register(low), 0, base, store_data=register(low), access_size=4)
        case 7:
            return Effects("fp-store", base | float_register(low), 0, base, store_data=float_register(low), access_size=4)
        case _:
            return None


def _quadrant1(half: int, funct3: int) -> Effects | None:
    full, high = register(half >> 7 & 31), register(8 + (half >> 7 & 7))
    match funct3:
        case 0:
            return Effects("alu", full, full)
        case 1:
            return Effects("call", 0, register(_RA), flow=Flow.CALL, offset=_jump_offset(half))
        case 2:
            return Effects("alu", 0, full)
        case 3 if half & 0x107C:
            return Effects("alu", full, full) if full == register(_SP) else Effects("alu", 0, full)
        case 4:
            return _arithmetic(half, high)
        case 5:
            return Effects("jump", flow=Flow.JUMP, offset=_jump_offset(half))
        case 6 | 7:
            return Effects("branch", high, flow=Flow.CONDITIONAL, offset=_branch_offset(half))
        case _:
            return None


def _arithmetic(half: int, high: int) -> Effects | None:
    match half >> 10 & 3:
        case 0 | 1:
            return None if half & 0x1000 else Effects("shift", high, high)
        case 2:
            return Effects("alu", high, high)
        case _:
            return None if half & 0x1000 else Effects("alu", high | register(8 + (half >> 2 & 7)), high)


def _quadrant2(half: int, funct3: int) -> Effects | None:
    number, second = half >> 7 & 31, half >> 2 & 31
    stack = register(_SP)
    match funct3:
        case 0:
            return None if half & 0x1000 else Effects("shift", register(number), register(number))
        case 2 if number:
            return Effects("load", stack, register(number), stack, access_size=4)
        case 3:
            return Effects("fp-load", stack, float_register(number), stack, access_size=4)
        case 4:
            return _register_forms(half, number, second)
        case 6:
            return Effects("store", stack | register(second), 0, stack, store_data=register(second), access_size=4)
        case 7:
            return Effects("fp-store", stack | float_register(second), 0, stack, store_data=float_register(second), access_size=4)
        case _:
            return None


def _register_forms(half: int, number: int, second: int) -> Effects | None:
    if half & 0x1000:
        if second:
            return Effects("alu", register(number) | register(second), register(number))
        return jump_register(_RA, number) if number else Effects("system", flow=Flow.TRAP)
    if second:
        return Effects("alu", register(second), register(number))
    return jump_register(0, number) if number else None


def _jump_offset(half: int) -> int:
    offset = (half >> 12 & 1) << 11 | (half >> 11 & 1) << 4 | (half >> 9 & 3) << 8 | (half >> 8 & 1) << 10
    offset |= (half >> 7 & 1) << 6 | (half >> 6 & 1) << 7 | (half >> 3 & 7) << 1 | (half >> 2 & 1) << 5
    return sign_extend(offset, 12)


def _branch_offset(half: int) -> int:
    offset = (half >> 12 & 1) << 8 | (half >> 10 & 3) << 3 | (half >> 5 & 3) << 6 | (half >> 3 & 3) << 1 | (half >> 2 & 1) << 5
    return sign_extend(offset, 9)

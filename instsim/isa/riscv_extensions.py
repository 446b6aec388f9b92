"""Instructions that Capstone 5 does not know: Zba, Zbb, Zbc, Zbs, Zbkb, Zcb and Zcmp (RISC-V bit-manipulation and code-size specifications)."""

from __future__ import annotations

from instsim.isa.instruction import Flow
from instsim.isa.riscv_fields import ABI_NAMES, Effects, register

__all__ = ["extension_effects"]

Named = tuple[str, str, Effects]

_REGISTER_REGISTER = {
    (0x10, 2): "sh1add",
    (0x10, 4): "sh2add",
    (0x10, 6): "sh3add",
    (0x20, 7): "andn",
    (0x20, 6): "orn",
    (0x20, 4): "xnor",
    (0x05, 1): "clmul",
    (0x05, 2): "clmulr",
    (0x05, 3): "clmulh",
    (0x05, 4): "min",
    (0x05, 5): "minu",
    (0x05, 6): "max",
    (0x05, 7): "maxu",
    (0x30, 1): "rol",
    (0x30, 5): "ror",
    (0x24, 1): "bclr",
    (0x24, 5): "bext",
    (0x34, 1): "binv",
    (0x14, 1): "bset",
    (0x04, 4): "pack",
    (0x04, 7): "packh",
}
_CONSTANT = {(0x24, 1): "bclri", (0x34, 1): "binvi", (0x14, 1): "bseti", (0x30, 5): "rori", (0x24, 5): "bexti"}
_UNARY = {
    (0x600, 1): "clz",
    (0x601, 1): "ctz",
    (0x602, 1): "cpop",
    (0x604, 1): "sext.b",
    (0x605, 1): "sext.h",
    (0x08F, 1): "zip",
    (0x08F, 5): "unzip",
    (0x287, 5): "orc.b",
    (0x687, 5): "brev8",
    (0x698, 5): "rev8",
}
_ROTATES = frozenset(("rol", "ror", "rori"))
_ZCB_UNARY = {0: "c.zext.b", 1: "c.sext.b", 2: "c.zext.h", 3: "c.sext.h", 5: "c.not"}
_ZCMP = {0x18: ("cm.push", "push"), 0x1A: ("cm.pop", "pop"), 0x1C: ("cm.popretz", "pop-return"), 0x1E: ("cm.popret", "pop-return")}
_SAVED = (8, 9, *range(18, 28))
_A0, _A1 = 10, 11


def extension_effects(encoding: int) -> Named | None:
    """Return mnemonic, operands and effects of an instruction of these extensions, None if it is none of them."""
    if encoding & 3 == 3:
        return _wide(encoding)
    if encoding & 3 == 2 and encoding >> 13 == 5:
        return _zcmp(encoding)
    return _zcb(encoding)


def _wide(word: int) -> Named | None:
    opcode, funct3, funct7 = word & 0x7F, word >> 12 & 7, word >> 25
    destination, source1, source2 = word >> 7 & 31, word >> 15 & 31, word >> 20 & 31
    rd, rs1 = register(destination), register(source1)
    if opcode == 0x33:
        name = _REGISTER_REGISTER.get((funct7, funct3))
        if name is None:
            return None
        if name == "pack" and source2 == 0:
            return "zext.h", f"{ABI_NAMES[destination]}, {ABI_NAMES[source1]}", Effects("bitmanip", rs1, rd)
        text = f"{ABI_NAMES[destination]}, {ABI_NAMES[source1]}, {ABI_NAMES[source2]}"
        return name, text, Effects("rotate" if name in _ROTATES else "bitmanip", rs1 | register(source2), rd)
    if opcode == 0x13:
        text = f"{ABI_NAMES[destination]}, {ABI_NAMES[source1]}"
        name = _UNARY.get((word >> 20, funct3))
        if name is not None:
            return name, text, Effects("bitmanip", rs1, rd)
        name = _CONSTANT.get((funct7, funct3))
        if name is not None:
            return name, f"{text}, {source2}", Effects("rotate" if name in _ROTATES else "bitmanip", rs1, rd)
    return None


def _zcb(half: int) -> Named | None:
    high, low = 8 + (half >> 7 & 7), 8 + (half >> 2 & 7)
    base, data = register(high), register(low)
    if half & 3 == 0 and half >> 13 == 4:
        offset = (half >> 5 & 1) << 1
        match half >> 10 & 7:
            case 0 | 2:
                offset |= half >> 6 & 1
                name, size = ("c.lbu", 1) if half >> 10 & 7 == 0 else ("c.sb", 1)
            case 1:
                name, size = ("c.lh" if half & 0x40 else "c.lhu"), 2
            case 3 if not half & 0x40:
                name, size = "c.sh", 2
            case _:
                return None
        text = f"{ABI_NAMES[low]}, {offset}({ABI_NAMES[high]})"
        if name.startswith("c.s"):
            return name, text, Effects("store", base | data, 0, base, store_data=data, access_size=size)
        return name, text, Effects("load", base, data, base, access_size=size)
    if half & 0xFC63 == 0x9C41:
        return "c.mul", f"{ABI_NAMES[high]}, {ABI_NAMES[low]}", Effects("multiply", base | data, base)
    if half & 0xFC63 == 0x9C61 and half >> 2 & 7 in _ZCB_UNARY:
        name = _ZCB_UNARY[half >> 2 & 7]
        return name, ABI_NAMES[high], Effects("alu" if name in {"c.zext.b", "c.not"} else "bitmanip", base, base)
    return None


def _zcmp(half: int) -> Named | None:
    if half & 0xFC63 in {0xAC22, 0xAC62}:
        first, second = (_SAVED[half >> 7 & 7], _SAVED[half >> 2 & 7])
        saved, arguments = register(first) | register(second), register(_A0) | register(_A1)
        text = f"{ABI_NAMES[first]}, {ABI_NAMES[second]}"
        if half & 0x40:
            return "cm.mva01s", text, Effects("move-pair", saved, arguments, register_count=2)
        return "cm.mvsa01", text, Effects("move-pair", arguments, saved, register_count=2)
    named = _ZCMP.get(half >> 8 & 31)
    count = (half >> 4 & 15) - 3
    if named is None or count < 1:
        return None
    count = 13 if count == 12 else count
    name, kind = named
    listed = 1 << 1
    for number in _SAVED[: count - 1]:
        listed |= 1 << number
    stack = 1 << 2
    adjustment = (count * 4 + 15) // 16 * 16 + (half >> 2 & 3) * 16
    last = "ra" if count == 1 else "ra, s0" if count == 2 else f"ra, s0-{ABI_NAMES[_SAVED[count - 2]]}"
    if kind == "push":
        return name, f"{{{last}}}, -{adjustment}", Effects(kind, stack | listed, stack, stack, 0, listed, stack, count, 4)
    writes = stack | listed | (1 << _A0 if name == "cm.popretz" else 0)
    flow = Flow.RETURN if kind == "pop-return" else Flow.NONE
    return name, f"{{{last}}}, {adjustment}", Effects(kind, stack, writes, stack, 0, 0, stack, count, 4, flow)

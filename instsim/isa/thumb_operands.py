"""What a Thumb instruction does to registers, flags, memory and control, from its text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from instsim.isa.classes import UNKNOWN, UNSUPPORTED
from instsim.isa.instruction import FLAGS, FPSCR, Flow
from instsim.isa.thumb_mnemonics import CONDITIONS, MNEMONIC_CLASSES, READS_DESTINATION, TWO_OPERAND
from instsim.isa.thumb_text import CORE, LR, PC, SP, Operands, parse_operands

__all__ = ["Effects", "effects_of"]

_FP_TYPES = frozenset(("f16", "f32", "f64", "s16", "u16", "s32", "u32", "32"))
_IT = re.compile(r"it[te]{0,3}")
_COMPARISONS = frozenset(("cmp", "cmn", "tst", "teq"))
_LOADS = frozenset(("load", "load-double", "load-multiple", "load-exclusive", "fp-load", "fp-load-multiple", "pop-return"))
_MULTIPLE = frozenset(("load-multiple", "store-multiple", "fp-load-multiple", "fp-store-multiple"))
_ACCUMULATORS = frozenset(("multiply-accumulate", "dsp-multiply-accumulate"))
_LONG_ACCUMULATORS = frozenset(("long-multiply-accumulate", "dsp-long-accumulate"))
_REMEMBERED = 1 << 14
"""Instructions of a firmware recur, and are asked for when its memories are followed and when it is priced."""
_TRAPS = frozenset(("supervisor-call", "breakpoint"))


class Effects(NamedTuple):
    """Everything about an instruction that depends neither on its address nor on what surrounds it; fields as in `Instruction`."""

    instruction_class: str
    reads: int = 0
    writes: int = 0
    address_registers: int = 0
    accumulator: int = 0
    store_data: int = 0
    writeback: int = 0
    register_count: int = 0
    access_size: int = 0
    literal: bool = False
    register_offset: bool = False
    flow: Flow = Flow.NONE


def _is_shifted_constant(text: str) -> bool:
    """Whether a modified constant is a rotated byte rather than a byte or a repeated pattern of one (Armv7-M ARM, ThumbExpandImm)."""
    try:
        value = int(text, 0) & 0xFFFFFFFF
    except ValueError:
        return False
    low = value & 0xFF
    repeated = (low, low << 16 | low, (value >> 8 & 0xFF) * 0x01000100, low * 0x01010101)
    return value not in repeated


def _split(mnemonic: str, *, predicated: bool) -> tuple[str, bool]:
    """Return the mnemonic without suffixes, and whether it sets the flags."""
    base = mnemonic.partition(".")[0]
    if predicated and base[-2:] in CONDITIONS and base not in MNEMONIC_CLASSES:
        base = base[:-2]
    elif base[:1] == "b" and base[1:] in CONDITIONS:
        return "b", False
    if base in MNEMONIC_CLASSES:
        return base, base in _COMPARISONS
    if base[-1:] == "s" and base[:-1] in MNEMONIC_CLASSES:
        return base[:-1], True
    if base[-2:] in CONDITIONS and base[:-2] in MNEMONIC_CLASSES:
        # The condition of an instruction whose IT lies outside the code at hand.
        return base[:-2], base[:-2] in _COMPARISONS
    return base, False


@lru_cache(maxsize=_REMEMBERED)
def effects_of(raw: bytes, mnemonic: str, text: str, *, predicated: bool) -> Effects:
    """Work out what an instruction does.

    Parameters
    ----------
    raw : bytes
        Its encoding.
    mnemonic, text : str
        As Capstone writes them.
    predicated : bool
        Whether it lies inside an IT block.
    """
    if mnemonic.startswith((UNSUPPORTED, UNKNOWN)):
        return Effects(mnemonic.partition(":")[0])
    if _IT.fullmatch(mnemonic):
        return Effects("it", reads=FLAGS)
    base, sets_flags = _split(mnemonic, predicated=predicated)
    name = MNEMONIC_CLASSES.get(base)
    if name is None or _is_foreign(raw, base):
        return Effects(UNSUPPORTED)
    operands = parse_operands(text)
    if operands.foreign:
        return Effects(UNSUPPORTED)
    if name.startswith("fp-"):
        effects = _floating_point(name, base, mnemonic, operands, text)
    elif operands.base or name in _MULTIPLE:
        effects = _memory(name, base, operands)
    elif name in {"branch", "compare-branch", "call", "indirect-call", "indirect-branch"}:
        effects = _control(name, base, mnemonic, operands, predicated=predicated)
    else:
        effects = _data_processing(name, base, operands, raw, sets_flags=sets_flags)
    if predicated and effects.instruction_class not in {UNSUPPORTED, "conditional-branch"}:
        return effects._replace(reads=effects.reads | FLAGS)
    return effects


def _is_foreign(raw: bytes, base: str) -> bool:
    """Whether Capstone mistook an extension that it does not know for something older."""
    if len(raw) == 2:
        return False
    first, second = int.from_bytes(raw[:2], "little"), int.from_bytes(raw[2:], "little")
    if first & 0xEF00 == 0xEF00:
        return True  # Advanced SIMD data processing: MVE on the M profile
    if first & 0xEC00 == 0xEC00 and second & 0x0E00 == 0x0E00:
        return True  # coprocessors 14 and 15: MVE loads, stores and moves
    if base == "ldm" and first == 0xE89F:
        return True  # clrm
    return base == "orr" and first & 0xFFF0 == 0xEA50 and second & 0x8000 != 0  # csel and its kin


def _union(masks: list[int]) -> int:
    result = 0
    for mask in masks:
        result |= mask
    return result


def _data_processing(name: str, base: str, operands: Operands, raw: bytes, *, sets_flags: bool) -> Effects:
    registers = operands.registers
    if name in _TRAPS:
        return Effects(name, flow=Flow.TRAP)
    if name in {"nop", "hint", "barrier", "security", "coprocessor", "system"}:
        return _system(name, base, registers)
    if base in _COMPARISONS:
        reads, writes = _union(registers), FLAGS
    elif name == "long-multiply":
        reads, writes = _union(registers[2:]), _union(registers[:2])
    elif name in _LONG_ACCUMULATORS:
        reads, writes = _union(registers), _union(registers[:2])
        return Effects(name, reads, writes, accumulator=_union(registers[:2]))
    else:
        writes = registers[0] if registers else 0
        reads = _union(registers[1:])
        if base in READS_DESTINATION or (base in TWO_OPERAND and operands.values == 2):
            reads |= writes
    if sets_flags:
        writes |= FLAGS
    if base in {"adc", "sbc", "rrx", "sel"}:
        reads |= FLAGS
    accumulator = 0
    if name in _ACCUMULATORS and len(registers) == 4:
        accumulator = registers[3]
    elif name == "extend-add":
        accumulator = registers[1] if len(registers) > 2 else registers[0]
    if name == "alu":
        if writes & PC:
            name = "move-to-pc"
        elif operands.shifted:
            name = "shift" if base == "mov" else "shifted-alu"
        elif len(raw) == 4 and base not in {"addw", "subw", "adr"} and operands.immediates and _is_shifted_constant(operands.immediates[-1]):
            name = "shifted-constant"
    flow = Flow.NONE
    if name == "move-to-pc":
        flow = Flow.RETURN if base == "mov" and reads == LR else Flow.INDIRECT
    return Effects(name, reads, writes, accumulator=accumulator, flow=flow)


def _system(name: str, base: str, registers: list[int]) -> Effects:
    if base in {"mrs", "mrc", "mrc2", "mrrc", "mrrc2", "tt", "ttt", "tta", "ttat"}:
        core = [mask for mask in registers if mask & CORE]
        targets = core[:2] if base.startswith("mrrc") else core[:1]
        return Effects(name, reads=_union([mask for mask in registers if mask not in targets]), writes=_union(targets))
    if base == "msr":
        return Effects(name, reads=_union(registers[1:]) or _union(registers) & CORE, writes=_union(registers) & FLAGS)
    if base in {"bxns", "blxns"}:
        flow = Flow.INDIRECT_CALL if base == "blxns" else Flow.RETURN if registers == [LR] else Flow.INDIRECT
        return Effects(name, reads=_union(registers), writes=LR if base == "blxns" else 0, flow=flow)
    return Effects(name, reads=_union(registers))


def _control(name: str, base: str, mnemonic: str, operands: Operands, *, predicated: bool) -> Effects:
    registers = operands.registers
    if name == "branch":
        if predicated or mnemonic.partition(".")[0] != base:
            return Effects("conditional-branch", reads=FLAGS, flow=Flow.CONDITIONAL)
        return Effects("branch", flow=Flow.JUMP)
    if name == "compare-branch":
        return Effects(name, reads=_union(registers), flow=Flow.CONDITIONAL)
    if name == "call":
        return Effects(name, writes=LR, flow=Flow.CALL)
    if name == "indirect-call":
        return Effects(name, reads=_union(registers), writes=LR, flow=Flow.INDIRECT_CALL)
    if registers == [LR]:
        return Effects("return", reads=LR, flow=Flow.RETURN)
    return Effects(name, reads=_union(registers), flow=Flow.INDIRECT)


def _access_size(base: str) -> int:
    if base in {"ldrd", "strd"}:
        return 8
    if base == "tbb" or (base != "tbh" and base.rstrip("t").endswith("b")):
        return 1
    if base == "tbh" or base.rstrip("t").endswith("h"):
        return 2
    return 4


def _memory(name: str, base: str, operands: Operands) -> Effects:
    registers = operands.registers
    if name == "hint":
        return Effects(name, operands.base | operands.index, 0, operands.base | operands.index)
    if name in _MULTIPLE:
        return _multiple(name, base, operands)
    address = operands.base | operands.index
    writeback = operands.base if operands.writeback else 0
    literal = operands.base == PC
    flow = Flow.NONE
    count = 0
    if name == "table-branch":
        return Effects(name, address, 0, address, access_size=_access_size(base), register_offset=True, flow=Flow.INDIRECT)
    if name in _LOADS:
        targets = registers[:2] if name == "load-double" else registers[:1]
        writes, data = _union(targets), 0
        if name == "load" and writes & PC:
            name = "load-branch"
            flow = Flow.RETURN if operands.base == SP and writeback else Flow.INDIRECT
        elif name == "load" and literal:
            name = "load-literal"
    else:
        status = base.startswith(("strex", "stlex"))
        writes, data = (registers[0], _union(registers[1:])) if status else (0, _union(registers))
    if name in {"load-double", "store-double"}:
        count = 2
    return Effects(
        name,
        address | data,
        writes | writeback,
        address,
        store_data=data,
        writeback=writeback,
        register_count=count,
        access_size=_access_size(base),
        literal=literal,
        register_offset=operands.index != 0,
        flow=flow,
    )


def _multiple(name: str, base: str, operands: Operands) -> Effects:
    implied = base in {"push", "pop", "vpush", "vpop"}
    pointer = SP if implied else operands.registers[0] if operands.registers else 0
    writeback = pointer if implied or operands.writeback else 0
    listed = _union(operands.listed)
    words = sum(mask.bit_count() for mask in operands.listed)
    flow = Flow.NONE
    if name in {"load-multiple", "fp-load-multiple"}:
        reads, writes, data = pointer, listed | writeback, 0
        if listed & PC:
            name = "pop-return"
            flow = Flow.RETURN if pointer == SP else Flow.INDIRECT
    else:
        reads, writes, data = pointer | listed, writeback, listed
    return Effects(name, reads, writes, pointer, 0, data, writeback, words, 4, flow=flow)


def _floating_point(name: str, base: str, mnemonic: str, operands: Operands, text: str) -> Effects:
    registers = operands.registers
    types = mnemonic.split(".")[1:]
    if any(kind not in _FP_TYPES for kind in types) or types == ["f16"]:
        return Effects(UNSUPPORTED)
    if name in {"fp-load", "fp-store"}:
        effects = _memory(name, base, operands)
        if registers and registers[0].bit_count() == 2:
            return effects._replace(instruction_class=name + "-double", register_count=2, access_size=8)
        return effects
    if name in _MULTIPLE:
        return _multiple(name, base, operands)
    if name == "fp-status":
        if base == "vmrs":
            return Effects(name, reads=FPSCR, writes=registers[0] if registers else 0)
        return Effects(name, reads=_union(registers) & CORE, writes=FPSCR)
    if name == "fp-compare":
        suffix = "fp64-compare" if "f64" in types else name
        return Effects(suffix, reads=_union(registers), writes=FPSCR)
    core = [mask for mask in registers if mask & CORE]
    if core:
        to_core = registers[0] & CORE != 0
        single = [mask for mask in registers if not mask & CORE]
        reads, writes = (_union(single), _union(core)) if to_core else (_union(core), _union(single))
        return Effects("fp-core-move-pair" if len(core) == 2 else "fp-core-move", reads=reads, writes=writes)
    writes = registers[0] if registers else 0
    reads = _union(registers[1:])
    accumulator = 0
    if name == "fp-multiply-accumulate":
        accumulator = writes
        reads |= writes
    elif base.startswith("vsel"):
        reads |= FLAGS
    elif len(registers) == 2 and base in {"vadd", "vsub", "vmul", "vnmul", "vdiv"}:
        reads |= writes
    if "f64" in types or (not types and "d" in text):
        name = name.replace("fp-", "fp64-", 1)
    return Effects(name, reads, writes, accumulator=accumulator)

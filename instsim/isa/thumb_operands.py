"""What a Thumb instruction does to registers, flags, memory and control, from its text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from instsim.isa.classes import UNKNOWN, UNSUPPORTED
from instsim.isa.instruction import FLAGS, FPSCR, Flow
from instsim.isa.thumb_mnemonics import CONDITIONS, MNEMONIC_CLASSES, READS_DESTINATION, TWO_OPERAND

__all__ = ["Effects", "effects_of"]

CORE = 0xFFFF
SP, LR, PC = 1 << 13, 1 << 14, 1 << 15
_FP_TYPES = frozenset(("f16", "f32", "f64", "s16", "u16", "s32", "u32", "32"))
_IT = re.compile(r"it[te]{0,3}")
_TOKEN = re.compile(r"\{[^}]*\}|\[[^\]]*\]!?|[^,\s][^,]*")
_SHIFT = re.compile(r"(lsl|lsr|asr|ror|rrx)\b")
_COMPARISONS = frozenset(("cmp", "cmn", "tst", "teq"))
_LOADS = frozenset(("load", "load-double", "load-multiple", "load-exclusive", "fp-load", "fp-load-multiple", "pop-return"))
_MULTIPLE = frozenset(("load-multiple", "store-multiple", "fp-load-multiple", "fp-store-multiple"))
_ACCUMULATORS = frozenset(("multiply-accumulate", "dsp-multiply-accumulate"))
_LONG_ACCUMULATORS = frozenset(("long-multiply-accumulate", "dsp-long-accumulate"))
_TRAPS = frozenset(("supervisor-call", "breakpoint"))


def _registers() -> Mapping[str, int]:
    masks = {f"r{number}": 1 << number for number in range(13)}
    masks.update({"sb": 1 << 9, "sl": 1 << 10, "fp": 1 << 11, "ip": 1 << 12, "sp": SP, "lr": LR, "pc": PC})
    masks.update({f"s{number}": 1 << 48 + number for number in range(32)})
    masks.update({f"d{number}": 3 << 48 + 2 * number for number in range(16)})
    masks.update({f"d{number}[{half}]": 1 << 48 + 2 * number + half for number in range(16) for half in range(2)})
    masks.update({"apsr_nzcv": FLAGS, "apsr": FLAGS, "apsr_nzcvq": FLAGS, "fpscr": FPSCR})
    return MappingProxyType(masks)


_REGISTERS = _registers()


class Effects(NamedTuple):
    """Everything about an instruction that depends neither on its address nor on the IT block around it."""

    fields: tuple[str, int, int, int, int, int, int, int, int, bool, bool]
    flow: Flow

    @property
    def instruction_class(self) -> str:
        """Name of the class."""
        return self.fields[0]


@dataclass(slots=True)
class _Operands:
    """Operands of one instruction, sorted by kind."""

    registers: list[int] = field(default_factory=list)
    values: int = 0
    immediates: list[str] = field(default_factory=list)
    shifted: bool = False
    base: int = 0
    index: int = 0
    writeback: bool = False
    listed: list[int] = field(default_factory=list)
    foreign: bool = False


def _parse(text: str) -> _Operands:
    operands = _Operands()
    in_memory = False
    for token in _TOKEN.findall(text):
        if token[0] == "[":
            in_memory = True
            operands.writeback = token[-1] == "!"
            parts = token.rstrip("!")[1:-1].split(",")
            operands.base = _REGISTERS.get(parts[0].strip(), 0)
            if len(parts) > 1:
                operands.index = _REGISTERS.get(parts[1].strip().lstrip("-"), 0)
        elif in_memory:
            # Something behind the brackets is the step of a post-indexed access.
            operands.writeback = True
        elif token[0] == "{":
            names = [name.strip() for name in token[1:-1].split(",")]
            operands.listed = [_REGISTERS.get(name, 0) for name in names if name]
        elif token[0] == "#":
            operands.immediates.append(token[1:])
            operands.values += 1
        elif _SHIFT.match(token):
            operands.shifted = True
        else:
            name = token.strip()
            if name.endswith("!"):
                operands.writeback = True
                name = name[:-1]
            mask = _REGISTERS.get(name)
            if mask is not None:
                operands.registers.append(mask)
                operands.values += 1
            elif re.fullmatch(r"[qd]\d+.*", name):
                operands.foreign = True
    return operands


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
        return _plain(mnemonic.partition(":")[0])
    if _IT.fullmatch(mnemonic):
        return _plain("it", reads=FLAGS)
    base, sets_flags = _split(mnemonic, predicated=predicated)
    name = MNEMONIC_CLASSES.get(base)
    if name is None or _is_foreign(raw, base):
        return _plain(UNSUPPORTED)
    operands = _parse(text)
    if operands.foreign:
        return _plain(UNSUPPORTED)
    if name.startswith("fp-"):
        effects = _floating_point(name, base, mnemonic, operands, text)
    elif operands.base or name in _MULTIPLE:
        effects = _memory(name, base, operands)
    elif name in {"branch", "compare-branch", "call", "indirect-call", "indirect-branch"}:
        effects = _control(name, base, mnemonic, operands, predicated=predicated)
    else:
        effects = _data_processing(name, base, operands, raw, sets_flags=sets_flags)
    if predicated and effects.instruction_class not in {UNSUPPORTED, "conditional-branch"}:
        fields = list(effects.fields)
        fields[1] = effects.fields[1] | FLAGS
        return Effects(tuple(fields), effects.flow)  # type: ignore[arg-type]
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


def _plain(name: str, *, reads: int = 0, writes: int = 0, flow: Flow = Flow.NONE) -> Effects:
    return Effects((name, reads, writes, 0, 0, 0, 0, 0, 0, False, False), flow)


def _union(masks: list[int]) -> int:
    result = 0
    for mask in masks:
        result |= mask
    return result


def _data_processing(name: str, base: str, operands: _Operands, raw: bytes, *, sets_flags: bool) -> Effects:
    registers = operands.registers
    if name in _TRAPS:
        return _plain(name, flow=Flow.TRAP)
    if name in {"nop", "hint", "barrier", "security", "coprocessor", "system"}:
        return _system(name, base, registers)
    if base in _COMPARISONS:
        reads, writes = _union(registers), FLAGS
    elif name == "long-multiply":
        reads, writes = _union(registers[2:]), _union(registers[:2])
    elif name in _LONG_ACCUMULATORS:
        reads, writes = _union(registers), _union(registers[:2])
        return Effects((name, reads, writes, 0, _union(registers[:2]), 0, 0, 0, 0, False, False), Flow.NONE)
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
    return Effects((name, reads, writes, 0, accumulator, 0, 0, 0, 0, False, False), flow)


def _system(name: str, base: str, registers: list[int]) -> Effects:
    if base in {"mrs", "mrc", "mrc2", "mrrc", "mrrc2", "tt", "ttt", "tta", "ttat"}:
        core = [mask for mask in registers if mask & CORE]
        targets = core[:2] if base.startswith("mrrc") else core[:1]
        return _plain(name, reads=_union([mask for mask in registers if mask not in targets]), writes=_union(targets))
    if base == "msr":
        return _plain(name, reads=_union(registers[1:]) or _union(registers) & CORE, writes=_union(registers) & FLAGS)
    if base in {"bxns", "blxns"}:
        flow = Flow.INDIRECT_CALL if base == "blxns" else Flow.RETURN if registers == [LR] else Flow.INDIRECT
        return _plain(name, reads=_union(registers), writes=LR if base == "blxns" else 0, flow=flow)
    return _plain(name, reads=_union(registers))


def _control(name: str, base: str, mnemonic: str, operands: _Operands, *, predicated: bool) -> Effects:
    registers = operands.registers
    if name == "branch":
        if predicated or mnemonic.partition(".")[0] != base:
            return _plain("conditional-branch", reads=FLAGS, flow=Flow.CONDITIONAL)
        return _plain("branch", flow=Flow.JUMP)
    if name == "compare-branch":
        return _plain(name, reads=_union(registers), flow=Flow.CONDITIONAL)
    if name == "call":
        return _plain(name, writes=LR, flow=Flow.CALL)
    if name == "indirect-call":
        return _plain(name, reads=_union(registers), writes=LR, flow=Flow.INDIRECT_CALL)
    if registers == [LR]:
        return _plain("return", reads=LR, flow=Flow.RETURN)
    return _plain(name, reads=_union(registers), flow=Flow.INDIRECT)


def _access_size(base: str) -> int:
    if base in {"ldrd", "strd"}:
        return 8
    if base == "tbb" or (base != "tbh" and base.rstrip("t").endswith("b")):
        return 1
    if base == "tbh" or base.rstrip("t").endswith("h"):
        return 2
    return 4


def _memory(name: str, base: str, operands: _Operands) -> Effects:
    registers = operands.registers
    if name == "hint":
        return Effects((name, operands.base | operands.index, 0, operands.base | operands.index, 0, 0, 0, 0, 0, False, False), Flow.NONE)
    if name in _MULTIPLE:
        return _multiple(name, base, operands)
    address = operands.base | operands.index
    writeback = operands.base if operands.writeback else 0
    literal = operands.base == PC
    flow = Flow.NONE
    count = 0
    if name == "table-branch":
        return Effects((name, address, 0, address, 0, 0, 0, 0, _access_size(base), False, True), Flow.INDIRECT)
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
    fields = (
        name,
        address | data,
        writes | writeback,
        address,
        0,
        data,
        writeback,
        count,
        _access_size(base),
        literal,
        operands.index != 0,
    )
    return Effects(fields, flow)


def _multiple(name: str, base: str, operands: _Operands) -> Effects:
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
    return Effects((name, reads, writes, pointer, 0, data, writeback, words, 4, False, False), flow)


def _floating_point(name: str, base: str, mnemonic: str, operands: _Operands, text: str) -> Effects:
    registers = operands.registers
    types = mnemonic.split(".")[1:]
    if any(kind not in _FP_TYPES for kind in types) or types == ["f16"]:
        return _plain(UNSUPPORTED)
    if name in {"fp-load", "fp-store"}:
        effects = _memory(name, base, operands)
        fields = list(effects.fields)
        double = bool(registers) and registers[0].bit_count() == 2
        fields[0] = name + "-double" if double else name
        fields[7] = 2 if double else 0
        fields[8] = 8 if double else 4
        return Effects(tuple(fields), Flow.NONE)  # type: ignore[arg-type]
    if name in _MULTIPLE:
        return _multiple(name, base, operands)
    if name == "fp-status":
        if base == "vmrs":
            return _plain(name, reads=FPSCR, writes=registers[0] if registers else 0)
        return _plain(name, reads=_union(registers) & CORE, writes=FPSCR)
    if name == "fp-compare":
        suffix = "fp64-compare" if "f64" in types else name
        return _plain(suffix, reads=_union(registers), writes=FPSCR)
    core = [mask for mask in registers if mask & CORE]
    if core:
        to_core = registers[0] & CORE != 0
        single = [mask for mask in registers if not mask & CORE]
        reads, writes = (_union(single), _union(core)) if to_core else (_union(core), _union(single))
        return _plain("fp-core-move-pair" if len(core) == 2 else "fp-core-move", reads=reads, writes=writes)
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
    return Effects((name, reads, writes, 0, accumulator, 0, 0, 0, 0, False, False), Flow.NONE)

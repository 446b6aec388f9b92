"""RP2350's coprocessors (datasheet chapter 3.6): pins, double precision, and redundancy checks, which never fail here."""

from __future__ import annotations

from instsim.emulate.chip import Chip
from instsim.emulate.devices import Device
from instsim.emulate.double_coprocessor import DoubleCoprocessor

__all__ = ["Rp2350Coprocessors"]

_PINS, _DOUBLES, _CHECKS = 0, 4, 7
_MOVES, _PAIRS, _ANY_PAIR = 0xEE00, 0xEC40, 0xFFE0
_FLAGS_REGISTER = 15
_OUT, _ENABLE, _IN = 0, 4, 8
_REGISTERS = {_OUT: 0x10, _ENABLE: 0x30, _IN: 0x04}
_STEPS = (0, 24, 8, 16)
"""From the plain register of the pins to those that flip, set and clear."""


class Rp2350Coprocessors:
    """Carries coprocessor instructions out, which the emulator refuses.

    Parameters
    ----------
    chip : Chip
        Its registers and memory.
    pins : Device
        The single-cycle IO block.
    """

    def __init__(self, chip: Chip, pins: Device) -> None:
        self._chip = chip
        self._pins = pins
        self._doubles = DoubleCoprocessor()

    def execute(self, pc: int) -> bool:
        """Carry out the instruction at an address; return False if no coprocessor of the chip knows it."""
        code = self._chip.memory.read(pc, 4)
        if code is None:
            return False
        first, second = int.from_bytes(code[:2], "little"), int.from_bytes(code[2:], "little")
        coprocessor, source, register = second >> 8 & 15, second & 15, second >> 12
        peeks = bool(first & 0x1000)
        first &= ~0x1000
        if coprocessor not in (_PINS, _DOUBLES, _CHECKS):
            return False
        if first & _ANY_PAIR == _PAIRS:
            return self._pair(coprocessor, second >> 4 & 15, source, (register, first & 15), is_read=bool(first & 0x10), peeks=peeks)
        if first & 0xFF00 != _MOVES:
            return False
        which = second >> 5 & 7
        if not second & 0x10:
            return coprocessor == _DOUBLES and self._doubles.step(first >> 4 & 15, source, which)
        operation = first >> 5 & 7
        if first & 0x10:
            value = self._read(coprocessor, source, which, peeks=peeks)
            if value is not None:
                self._set(register, value)
            return value is not None
        return coprocessor == _CHECKS or (coprocessor == _PINS and self._move_pins(operation, source, self._get(register), None))

    def _get(self, register: int) -> int:
        return self._chip.engine.read_register(self._chip.engine.registers.general[register])

    def _set(self, register: int, value: int) -> None:
        engine = self._chip.engine
        if register == _FLAGS_REGISTER:
            engine.write_register(engine.registers.special["flags"], value & 0xF0000000)
        else:
            engine.write_register(engine.registers.general[register], value)

    def _pair(self, coprocessor: int, operation: int, source: int, registers: tuple[int, int], *, is_read: bool, peeks: bool) -> bool:
        if not is_read:
            low, high = (self._get(register) for register in registers)
            if coprocessor == _DOUBLES:
                return self._doubles.put(operation, source, low, high)
            return coprocessor == _CHECKS or self._move_pins(operation, source, low, high)
        if coprocessor == _DOUBLES:
            words = self._doubles.take_pair(operation, source, peeks=peeks)
        elif coprocessor == _PINS:
            words = (self._pin_word(source), self._pin_word(source + 1))
        else:
            words = (0, 0)
        if words is None:
            return False
        for register, word in zip(registers, words, strict=True):
            self._set(register, word)
        return True

    def _read(self, coprocessor: int, source: int, which: int, *, peeks: bool) -> int | None:
        if coprocessor == _DOUBLES:
            return self._doubles.take(source, which, peeks=peeks)
        return self._pin_word(source) if coprocessor == _PINS else 0

    def _pin_word(self, source: int) -> int:
        offset = _REGISTERS.get(source & 12, 0x04) + 4 * (source & 1)
        value = self._pins.read(offset)
        return self._pins.registers.get(offset, 0) if value is None else value

    def _move_pins(self, operation: int, source: int, low: int, high: int | None) -> bool:
        """Write pins or their direction: all of them (operations 0 to 3), one of them (4 to 7), or one of the two words (8 to 11)."""
        if source & 14 not in (_OUT, _ENABLE) or operation > 11:
            return False
        base, step, is_high_word = _REGISTERS[source & 12], _STEPS[operation & 3], source & 1
        if operation < 4:
            self._pins.write(base + step + 4 * is_high_word, low)
            if high is not None:
                self._pins.write(base + step + 4, high)
        elif operation < 8:
            level = 1 if high is None else high & 1
            if operation == 4:
                step = _STEPS[2 if level else 3]
            elif not level:
                return True
            self._pins.write(base + step + 4 * (low >> 5 & 1), 1 << (low & 31))
        else:
            self._pins.write(base + step + 4 * ((high or 0) & 1), low)
        return True

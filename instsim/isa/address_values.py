"""Register values of one block as expressions over the registers at its start: what `address_steps` follows while it decodes.

A value is a number and a constant, meaning their sum modulo 2**32. The number is a register at the start, a result of a computation
(`FIRST_RESULT` and up, an index into the block's events), or `NO_REGISTER` for a plain constant. Additions of constants only change the
constant, so most address arithmetic of compiled code leaves no computation behind.
"""

from __future__ import annotations

from instsim.dynamics.address_operations import FIRST_TEMPORARY, NO_REGISTER, REGISTER_FILE_WORDS, Operation
from instsim.isa.address_step import AddressStep

__all__ = ["ZERO", "BlockValues", "Value"]

Value = tuple[int, int]
"""Number (register at the start, result, or `NO_REGISTER`) and constant."""

FIRST_RESULT = 256
ZERO: Value = (NO_REGISTER, 0)

_MASK = 0xFFFFFFFF
_READ, _WRITE, _LOAD, _SET, _ADD = Operation.READ, Operation.WRITE, Operation.LOAD, Operation.SET, Operation.ADD
_SHIFT_LEFT, _SHIFT_RIGHT, _SHIFT_RIGHT_SIGNED = Operation.SHIFT_LEFT, Operation.SHIFT_RIGHT, Operation.SHIFT_RIGHT_SIGNED

_Event = tuple[int, Operation, int, int, int, int, int, int, bool, bool, bool]
"""Place, operation, base, index, shift, offset, size, words, signed, known, predicated."""

_Address = tuple[int, int, int, int]
"""Base, index, shift and offset of an access."""


class BlockValues:
    """Values of the registers while one block is decoded, and its accesses and computations so far.

    Parameters
    ----------
    count : int
        Registers of the instruction set.

    Attributes
    ----------
    registers : list of Value
        Present values; a decoder reads and sets them.
    place : int
        Index of the instruction being decoded.
    predicated : bool
        Whether it stands in an IT block.
    """

    __slots__ = ("_events", "_kept_from", "_stored", "_unknown", "place", "predicated", "registers")

    def __init__(self, count: int) -> None:
        self.registers: list[Value] = [(number, 0) for number in range(count)]
        self.place = 0
        self.predicated = False
        self._events: list[_Event] = []
        self._kept_from = FIRST_RESULT
        self._unknown: set[int] = set()
        self._stored: dict[tuple[int, int, int, int, int], Value] = {}

    # -- computations ------------------------------------------------------------------------------------------------------------

    def _result(  # noqa: PLR0917 -- the columns of an event
        self, operation: Operation, base: int, index: int = NO_REGISTER, shift: int = 0, offset: int = 0, size: int = 4, *, signed: bool = False
    ) -> int:
        events = self._events
        events.append((self.place, operation, base, index, shift, offset, size, 1, signed, True, self.predicated))
        return FIRST_RESULT - 1 + len(events)

    def unknown(self) -> Value:
        """Return a value that no step can compute."""
        number = self._result(Operation.FORGET, NO_REGISTER)
        self._unknown.add(number)
        return number, 0

    def _plain(self, value: Value) -> int:
        """Return the number of a register or result that holds the whole value."""
        number, constant = value
        if number == NO_REGISTER:
            return self._result(_SET, NO_REGISTER, offset=constant)
        return self._result(_ADD, number, offset=constant) if constant else number

    def add(self, first: Value, second: Value, shift: int = 0) -> Value:
        """Return ``first + (second << shift)``."""
        number, constant = second
        constant = (first[1] + (constant << shift)) & _MASK
        if number == NO_REGISTER:
            return first[0], constant
        base = first[0]
        if base == NO_REGISTER and shift == 0:
            return number, constant
        if base in self._unknown:
            return first
        if number in self._unknown:
            return second
        if shift == 0:
            shifted = self._as_shifted(number)
            if shifted is not None:
                number, shift = shifted
            elif base != NO_REGISTER:
                shifted = self._as_shifted(base)
                if shifted is not None:
                    base, (number, shift) = number, shifted
        return self._result(_ADD, base, number, shift), constant

    def _as_shifted(self, number: int) -> tuple[int, int] | None:
        """Return register and shift where a result is a register shifted left by a constant."""
        if number >= FIRST_RESULT:
            event = self._events[number - FIRST_RESULT]
            if event[1] is _SHIFT_LEFT and event[3] == NO_REGISTER:
                return event[2], event[5]
        return None

    def subtract(self, first: Value, second: Value, shift: int = 0) -> Value:
        """Return ``first - (second << shift)``."""
        constant = (first[1] - (second[1] << shift)) & _MASK
        if second[0] == NO_REGISTER:
            return first[0], constant
        if first[0] == second[0] and shift == 0:
            return NO_REGISTER, constant
        if first[0] in self._unknown:
            return first
        if second[0] in self._unknown:
            return second
        return self._result(Operation.SUBTRACT, first[0], second[0], shift), constant

    def reverse_subtract(self, first: Value, second: Value, shift: int = 0) -> Value:
        """Return ``(second << shift) - first``."""
        if shift == 0:
            return self.subtract(second, first)
        return self.subtract(self.shift_left(second, (NO_REGISTER, shift)), first)

    def logic(self, operation: Operation, first: Value, second: Value) -> Value:
        """Return ``first`` combined with ``second`` bit by bit: `AND`, `OR`, `XOR` or `CLEAR`."""
        if second[0] != NO_REGISTER and first[0] == NO_REGISTER and operation is not Operation.CLEAR:
            first, second = second, first
        if first[0] in self._unknown:
            return first
        if second[0] in self._unknown:
            return second
        if second[0] != NO_REGISTER:
            return self._result(operation, self._plain(first), self._plain(second)), 0
        constant = second[1]
        if first[0] == NO_REGISTER:
            return NO_REGISTER, _combined(operation, first[1], constant)
        if constant == (_MASK if operation is Operation.AND else 0):
            return first
        return self._result(operation, self._plain(first), offset=constant), 0

    def shift_left(self, value: Value, amount: Value) -> Value:
        """Return ``value << amount``, 0 where the amount is 32 or more."""
        if amount[0] != NO_REGISTER or amount[1] >= 32 or value[0] in self._unknown:
            return self._shift(_SHIFT_LEFT, value, amount)
        number, bits = value[0], amount[1]
        if bits == 0:
            return value
        constant = value[1] << bits & _MASK
        if number == NO_REGISTER:
            return NO_REGISTER, constant
        return self._result(_SHIFT_LEFT, number, offset=bits), constant

    def shift_right(self, value: Value, amount: Value, *, signed: bool = False) -> Value:
        """Return ``value >> amount``, 0 (or the sign) where the amount is 32 or more."""
        return self._shift(_SHIFT_RIGHT_SIGNED if signed else _SHIFT_RIGHT, value, amount)

    def _shift(self, operation: Operation, value: Value, amount: Value) -> Value:
        if value[0] in self._unknown:
            return value
        if amount[0] in self._unknown:
            return amount
        if amount[0] != NO_REGISTER:
            return self._result(operation, self._plain(value), self._plain(amount)), 0
        bits = amount[1]
        if bits == 0:
            return value
        if bits >= 32 and operation is not _SHIFT_RIGHT_SIGNED:
            return ZERO
        if value[0] == NO_REGISTER:
            if operation is _SHIFT_RIGHT_SIGNED:
                return NO_REGISTER, _signed(value[1], 32) >> min(bits, 31) & _MASK
            return NO_REGISTER, (value[1] >> bits if operation is _SHIFT_RIGHT else value[1] << bits) & _MASK
        return self._result(operation, self._plain(value), offset=bits), 0

    def rotate_right(self, value: Value, bits: int) -> Value:
        """Return a value rotated by a constant."""
        if bits == 0:
            return value
        return self.logic(Operation.OR, self.shift_right(value, (NO_REGISTER, bits)), self.shift_left(value, (NO_REGISTER, 32 - bits)))

    def extract(self, value: Value, low: int, bits: int, *, signed: bool) -> Value:
        """Return the bits from `low` on as a number."""
        if value[0] in self._unknown:
            return value
        if value[0] == NO_REGISTER:
            part = value[1] >> low & (1 << bits) - 1
            return NO_REGISTER, (_signed(part, bits) if signed else part) & _MASK
        return self._result(Operation.EXTRACT, self._plain(value), shift=low, size=bits, signed=signed), 0

    def multiply(self, first: Value, second: Value) -> Value:
        """Return ``first * second``."""
        if first[0] == NO_REGISTER:
            first, second = second, first
        if first[0] in self._unknown:
            return first
        if second[0] in self._unknown:
            return second
        factor = second[1]
        if second[0] != NO_REGISTER:
            return self._result(Operation.MULTIPLY, self._plain(first), self._plain(second)), 0
        if first[0] == NO_REGISTER or factor == 0:
            return NO_REGISTER, first[1] * factor & _MASK
        if factor & factor - 1 == 0:
            return self.shift_left(first, (NO_REGISTER, factor.bit_length() - 1))
        return self._result(Operation.MULTIPLY, first[0], self._plain(second)), first[1] * factor & _MASK

    def start_conditional(self, *, single: bool) -> None:
        """Begin an IT block, of a single instruction or of several."""
        self.predicated = True
        self._kept_from = 0 if single else FIRST_RESULT + len(self._events)

    def set_constant(self, target: int, constant: int) -> None:
        """Move a constant to a register, unless conditionally over a value that is none and may as well be the one in force.

        Compilers write ``p ? p->field : 0`` and limits that way: the constant is the case that leads to no access, or seldom. A value from
        before an IT block of several instructions is none to keep, since another of them may replace it too.
        """
        number = self.registers[target][0]
        if not self.predicated or number == NO_REGISTER or number < self._kept_from:
            self.registers[target] = NO_REGISTER, constant

    # -- accesses ----------------------------------------------------------------------------------------------------------------

    def _address(self, base: Value, index: Value | None, shift: int, offset: int) -> _Address:
        number, constant = base
        scaled = NO_REGISTER
        if index is not None:
            scaled = index[0]
            constant += index[1] << shift
            if scaled == NO_REGISTER:
                shift = 0
            elif number == NO_REGISTER and shift == 0:
                number, scaled = scaled, NO_REGISTER
        unknown = self._unknown
        if unknown:
            if scaled in unknown:
                number, scaled, shift = scaled, NO_REGISTER, 0
            elif number in unknown:
                scaled, shift = NO_REGISTER, 0
        if scaled == NO_REGISTER:
            if number >= FIRST_RESULT:
                event = self._events[number - FIRST_RESULT]
                if event[1] is _ADD:
                    number, scaled, shift = event[2], event[3], event[4]
                    constant += event[5]
        elif shift == 0:
            shifted = self._as_shifted(scaled)
            if shifted is not None:
                scaled, shift = shifted
        return number, scaled, shift, constant + offset & _MASK

    def _access(self, operation: Operation, address: _Address, size: int, words: int) -> None:
        self._events.append((self.place, operation, *address, size, words, False, address[0] not in self._unknown, self.predicated))

    def _loaded(self, address: _Address, size: int, *, signed: bool) -> Value:
        stored = self._stored.get((*address, size)) if self._stored else None
        if stored is not None:
            return stored if size == 4 else self.extract(stored, 0, 8 * size, signed=signed)
        if address[0] in self._unknown:
            return address[0], 0
        return self._result(_LOAD, *address, size, signed=signed), 0

    def load(self, base: Value, offset: int, size: int = 4, *, index: Value | None = None, shift: int = 0, signed: bool = False) -> Value:
        """Read one word at ``base + (index << shift) + offset``; return its value."""
        address = self._address(base, index, shift, offset)
        self._access(_READ, address, size, 1)
        return self._loaded(address, size, signed=signed)

    def read(self, base: Value, offset: int, size: int = 4, words: int = 1, *, index: Value | None = None, shift: int = 0) -> None:
        """Read memory into what is not followed."""
        self._access(_READ, self._address(base, index, shift, offset), size, words)

    def load_several(self, base: Value, offset: int, count: int) -> list[Value]:
        """Read words at rising addresses; return their values."""
        address = self._address(base, None, 0, offset)
        self._access(_READ, address, 4, count)
        number, scaled, shift, constant = address
        return [self._loaded((number, scaled, shift, constant + 4 * word & _MASK), 4, signed=False) for word in range(count)]

    def store(self, value: Value, base: Value, offset: int, size: int = 4, *, index: Value | None = None, shift: int = 0) -> None:
        """Write one word."""
        address = self._address(base, index, shift, offset)
        self._access(_WRITE, address, size, 1)
        self._stored[(*address, size)] = value

    def write(self, base: Value, offset: int, size: int = 4, words: int = 1) -> None:
        """Write memory from what is not followed."""
        number, scaled, shift, constant = address = self._address(base, None, 0, offset)
        self._access(_WRITE, address, size, words)
        lost = self.unknown()
        for word in range(words):
            self._stored[number, scaled, shift, constant + size * word & _MASK, size] = lost

    def store_several(self, stored: list[Value], base: Value, offset: int) -> None:
        """Write words at rising addresses."""
        number, scaled, shift, constant = address = self._address(base, None, 0, offset)
        self._access(_WRITE, address, 4, len(stored))
        for word, value in enumerate(stored):
            self._stored[number, scaled, shift, constant + 4 * word & _MASK, 4] = value

    # -- result ------------------------------------------------------------------------------------------------------------------

    def steps(self) -> tuple[AddressStep, ...]:
        """Return the accesses, and the computations they need, in program order."""
        events = self._events
        temporaries: dict[int, int] = {}
        free = list(range(REGISTER_FILE_WORDS - 1, FIRST_TEMPORARY - 1, -1))
        steps: list[AddressStep] = []
        # From the last event to the first, the first use met is the last one, so a temporary is free again where its result is computed.
        for number in range(len(events) + FIRST_RESULT - 1, FIRST_RESULT - 1, -1):
            place, operation, base, index, shift, offset, size, words, signed, known, predicated = events[number - FIRST_RESULT]
            target = NO_REGISTER
            if operation is not _READ and operation is not _WRITE:
                if number not in temporaries:
                    continue
                target = temporaries.pop(number)
                free.append(target)
            if base >= FIRST_RESULT:
                if base not in temporaries:
                    if not free:
                        return self._static_steps()
                    temporaries[base] = free.pop()
                base = temporaries[base]
            if index >= FIRST_RESULT:
                if index not in temporaries:
                    if not free:
                        return self._static_steps()
                    temporaries[index] = free.pop()
                index = temporaries[index]
            steps.append(AddressStep(place, operation, target, base, index, shift, offset, size, words, signed, known, predicated))
        steps.reverse()
        return tuple(steps)

    def _static_steps(self) -> tuple[AddressStep, ...]:
        """Return the accesses alone, where a block needs more temporaries than there are: whatever needs a result is not known."""
        steps = []
        for place, operation, base, index, shift, offset, size, words, _, known, predicated in self._events:
            if operation is _READ or operation is _WRITE:
                if base < FIRST_RESULT > index:
                    steps.append(AddressStep(place, operation, NO_REGISTER, base, index, shift, offset, size, words, False, known, predicated))
                else:
                    steps.append(AddressStep(place, operation, size=size, words=words, known=False, predicated=predicated))
        return tuple(steps)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def _combined(operation: Operation, first: int, second: int) -> int:
    match operation:
        case Operation.AND:
            return first & second
        case Operation.OR:
            return first | second
        case Operation.XOR:
            return first ^ second
        case _:
            return first & ~second

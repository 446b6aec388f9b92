"""Devices without a life of their own: constants, plain registers, and bits that follow others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.spec import DeviceSpec

__all__ = ["Constant", "Follow", "FollowingBits", "ReadyBits", "RegisterFile"]


class RegisterFile(Device):
    """Registers that keep what is written to them, and never count as polled: their reset values are given."""

    parameters: ClassVar[frozenset[str]] = frozenset({"resets"})

    def read(self, offset: int) -> int | None:
        """Return what was written last."""
        return self.registers.get(offset, 0)


class Constant(Device):
    """Registers that read as one value, whatever is written."""

    default_size: ClassVar[int] = 4
    parameters: ClassVar[frozenset[str]] = frozenset({"value"})

    def read(self, offset: int) -> int | None:
        """Return the value."""
        del offset
        return int(self.spec.value("value", 0))

    def write(self, offset: int, value: int) -> None:
        """Ignore the store."""


@dataclass(frozen=True, slots=True)
class Follow:
    """A field that reads as another field was written: a ready bit that follows its enable bit.

    Attributes
    ----------
    source, source_bit : int
        Offset of the register that is written, and the lowest bit of the field in it.
    target, target_bit : int
        Offset of the register that is read, and the lowest bit there.
    width : int
        Bits of the field.
    """

    source: int
    source_bit: int
    target: int
    target_bit: int
    width: int = 1


@dataclass(frozen=True)
class FollowingBits:
    """What a block of control registers answers.

    Attributes
    ----------
    follows : tuple of Follow
        Fields that follow others.
    ones, zeros : mapping of int to int
        Bits by offset that always read as one, or as zero.
    resets : mapping of int to int
        Reset values by offset.
    """

    follows: tuple[Follow, ...] = ()
    ones: dict[int, int] = field(default_factory=dict)
    zeros: dict[int, int] = field(default_factory=dict)
    resets: dict[int, int] = field(default_factory=dict)


class ReadyBits(Device):
    """Control registers whose ready bits follow their enable bits at once.

    The board file lists them: ``follows`` has rows of source offset and bit, target offset and bit, and width; ``ones`` and ``zeros`` rows of
    offset and mask; ``resets`` rows of offset and value.
    """

    parameters: ClassVar[frozenset[str]] = frozenset({"follows", "ones", "zeros", "resets"})

    def __init__(self, spec: DeviceSpec, around: Surroundings, bits: FollowingBits | None = None) -> None:
        self.bits = bits or FollowingBits(
            tuple(Follow(*row) for row in spec.rows("follows")), dict(spec.pairs("ones")), dict(spec.pairs("zeros")), dict(spec.pairs("resets"))
        )
        self._answered = {follow.target for follow in self.bits.follows} | self.bits.ones.keys() | self.bits.zeros.keys()
        super().__init__(spec, around)

    def reset(self) -> None:
        """Give all registers their reset values."""
        super().reset()
        self.registers = dict(self.bits.resets) | self.registers

    def read(self, offset: int) -> int | None:
        """Return what was written, with the fields that follow another in step with it."""
        if offset not in self._answered:
            return None
        value = self.registers.get(offset, 0)
        for follow in self.bits.follows:
            if follow.target == offset:
                mask = (1 << follow.width) - 1
                field_value = self.registers.get(follow.source, 0) >> follow.source_bit & mask
                value = value & ~(mask << follow.target_bit) | field_value << follow.target_bit
        return (value | self.bits.ones.get(offset, 0)) & ~self.bits.zeros.get(offset, 0)

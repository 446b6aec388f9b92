"""How a run of the machine ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from instsim.image import FirmwareImage

__all__ = ["Stop", "StopReason", "is_program_end"]

_EXIT = "_exit"
"""Where C libraries without an operating system end."""


class StopReason(StrEnum):
    """Why a run ended."""

    REGION_DONE = "region-done"
    EXIT = "exit"
    BUDGET = "budget"
    DEADLOCK = "deadlock"
    IDLE = "idle"
    WAITING = "waiting"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Stop:
    """How a run ended.

    Attributes
    ----------
    reason : StopReason
        Why.
    pc : int
        Where.
    message : str
        What happened, for a fault or deadlock, how long the firmware has been idle, what it waits for, or what used a budget up.
    backtrace : tuple of int
        Addresses of the calls that led there, innermost first: the program counter, then return addresses found on the stack.
    """

    reason: StopReason
    pc: int
    message: str = ""
    backtrace: tuple[int, ...] = ()


def is_program_end(image: FirmwareImage, address: int) -> bool:
    """Whether a breakpoint at an address means that ``main`` has returned (Pico SDK)."""
    return any(symbol.name == _EXIT and symbol.address <= address < symbol.address + max(symbol.size, 2) for symbol in image.symbols)

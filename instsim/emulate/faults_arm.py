"""Cortex-M faults in words: which exception, which status bits, and whether the firmware is asked to handle it.

Arm DDI 0403E, B1.5.14 (fault behaviour) and B3.2.15 (``CFSR``); Arm DDI 0553B for the stack limits of Armv8-M.
"""

from __future__ import annotations

from dataclasses import dataclass

from instsim.emulate.nvic import HARD_FAULT

__all__ = ["ACCESS_FAULTS", "TRAP_FAULTS", "ArmFault"]

_NAMES = {3: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault"}
_FORCED = 1 << 30


@dataclass(frozen=True, slots=True)
class ArmFault:
    """One cause of a fault.

    Attributes
    ----------
    exception : int
        4 (MemManage), 5 (BusFault) or 6 (UsageFault); 3 for what can only be a HardFault.
    bits : int
        Bits of ``CFSR``.
    names : str
        Their names.
    what : str
        In plain words.
    """

    exception: int
    bits: int
    names: str
    what: str

    def describe(self, what: str, address: int | None, *, has_own_exceptions: bool, active: tuple[int, ...] = ()) -> str:
        """Return the message for a fault that stops the machine.

        Parameters
        ----------
        what : str
            What happened; empty for the cause's own words.
        address : int or None
            Accessed address, where there is one.
        has_own_exceptions : bool
            False on Armv6-M, where every fault is a HardFault without status bits.
        active : tuple of int
            Exceptions whose handlers were running.
        """
        decoded = "HardFault" if not has_own_exceptions else _NAMES[self.exception]
        if has_own_exceptions and self.names:
            decoded += f", CFSR {self.bits:#010x}: {self.names}"
        if has_own_exceptions and address is not None:
            decoded += f", {'MMFAR' if self.bits & 0xFF else 'BFAR'} {address:#010x}"
        if HARD_FAULT in active or 2 in active:
            decoded += "; the core locks up, because the HardFault or NMI handler itself failed"
        elif active:
            name = f", {_NAMES[active[-1]]}" if active[-1] in _NAMES else ""
            decoded += f"; in the handler of exception {active[-1]}{name}"
        return f"{what or self.what} ({decoded})"

    @property
    def forced(self) -> int:
        """``HFSR`` bits when it escalates."""
        return _FORCED


TRAP_FAULTS = {
    1: ArmFault(6, 1 << 16, "UNDEFINSTR", "undefined instruction"),
    3: ArmFault(5, 1 << 8, "IBUSERR", "instruction fetch refused"),
    4: ArmFault(5, 1 << 9 | 1 << 15, "PRECISERR BFARVALID", "data access refused"),
    8: ArmFault(6, 1 << 18, "INVPC", "exception return without an exception"),
    17: ArmFault(6, 1 << 19, "NOCP", "floating-point or coprocessor instruction without such a unit"),
    18: ArmFault(6, 1 << 17, "INVSTATE", "branch to Arm state (an address without the Thumb bit)"),
    19: ArmFault(6, 1 << 20, "STKOF", "stack limit violated"),
    22: ArmFault(6, 1 << 24, "UNALIGNED", "unaligned access"),
}
"""Unicorn's exception number to the fault."""

ACCESS_FAULTS = {
    "execute": ArmFault(5, 1 << 8, "IBUSERR", "jump to where there is no code"),
    "read": ArmFault(5, 1 << 9 | 1 << 15, "PRECISERR BFARVALID", "read of nothing"),
    "write": ArmFault(5, 1 << 9 | 1 << 15, "PRECISERR BFARVALID", "write to nothing"),
    "write to flash": ArmFault(5, 1 << 9 | 1 << 15, "PRECISERR BFARVALID", "write to flash"),
    "stack": ArmFault(5, 1 << 12, "STKERR", "exception entry could not store registers"),
    "unstack": ArmFault(5, 1 << 11, "UNSTKERR", "exception return could not load registers"),
    "return": ArmFault(6, 1 << 18, "INVPC", "exception return that fits no active exception"),
}
"""Kind of a refused access to the fault."""

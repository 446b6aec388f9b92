"""The events of interrupts and exceptions that a core's table may price."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["EXCEPTION_EVENTS"]

EXCEPTION_EVENTS = MappingProxyType(
    {
        "exception-entry": ("entries", "an exception is taken: registers are stacked, the vector is fetched"),
        "exception-tail-chain": ("tail_chained", "a handler follows another without restoring registers in between"),
        "exception-return": ("returns", "a handler returns and registers are restored"),
        "interrupt-entry": ("interrupts", "a RISC-V core leaves the code it runs for an interrupt's handler"),
        "exception-float-save": ("float_saves", "the floating-point registers of interrupted code are stored"),
    }
)
"""Event in a table to the count of `instsim.profile.block_profile.ExceptionUse` that it prices, and when it happens."""

"""What the firmware said: its own output, and the messages of the interpreter even where the firmware drops them."""

from __future__ import annotations

from instsim.emulate.instruction_hooks import InstructionHooks
from instsim.emulate.machine import Machine
from instsim.emulate.printed import printed_text
from instsim.emulate.rom_console import format_text

__all__ = ["ErrorText"]

_DEBUG_LOG = "DebugLog"
_LONGEST_TEXT = 400
_MOST_ARGUMENTS = 12


class ErrorText:
    """Text of one run.

    ``DebugLog``, where the image names it, is listened to as well: it takes a text, and since 2023 a format with its arguments.

    Parameters
    ----------
    machine : Machine
        What runs.
    hooks : InstructionHooks
        Cleared before each run.
    """

    def __init__(self, machine: Machine, hooks: InstructionHooks) -> None:
        self._machine, self._hooks = machine, hooks
        symbol = machine.image.symbol(_DEBUG_LOG)
        self._address = None if symbol is None else symbol.address & ~1
        self._logged: list[str] = []

    def listen(self) -> None:
        """Forget what was said and listen from now on."""
        self._logged.clear()
        if self._address is not None:
            self._hooks.add(self._address, self._at_debug_log)

    def said(self) -> str:
        """Return what the firmware printed, or else what it logged."""
        return printed_text(self._machine).strip() or "".join(self._logged).strip()

    def _at_debug_log(self, _address: int) -> None:
        engine = self._machine.engine
        pattern, arguments = (engine.read_register(register) for register in engine.registers.arguments[:2])
        words = [self._machine.memory.word(arguments + 4 * index) or 0 for index in range(_MOST_ARGUMENTS)]
        text = self._string(pattern)
        self._logged.append((format_text(text, words, self._string) if b"%" in text else text).decode("utf-8", "replace"))

    def _string(self, address: int) -> bytes:
        memory = self._machine.memory
        data = memory.read(address, _LONGEST_TEXT) or memory.read(address, 16) or b""
        return data.split(b"\0")[0]

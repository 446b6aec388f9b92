"""Code that an image calls by name and does not hold: functions of a chip's ROM, and functions that the user stubs.

A few functions of C libraries are put where the image expects them, as code of this project's own (``firmware_elf/src/devices/rom_functions.c``):
they run, count and are priced like all other code, but the chip's own code may be faster or slower. ``ets_printf`` and its like are carried out
by the host. Any other function stops the machine, and the message names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.memory import PAGE
from instsim.emulate.rom_console import format_text
from instsim.emulate.stops import Stop, StopReason
from instsim.errors import ImageError, UsageError
from instsim.image import FirmwareImage, Symbol, load_image
from instsim.isa import Isa
from instsim.resources import firmware_elf

if TYPE_CHECKING:
    from instsim.emulate.machine import Machine

__all__ = ["MissingCode", "missing_functions"]

_ROUTINES = ("memcpy", "memmove", "memset", "memcmp", "strlen", "strcmp", "strncpy")
_PREFIX = "rom_"
_CONSOLE = ("ets_printf", "esp_rom_printf")
_DELAY = ("ets_delay_us", "esp_rom_delay_us")
_SAMPLES = {Isa.THUMB: "elf/rom-functions-cortex-m0plus.elf", Isa.RV32: "elf/rom-functions-rv32imc.elf"}
_RETURNS = {Isa.THUMB: bytes.fromhex("7047"), Isa.RV32: bytes.fromhex("8280")}
_LONGEST_FORMAT = 4096


def missing_functions(image: FirmwareImage) -> dict[str, Symbol]:
    """Return the symbols of an image that name an address it holds nothing at, by name; data symbols are left out."""
    spans = [(s.virtual_address, s.virtual_address + max(s.memory_size, 1)) for s in image.segments]
    spans += [(s.address, s.address + max(len(s.data), 1)) for s in image.segments]
    return {
        symbol.name: symbol
        for symbol in image.symbols
        if symbol.kind != "object" and not any(start <= symbol.address <= stop for start, stop in spans)
    }


def _stub(isa: Isa, value: int) -> bytes:
    """Return code that gives back a value."""
    value &= 0xFFFFFFFF
    if isa is Isa.THUMB:
        return bytes.fromhex("00487047") + value.to_bytes(4, "little")  # ldr r0, [pc]; bx lr
    upper = (value + 0x800) & 0xFFFFF000
    words = (upper | 10 << 7 | 0x37, (value - upper & 0xFFF) << 20 | 10 << 15 | 10 << 7 | 0x13)  # lui a0; addi a0, a0
    return b"".join(word.to_bytes(4, "little") for word in words) + _RETURNS[Isa.RV32]


def _jump(distance: int) -> bytes:
    """Return RISC-V's ``j`` over a distance in bytes."""
    bits = (distance >> 20 & 1) << 31 | (distance >> 1 & 0x3FF) << 21 | (distance >> 11 & 1) << 20 | (distance >> 12 & 0xFF) << 12
    return (bits | 0x6F).to_bytes(4, "little")


class MissingCode:
    """What stands in for code that the image does not hold.

    Parameters
    ----------
    machine : Machine
        Not yet running.
    stubs : mapping of str to int
        Functions that return a value instead of running, by symbol; the image may hold them or not.

    Raises
    ------
    UsageError
        If a stub's symbol does not exist.
    ImageError
        If there is no room for a stub.
    """

    def __init__(self, machine: Machine, stubs: Mapping[str, int]) -> None:
        self._machine = machine
        self._free: dict[str, int] = {}
        self._pages: dict[int, list[Symbol]] = {}
        named = {**machine.boot_rom.lacking, **missing_functions(machine.image)}
        self._missing = {name: symbol for name, symbol in named.items() if symbol.address not in machine.boot_rom.slots}
        self._modelled: dict[str, int] = {}
        self._place_stubs(stubs)
        self._place_routines(stubs)
        for name, symbol in self._missing.items():
            if name not in stubs and name not in self._modelled:
                self._pages.setdefault(symbol.address // PAGE * PAGE, []).append(symbol)
                if not machine.memory.word(symbol.address):
                    # Nothing there would be an illegal instruction, which the core refuses before the hook is asked.
                    machine.memory.write(symbol.address, _RETURNS[machine.isa])
        machine.watch_code_pages(self._on_code_page)

    def used(self) -> tuple[str, ...]:
        """Names of the modelled functions that ran."""
        ran = set(self._machine.counters.addresses.tolist())
        return tuple(sorted(name for name, address in self._modelled.items() if address in ran))

    def explain(self, stop: Stop) -> str:
        """Return a stop's message with the names of missing functions behind their addresses."""
        message = stop.message
        if stop.reason is StopReason.FAULT and self._machine.boot_rom.lacks(stop.pc):
            area = self._machine.boot_rom.area(stop.pc)
            why = f", one of {area}: that hardware is not modelled" if area else ", for which nothing stands in"
            return f"call of a function of the chip's ROM at {stop.pc:#010x}{why}"
        named = {f"{symbol.address:#010x}": name for name, symbol in self._missing.items()}
        return next((message.replace(address, f"{address} ({name})") for address, name in named.items() if address in message), message)

    # -- putting code in place ---------------------------------------------------------------------------------------------------

    def _place_stubs(self, stubs: Mapping[str, int]) -> None:
        image, isa = self._machine.image, self._machine.isa
        for name, value in stubs.items():
            symbol = image.symbol(name) or self._missing.get(name)
            if symbol is None:
                raise UsageError(f"--stub {name}: {image.name} has no such symbol", hint="symbols as they are in the file, mangled ones too")
            code = _stub(isa, value)
            if name in self._missing or symbol.address in self._machine.boot_rom.slots:
                self._place(symbol, code)
            elif symbol.size and symbol.size < len(code):
                raise ImageError(f"--stub {name}: the function is {symbol.size} bytes long, a stub needs {len(code)}")
            elif not self._machine.memory.write(symbol.address, code):
                raise ImageError(f"--stub {name}: {symbol.address:#010x} lies in no memory of {self._machine.spec.name}")

    def _place_routines(self, stubs: Mapping[str, int]) -> None:
        wanted = [name for name in (*_ROUTINES, *_CONSOLE, *_DELAY) if name in self._missing and name not in stubs]
        if not wanted:
            return
        isa = self._machine.isa
        sample = load_image(firmware_elf() / _SAMPLES[isa])
        for name in wanted:
            symbol = self._missing[name]
            if self._machine.memory.find(symbol.address) is None:
                continue
            if name in _ROUTINES:
                source = sample.symbol(_PREFIX + name)
                code = None if source is None else self._code_of(sample, source)
                if code is not None:
                    self._place(symbol, code)
            else:
                self._place(symbol, _RETURNS[isa])
                self._machine.engine.on_instruction(symbol.address, self._console if name in _CONSOLE else self._delay)
            self._modelled[name] = symbol.address

    @staticmethod
    def _code_of(sample: FirmwareImage, symbol: Symbol) -> bytes | None:
        for segment in sample.segments:
            offset = symbol.address - segment.virtual_address
            if offset >= 0 and offset + symbol.size <= len(segment.data):
                return segment.data[offset : offset + symbol.size]
        return None

    def _place(self, symbol: Symbol, code: bytes) -> None:
        """Write code at a symbol's address, or, where ROM has a table of jumps there, at the end of that memory with a jump to it."""
        memory = self._machine.memory
        found = memory.find(symbol.address)
        if found is None:
            raise ImageError(
                f"{symbol.name} at {symbol.address:#010x} lies in no memory of {self._machine.spec.name}",
                hint="choose a board with such a memory, or describe it with 'instsim boards new'",
            )
        taken = (*(other.address for other in self._missing.values()), *self._machine.boot_rom.slots)
        following = min((address for address in taken if address > symbol.address), default=symbol.address + PAGE)
        if following - symbol.address >= len(code) or self._machine.isa is Isa.THUMB:
            memory.write(symbol.address, code)
            return
        bank, offset = found
        end = self._free.get(bank.spec.name, bank.spec.size) - (len(code) + 3) // 4 * 4
        self._free[bank.spec.name] = end
        memory.write(symbol.address - offset + end, code)
        memory.write(symbol.address, _jump(end - offset))

    # -- while it runs -----------------------------------------------------------------------------------------------------------

    def _on_code_page(self, page: int) -> None:
        for symbol in self._pages.pop(page, ()):
            self._machine.engine.on_instruction(symbol.address, self._refuse(symbol))

    def _refuse(self, symbol: Symbol) -> Callable[[int], None]:
        def stop(address: int) -> None:
            machine = self._machine
            message = f"call of {symbol.name} at {address:#010x}, code that the image does not hold (--stub {symbol.name}=0 returns 0 instead)"
            machine.halt(Stop(StopReason.FAULT, address, message, machine.backtrace(address)))

        return stop

    def _console(self, _address: int) -> None:
        machine, engine = self._machine, self._machine.engine
        arguments = [engine.read_register(register) for register in engine.registers.arguments]
        on_stack = machine.memory.read(engine.sp, 64) or b""
        arguments += [int.from_bytes(on_stack[i : i + 4], "little") for i in range(0, len(on_stack), 4)]
        text = format_text(self._string(arguments[0]), arguments[1:], self._string)
        machine.semihosting.output.extend(text)
        engine.write_register(engine.registers.arguments[0], len(text))

    def _string(self, address: int) -> bytes:
        data = self._machine.memory.read(address, _LONGEST_FORMAT)
        if data is None:
            found = self._machine.memory.find(address)
            data = b"" if found is None else self._machine.memory.read(address, found[0].spec.size - found[1]) or b""
        return data.partition(b"\0")[0]

    def _delay(self, _address: int) -> None:
        machine = self._machine
        microseconds = machine.engine.read_register(machine.engine.registers.arguments[0])
        ticks = round(microseconds * 1e-6 * machine.spec.clock_hz * TICKS_PER_CYCLE)
        machine.counters.advance(ticks)
        machine.idle_ticks += ticks

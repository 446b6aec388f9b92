"""What all device models have in common: a word-wide register interface, and the machine around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.devices.edges import Edge, EdgeLog
from instsim.emulate.devices.usb_cable import UsbCable
from instsim.emulate.devices.wire import SerialWire
from instsim.emulate.events import EventQueue, ScheduledEvent
from instsim.emulate.flash_programming import FlashProgramming
from instsim.emulate.interrupts import InterruptController, NoInterrupts
from instsim.emulate.serial_flash import SerialFlash
from instsim.emulate.spec import DeviceSpec
from instsim.image import ExternalFlash

__all__ = ["Device", "Surroundings"]

_WORD = 0xFFFFFFFF
_FLASH_BYTES = 4 << 20


@dataclass(eq=False)
class Surroundings:
    """The machine as its devices see it.

    Attributes
    ----------
    now_cycles : callable
        Core cycles since reset, for what the firmware is told: a loop that asks for it does not wait for an event alone.
    events : EventQueue
        What will happen at a known time.
    clock_hz : float
        Core clock, for devices whose own clock does not come from it.
    interrupts : InterruptController
        The core's interrupt lines.
    wire : SerialWire
        Where serial ports lead.
    usb : UsbCable
        Where the chip's USB controller leads.
    edges : EdgeLog
        Changes of output pins.
    read_memory, write_memory : callable
        ``read_memory(address, size)`` and ``write_memory(address, data)``, for direct memory access; None and False where there is no memory.
    flash : FlashProgramming or None
        The chip's flash, for its controllers.
    external_flash : callable
        ``external_flash()`` gives what lies in a flash behind a serial interface when the firmware starts.
    serial_flash : SerialFlash or None
        That flash, once its controller has made it.
    show_memory : callable
        ``show_memory(address, data)`` changes what the processor sees of a memory that is mapped, code that has run included.
    pass_time : callable
        ``pass_time(cycles)``: the core stands still that long.
    locate : callable
        ``locate(address)`` gives the device that answers at an address and the register's offset in it; None where none does.
    dma : list of callable
        What DMA controllers want called when a port has something for them.
    event_watchers : list of callable
        Called with the address of an event register when a device raises the event (Nordic).
    note_cycles : callable or None
        Core cycles since reset, for notes that the firmware never sees; `now_cycles` if not given.
    timer_reads : int
        How often the firmware read a clock.
    reset_reason : str
        By which register the firmware has asked for a reset of the chip; '' as long as it has not.
    devices : dict of str to Device
        All devices by name.
    """

    now_cycles: Callable[[], int]
    events: EventQueue
    clock_hz: float
    interrupts: InterruptController = field(default_factory=NoInterrupts)
    wire: SerialWire = field(default_factory=SerialWire)
    usb: UsbCable = field(default_factory=UsbCable)
    edges: EdgeLog = field(default_factory=EdgeLog)
    read_memory: Callable[[int, int], bytes | None] = lambda _address, _size: None
    write_memory: Callable[[int, bytes], bool] = lambda _address, _data: False
    flash: FlashProgramming | None = None
    external_flash: Callable[[], ExternalFlash] = lambda: ExternalFlash(b"", _FLASH_BYTES)
    serial_flash: SerialFlash | None = None
    show_memory: Callable[[int, bytes], None] = lambda _address, _data: None
    pass_time: Callable[[int], None] = lambda _cycles: None
    locate: Callable[[int], tuple[Device, int] | None] = lambda _address: None
    dma: list[Callable[[], None]] = field(default_factory=list)
    event_watchers: list[Callable[[int], None]] = field(default_factory=list)
    note_cycles: Callable[[], int] | None = None
    timer_reads: int = 0
    reset_reason: str = ""
    devices: dict[str, Device] = field(default_factory=dict)
    _raising: dict[int, set[str]] = field(default_factory=dict)

    def raise_line(self, number: int, source: str, level: bool) -> None:
        """Drive an interrupt line that several devices may share: it is high while one of them raises it."""
        raising = self._raising.setdefault(number, set())
        (raising.add if level else raising.discard)(source)
        self.interrupts.set_line(number, bool(raising))

    def ask_for_reset(self, register: str) -> None:
        """Note that the firmware asks for a reset of the chip: the machine stops."""
        self.reset_reason = register

    def request_dma(self) -> None:
        """Tell the DMA controllers that a port has received something, or wants something to send."""
        for serve in self.dma:
            serve()

    def after(self, cycles: float, callback: Callable[[], None]) -> ScheduledEvent:
        """Call back after so many core cycles, at the earliest before the next block."""
        return self.at(self.now_cycles() + cycles, callback)

    def at(self, cycle: float, callback: Callable[[], None]) -> ScheduledEvent:
        """Call back at a core cycle counted from reset."""
        return self.events.schedule(round(cycle * TICKS_PER_CYCLE), callback)

    def clock_divider(self, name: str) -> int:
        """Return core cycles to one cycle of a clock, named ``device.clock`` (``rcc.apb1-timer``); 1 if there is no such device."""
        device, _, clock = name.partition(".")
        source = self.devices.get(device)
        return 1 if source is None else source.clock_divider(clock)


class Device:
    """One block of registers.

    Subclasses answer the registers they know in `read` and `write`, and hand all others to this class, which keeps what was written. Offsets
    are those of whole words.

    Parameters
    ----------
    spec : DeviceSpec
        Address, interrupts and parameters.
    around : Surroundings
        The machine.
    """

    resets: ClassVar[dict[int, int]] = {}
    """Reset values that are not zero, by offset."""

    default_size: ClassVar[int] = 0x400
    """Size of the register block in bytes, unless the board file says another."""

    parameters: ClassVar[frozenset[str]] = frozenset()
    """Names of the parameters that the model takes, beside address, size and interrupts."""

    one_clears: ClassVar[frozenset[int]] = frozenset()
    """Offsets of registers where a one that is written clears a bit: what is stored through an atomic alias that clears means the same."""

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self.spec = spec
        self.around = around
        self.registers: dict[int, int] = {}
        self.reset()

    def reset(self) -> None:
        """Give all registers their reset values."""
        self.registers = dict(self.resets)
        self.registers.update((int(offset), int(value)) for offset, value in self.spec.rows("resets"))

    def read(self, offset: int) -> int | None:
        """Return a register's word; None for one that only remembers what was written to it (`registers` holds it)."""
        del offset
        return None

    def write(self, offset: int, value: int) -> None:
        """Store a word."""
        self.registers[offset] = value & _WORD

    def clock_divider(self, clock: str) -> int:
        """Return core cycles to one cycle of a clock that this device makes."""
        del clock
        return 1

    def irq(self, index: int = 0) -> int | None:
        """Return the number of one of the device's interrupt lines; None if the board file gives none."""
        return self.spec.irqs[index] if index < len(self.spec.irqs) else None

    def set_irq(self, level: object, index: int = 0) -> None:
        """Drive one of the device's interrupt lines."""
        number = self.irq(index)
        if number is not None:
            self.around.raise_line(number, self.spec.name, bool(level))

    def record(self, pins: Iterable[tuple[int, bool]]) -> None:
        """Note that output pins changed: numbers and new levels."""
        at = self.around.now_cycles()
        for pin, level in pins:
            self.around.edges.add(Edge(at, self.spec.name, pin, level))

"""What the machine is told about the chip: plain values, made by whoever knows boards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from instsim.dynamics.memory_system import MemorySystem
from instsim.isa import Isa

__all__ = [
    "BlockCycles",
    "BlockSchedule",
    "DeviceSpec",
    "ExceptionCycles",
    "InterruptSpec",
    "MachineSpec",
    "MemoryKind",
    "MemorySpec",
    "MemoryTiming",
    "Sampling",
    "Windows",
]

BlockCycles = Callable[[int, bytes], float]
"""``block_cycles(address, code)``: mean cycles of one execution of a block, for the timers that firmware reads."""


class MemoryKind(StrEnum):
    """What the firmware may do to a memory."""

    FLASH = "flash"
    """Read and executed; a store is an error."""
    RAM = "ram"
    """Read, written and executed."""


BlockSchedule = Callable[[int, bytes, int], tuple[Sequence[float], float]]
"""``schedule(address, code, it_state)``: the cycle at which each instruction of a block starts, counted from the block's start, and the block's
cycles."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Stretches of a row's time that go through the memory simulation, by the machine's clock.

    Attributes
    ----------
    first_cycles : int
        What is simulated, and counted for itself, whenever another row is charged.
    warm_up_cycles : int
        Before each window blocks fill caches, but are not counted.
    window_cycles, gap_cycles : int
        What is simulated and counted, and what is left out behind it: half as much to half as much again. Stalls do not make windows shorter.
    """

    first_cycles: int
    warm_up_cycles: int
    window_cycles: int
    gap_cycles: int


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which blocks go through the memory simulation.

    Attributes
    ----------
    large_caches : Windows
        In all rows, if caches are large: what is used once in a long while decides there what is evicted.
    region : Windows
        In the region's own row, in front of small caches.
    operators : Windows
        In rows of operators, which are regular and many.
    small_bytes : int
        Most bytes of small caches, all together.
    dear_miss_cycles : float
        Where a miss costs more, nothing is left out: few misses decide there, and which ones depends on all that was used before.
    """

    large_caches: Windows
    region: Windows
    operators: Windows
    small_bytes: int
    dear_miss_cycles: float


@dataclass(frozen=True)
class MemoryTiming:
    """What the chip's memories cost.

    Attributes
    ----------
    resolve : callable
        ``resolve(values)`` gives the memory systems to simulate, the first one being the chip's own, for the values that the firmware has
        written to `registers` so far. Paths of a system keep their number and order.
    registers : mapping of int to int
        Registers that matter: address to reset value.
    schedule : callable
        When each instruction of a block starts.
    sampling : Sampling or None
        None: every block is simulated.
    stamp : str
        Digest of what `schedule` follows from: what is found of an image's blocks is kept on disk under it. '': it is not kept.
    """

    resolve: Callable[[Mapping[int, int]], tuple[MemorySystem, ...]]
    registers: Mapping[int, int]
    schedule: BlockSchedule
    sampling: Sampling | None = None
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class MemorySpec:
    """One memory of the chip.

    Attributes
    ----------
    name : str
        For messages.
    kind : MemoryKind
        Flash-like or RAM-like.
    address, size : int
        Where it lies; both multiples of 4096 (`MachineSpec` users round outward).
    aliases : tuple of int
        Further addresses at which the same bytes appear.
    contents : str
        Stand-in for a boot ROM that it holds, a name that `instsim.emulate.boot_rom` knows; '' for none.
    ignores_stores : bool
        Whether a store to a memory of kind `FLASH` has no effect, instead of being an error.
    """

    name: str
    kind: MemoryKind
    address: int
    size: int
    aliases: tuple[int, ...] = ()
    contents: str = ""
    ignores_stores: bool = False


@dataclass(frozen=True, slots=True)
class ExceptionCycles:
    """How long the core takes to change to a handler and back; time passes on the machine's clock, the cost model prices the counts.

    Attributes
    ----------
    entry, leave : float
        Cycles of stacking and vector fetch, and of unstacking. On RISC-V, `entry` is that of interrupts; ``ecall`` and ``mret`` are priced as
        instructions.
    tail_chain : float
        Cycles from one handler to the next.
    float_save : float
        Cycles of storing the floating-point registers, when a handler first uses the unit (or at entry, where stacking is not lazy).
    """

    entry: float = 12.0
    leave: float = 10.0
    tail_chain: float = 6.0
    float_save: float = 17.0


@dataclass(frozen=True, slots=True)
class InterruptSpec:
    """The chip's interrupt hardware.

    Attributes
    ----------
    priority_bits : int or None
        Bits of an interrupt's priority on Cortex-M; the core's usual number if None (2 on Armv6-M, else 4).
    systick_divider : int
        Core cycles to one of SysTick's reference clock (``CLKSOURCE`` = 0).
    clint : int or None
        Address of a core-local interruptor (``msip`` at 0, ``mtimecmp`` at 0x4000, ``mtime`` at 0xBFF8), for RISC-V.
    clint_divider : int
        Core cycles to one of ``mtime``.
    esp32c3_matrix : int or None
        Address of an ESP32-C3's interrupt matrix (0x600C2000).
    hazard3 : bool
        Whether external interrupts come through Hazard3's own controller.
    cycles : ExceptionCycles
        Times of entry and return.
    """

    priority_bits: int | None = None
    systick_divider: int = 1
    clint: int | None = None
    clint_divider: int = 1
    esp32c3_matrix: int | None = None
    hazard3: bool = False
    cycles: ExceptionCycles = ExceptionCycles()


@dataclass(frozen=True)
class DeviceSpec:
    """One device of the chip.

    Attributes
    ----------
    model : str
        One of `instsim.emulate.devices.device_models`.
    name : str
        Unique on the chip; other devices and options refer to it.
    address, size : int
        Its registers; a size of 0 stands for the model's own.
    irqs : tuple of int
        Its interrupt lines, in the order that the model gives them a meaning.
    parameters : tuple of (str, value)
        What else the board file says of it; a value is a number, a text, or rows of numbers.
    """

    model: str
    name: str
    address: int
    size: int
    irqs: tuple[int, ...] = ()
    parameters: tuple[tuple[str, Any], ...] = ()

    def value(self, parameter: str, default: Any) -> Any:
        """Return a parameter, or the default where the board file does not give it."""
        return dict(self.parameters).get(parameter, default)

    def rows(self, parameter: str) -> tuple[tuple[int, ...], ...]:
        """Return a parameter that holds rows of numbers; no rows where the board file does not give it."""
        return tuple(tuple(row) for row in self.value(parameter, ()))

    def pairs(self, parameter: str) -> tuple[tuple[int, int], ...]:
        """Return a parameter that holds rows of two numbers."""
        return tuple((row[0], row[1]) for row in self.rows(parameter))


@dataclass(frozen=True)
class MachineSpec:
    """The chip as the emulator sees it.

    Attributes
    ----------
    name : str
        Board's name, for messages.
    isa : Isa
        Instruction set.
    cpu : str
        Emulated processor: ``cortex-m0``, ``cortex-m3``, ``cortex-m4``, ``cortex-m7``, ``cortex-m33``, ``rv32``.
    memories : tuple of MemorySpec
        Not overlapping.
    device_windows : tuple of (int, int)
        Start and size of address ranges that hold device registers.
    clock_hz : float
        Core clock, for semihosting's clock.
    interrupts : InterruptSpec
        Interrupt hardware.
    devices : tuple of DeviceSpec
        Devices that are modelled; they lie in the windows.
    mirrors : tuple of (int, int, int)
        Start, size and target: addresses of a window that mean the registers at another place (secure views).
    atomic_windows : tuple of (int, int)
        Start and size of windows where each register appears at 0x1000, 0x2000 and 0x3000 again, to flip, set and clear bits (RP2040).
    stack_pointer : int or None
        What a boot loader leaves in the stack pointer (RISC-V); None: zero.
    """

    name: str
    isa: Isa
    cpu: str
    memories: tuple[MemorySpec, ...]
    device_windows: tuple[tuple[int, int], ...]
    clock_hz: float
    interrupts: InterruptSpec = InterruptSpec()
    devices: tuple[DeviceSpec, ...] = ()
    mirrors: tuple[tuple[int, int, int], ...] = ()
    atomic_windows: tuple[tuple[int, int], ...] = ()
    stack_pointer: int | None = None

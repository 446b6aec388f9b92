"""A board as a value: memory map, clock, supply and the energy of a cycle before any calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

from instsim.cost.board_devices import BoardDevice
from instsim.errors import UsageError

__all__ = [
    "Board",
    "Boot",
    "Clock",
    "DeviceWindow",
    "EnergyPrior",
    "MemoryRegion",
    "Supply",
    "WaitStates",
    "energy_interval",
]

_CLOCK_SPREAD = 0.2


@dataclass(frozen=True, slots=True)
class WaitStates:
    """Wait states of a memory at one clock.

    Attributes
    ----------
    count : int
        An access takes ``count + 1`` cycles of `clock_hz`.
    clock_hz : float
        Clock of the memory's bus that it holds at: the core's clock, or a fraction of it (STM32H743: half).
    basis, source : str
        What the figure rests on.
    """

    count: int
    clock_hz: float
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """One memory of the board.

    Attributes
    ----------
    name : str
        Unique on the board.
    kind : {'flash', 'ram', 'rom', 'tcm', 'device', 'external-flash', 'external-ram'}
        What it is made of.
    address, size_bytes : int
        Its main place in the address space.
    aliases : tuple of int
        Further addresses at which all of it appears.
    executable : bool
        Whether the core can fetch from it.
    ignores_stores : bool
        Whether a store to it has no effect at all; otherwise one to a memory that is not writable is an error.
    wait_states : WaitStates or None
        None where the figure is unknown or a cache stands in front.
    contents : {'', 'rp2040-rom', 'rp2350-rom', 'esp32c3-rom'}
        What the chip's maker put there, beside the firmware: a bundled stand-in for a boot ROM; '' for nothing.
    basis, source : str
        What address and size rest on.
    """

    name: str
    kind: str
    address: int
    size_bytes: int
    aliases: tuple[int, ...] = ()
    executable: bool = True
    ignores_stores: bool = False
    wait_states: WaitStates | None = None
    contents: str = ""
    basis: str = "documented"
    source: str = ""

    @property
    def writable(self) -> bool:
        """Whether firmware can store to it as to plain memory."""
        return self.kind in {"ram", "tcm", "external-ram"}

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Start and stop (exclusive) of the main place and of every alias."""
        return tuple((start, start + self.size_bytes) for start in (self.address, *self.aliases))

    def contains(self, address: int, size_bytes: int = 1) -> bool:
        """Whether all of ``size_bytes`` from `address` lies in one view of this memory."""
        return any(start <= address and address + size_bytes <= stop for start, stop in self.ranges)


@dataclass(frozen=True, slots=True)
class DeviceWindow:
    """Addresses that are registers of devices, except where a memory of the board lies among them.

    Attributes
    ----------
    name : str
        Unique on the board.
    address, size_bytes : int
        Where it lies.
    mirror_of : int or None
        Start of the window whose registers appear here once more (the secure view of peripherals).
    atomic_aliases : bool
        Whether each register appears at 0x1000, 0x2000 and 0x3000 again, to flip, set and clear bits (RP2040).
    """

    name: str
    address: int
    size_bytes: int
    mirror_of: int | None = None
    atomic_aliases: bool = False


@dataclass(frozen=True, slots=True)
class DirectBoot:
    """Images that a boot ROM runs without a boot loader in the flash.

    Attributes
    ----------
    address : int
        Where the ROM looks for the words.
    words : tuple of int
        What such an image holds there.
    memory_system : str
        Name of the memory system as the ROM leaves it, or a path.
    basis, source, note : str
        What this rests on.
    """

    address: int
    words: tuple[int, ...]
    memory_system: str
    basis: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Boot:
    """How the core starts.

    Attributes
    ----------
    kind : {'vector-table', 'elf-entry'}
        From a vector table, or at the entry point of the ELF file.
    vector_tables : tuple of int
        Where a vector table is looked for, the usual place first; empty for ``elf-entry``.
    stack_pointer : int or None
        What a boot loader leaves in the stack pointer, for ``elf-entry``.
    direct : DirectBoot or None
        How images start that the boot ROM runs without a boot loader in the flash, where they find the memories set up otherwise.
    """

    kind: str
    vector_tables: tuple[int, ...] = ()
    stack_pointer: int | None = None
    direct: DirectBoot | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """Core clock.

    Attributes
    ----------
    default_hz : float
        Clock used unless told otherwise: that of the published measurements, else the highest.
    minimum_hz, maximum_hz : float
        Range of the part.
    basis, source : str
        What the range rests on.
    """

    default_hz: float
    minimum_hz: float
    maximum_hz: float
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class Supply:
    """Supply of the device.

    Attributes
    ----------
    voltage_v : float
        Supply that the energy prior holds at.
    minimum_v, maximum_v : float
        Range of the part.
    regulator : {'ldo', 'switched', 'unknown'}
        What makes the core voltage: behind a linear regulator power follows the supply, behind a switched one it hardly does.
    basis, source : str
        What this rests on.
    """

    voltage_v: float
    minimum_v: float
    maximum_v: float
    regulator: str
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class EnergyPrior:
    """Energy of a cycle before anyone has measured this firmware on this board.

    Attributes
    ----------
    joules_per_cycle : float
        Median of what is expected.
    clock_hz, supply_v : float
        Operating point it holds at.
    ln_sd : float
        Standard deviation of the logarithm.
    basis : {'documented', 'measured', 'derived', 'assumed'}
        What the figure rests on.
    source : str
        Key of ``sources.toml`` plus a locator.
    derivation : str
        How the figure was reached, in words.
    """

    joules_per_cycle: float
    clock_hz: float
    supply_v: float
    ln_sd: float
    basis: str
    source: str
    derivation: str

    @property
    def power_w(self) -> float:
        """Power at the clock of this prior."""
        return self.joules_per_cycle * self.clock_hz


@dataclass(frozen=True)
class Board:
    """A board file.

    Attributes
    ----------
    schema_version : int
        Version of the file's form.
    name, title, soc : str
        Key, readable name, and part on it.
    core : str
        Name of the core table.
    fpu : {'none', 'fpv4-sp', 'fpv5-sp', 'fpv5-dp'}
        Floating-point unit of an Arm core.
    riscv_isa : str
        ISA string of a RISC-V core, else empty.
    clock, supply, boot : Clock, Supply, Boot
        Operating point and start.
    memories : tuple of MemoryRegion
        Sorted by address.
    devices : tuple of DeviceWindow
        Sorted by address.
    energy : tuple of EnergyPrior
        One for each operating point known, the default first.
    generic : bool
        Stands for no real board: a wide memory map and the general prior.
    strings : tuple of str
        Texts in an image that point at this board or its part, telling ones first.
    registers : tuple of int
        Addresses of register blocks that nearly all firmware for this part names (clock control, ports).
    uf2_families : tuple of str
        Families of UF2 files for it, by name or as ``0x`` and eight digits.
    interrupts : int or None
        Interrupts of the part: entries of its vector table behind the first 16; None if not given.
    notes : str
        What a reader should know.
    path, digest : str
        The file and its SHA-256.
    models : tuple of BoardDevice
        Devices that are modelled, sorted by address; they lie in the windows.
    memory_system : str
        Name or path of the table of its memory system; empty for memories that cost nothing.
    priority_bits : int or None
        Bits of an interrupt's priority on Cortex-M; None for the core's usual number.
    """

    schema_version: int
    name: str
    title: str
    soc: str
    core: str
    fpu: str
    riscv_isa: str
    clock: Clock
    supply: Supply
    boot: Boot
    memories: tuple[MemoryRegion, ...]
    devices: tuple[DeviceWindow, ...]
    energy: tuple[EnergyPrior, ...]
    generic: bool
    strings: tuple[str, ...]
    registers: tuple[int, ...]
    uf2_families: tuple[str, ...]
    notes: str
    path: str
    digest: str
    models: tuple[BoardDevice, ...] = ()
    memory_system: str = ""
    priority_bits: int | None = None
    interrupts: int | None = None

    @property
    def clock_hz(self) -> float:
        """Clock used unless told otherwise."""
        return self.clock.default_hz

    @property
    def is_riscv(self) -> bool:
        """Whether the core is a RISC-V one."""
        return bool(self.riscv_isa)

    @cached_property
    def executable_ranges(self) -> tuple[tuple[int, int], ...]:
        """Start and stop of everything the core can fetch from, aliases included, sorted."""
        return tuple(sorted(view for region in self.memories if region.executable for view in region.ranges))

    def region_at(self, address: int, size_bytes: int = 1) -> MemoryRegion | None:
        """Return the memory that holds all of ``size_bytes`` from `address`, through an alias too."""
        return next((region for region in self.memories if region.contains(address, size_bytes)), None)

    def memory_bytes(self, *kinds: str) -> int:
        """Sum of the sizes of the memories of these kinds."""
        return sum(region.size_bytes for region in self.memories if region.kind in kinds)

    def energy_prior(self, clock_hz: float | None = None, supply_v: float | None = None) -> EnergyPrior:
        """Return the energy prior at an operating point.

        Parameters
        ----------
        clock_hz, supply_v : float, optional
            The board's default where left out.

        Returns
        -------
        EnergyPrior
            That of the nearest operating point in the file. Behind a linear regulator energy follows the supply (STM32L4R5 at 1.8 and
            3.0 V: currents equal within 2 %), behind a switched one it is left alone. Energy of a cycle is kept over the clock, and the
            spread widened by 0.2 for each factor of e, because leakage and the clock source weigh more at low clocks (an assumption).
        """
        clock_hz = self.clock_hz if clock_hz is None else clock_hz
        supply_v = self.supply.voltage_v if supply_v is None else supply_v

        def distance(prior: EnergyPrior) -> float:
            clock_distance = abs(math.log(clock_hz / prior.clock_hz))
            return clock_distance + (abs(math.log(supply_v / prior.supply_v)) if supply_v and prior.supply_v else 0.0)

        nearest = min(self.energy, key=distance)
        derivation = nearest.derivation
        scale, spread = 1.0, nearest.ln_sd
        if supply_v and nearest.supply_v and supply_v != nearest.supply_v:
            if self.supply.regulator == "ldo":
                scale = supply_v / nearest.supply_v
                derivation += f"; scaled from {nearest.supply_v:g} V to {supply_v:g} V (linear regulator)"
            else:
                derivation += f"; figure of {nearest.supply_v:g} V used at {supply_v:g} V"
        if clock_hz != nearest.clock_hz:
            spread = math.hypot(spread, _CLOCK_SPREAD * math.log(clock_hz / nearest.clock_hz))
            derivation += f"; figure of {nearest.clock_hz / 1e6:g} MHz used at {clock_hz / 1e6:g} MHz"
        return replace(
            nearest,
            joules_per_cycle=nearest.joules_per_cycle * scale,
            clock_hz=clock_hz,
            supply_v=supply_v,
            ln_sd=spread,
            derivation=derivation,
        )


def energy_interval(prior: EnergyPrior, level: float = 0.9) -> tuple[float, float]:
    """Return the central interval of the energy of a cycle, in joules.

    Parameters
    ----------
    prior : EnergyPrior
        Median and spread of a log-normal distribution.
    level : float
        Coverage, above 0 and below 1.

    Returns
    -------
    tuple of float
        Low and high: the median divided and multiplied by ``exp(z ln_sd)``.

    Raises
    ------
    UsageError
        If `level` is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise UsageError(f"level {level!r} is no coverage", hint="give a number between 0 and 1, such as 0.9")
    from statistics import NormalDist  # noqa: PLC0415 -- brings decimal and random along

    factor = math.exp(NormalDist().inv_cdf(0.5 + level / 2.0) * prior.ln_sd)
    return prior.joules_per_cycle / factor, prior.joules_per_cycle * factor

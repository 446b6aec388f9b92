"""What one image of the bundled firmware is made of, and what it must do."""

from __future__ import annotations

from dataclasses import dataclass, field

from instsim.model.network import Network

__all__ = ["CORES", "Core", "Recipe"]


@dataclass(frozen=True)
class Core:
    """A processor that images are built for.

    Attributes
    ----------
    name : str
        Name of the core.
    toolchain : str
        Prefix of the compiler's programs.
    flags : tuple of str
        Choice of processor and ABI.
    link_flags : tuple of str
        Extra flags of the link step.
    start : tuple of str
        Start-up sources, relative to ``firmware_elf/src``.
    script : str
        Linker script.
    qemu : tuple of str
        A QEMU machine that runs the core's code, as a command without the image.
    qemu_origins : tuple of int or None
        Where that machine has code and data memory if not where the image expects them.
    """

    name: str
    toolchain: str
    flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    start: tuple[str, ...]
    script: str
    qemu: tuple[str, ...]
    qemu_origins: tuple[int, int] | None = None


_ARM_START = ("board/start_arm.c", "board/semihosting.c", "board/text.c", "board/memory_functions.c")
_RISCV_START = ("board/start_riscv.S", "board/semihosting.c", "board/text.c", "board/memory_functions.c")


def _arm(name: str, flags: tuple[str, ...], machine: str, origins: tuple[int, int] | None = None) -> Core:
    return Core(name, "arm-none-eabi", ("-mthumb", *flags), (), _ARM_START, "board/arm.ld", ("qemu-system-arm", "-M", machine), origins)


def _riscv(march: str) -> Core:
    return Core(
        march,
        "riscv64-unknown-elf",
        (f"-march={march}", "-mabi=ilp32", "-mcmodel=medany", "-msmall-data-limit=8"),
        ("-march=rv32imc",),  # GCC 12 finds no libraries for a longer name
        _RISCV_START,
        "board/riscv.ld",
        ("qemu-system-riscv32", "-M", "virt", "-bios", "none"),
        (0x80000000, 0x80400000),
    )


CORES = {
    core.name: core
    for core in (
        _arm("cortex-m0plus", ("-mcpu=cortex-m0plus", "-masm-syntax-unified"), "netduinoplus2"),
        _arm("cortex-m3", ("-mcpu=cortex-m3",), "netduinoplus2"),
        _arm("cortex-m4", ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"), "netduinoplus2"),
        _arm("cortex-m7", ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16"), "mps2-an500", (0x00000000, 0x20000000)),
        _arm("cortex-m33", ("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"), "mps2-an505", (0x10000000, 0x38000000)),
        _riscv("rv32imc"),
        _riscv("rv32imc_zba_zbb"),
    )
}


@dataclass(frozen=True)
class Recipe:
    """One image for one or several cores.

    Attributes
    ----------
    name : str
        Name of the sample; the file is ``elf/<name>-<core>.elf``.
    purpose : str
        What the image is for, one sentence.
    cores : tuple of str
        Keys of `CORES`.
    sources : tuple of str
        Sources beside the start-up, relative to ``firmware_elf/src``.
    include : tuple of str
        Folders of headers, relative to ``firmware_elf/src``.
    defines : tuple of str
        Macros, ``NAME=value``.
    network : Network or None
        The model to put into flash.
    region : str
        Symbol of what is measured; empty for the whole run.
    outcome : {'exit', 'fault', 'deadlock', 'endless'}
        How a run ends: by itself, in an access or instruction that no core could execute, waiting for what never comes, not at all.
    expected_stdout : str
        What it prints before it ends.
    expected_exit_code : int
        Status of an 'exit'.
    stripped : bool
        Whether the symbols are taken out.
    runs_in_qemu : bool
        Whether QEMU behaves as the image expects (no cycle counter, no unmodelled device).
    flags : tuple of str
        Compiler flags of this image alone.
    link_flags : tuple of str
        Flags of this image's link step alone.
    stdout_pattern : str
        A regular expression in place of `expected_stdout`, where what is printed depends on time.
    facts : dict
        More that is known about the run, by name.
    core_facts : dict of str to dict
        The same for single cores.
    core_stdout : dict of str to str
        What it prints on cores where that differs.
    """

    name: str
    purpose: str
    cores: tuple[str, ...]
    sources: tuple[str, ...]
    include: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    network: Network | None = None
    region: str = ""
    outcome: str = "exit"
    expected_stdout: str = ""
    expected_exit_code: int = 0
    stripped: bool = False
    runs_in_qemu: bool = True
    flags: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()
    stdout_pattern: str = ""
    facts: dict[str, int | str] = field(default_factory=dict)
    core_facts: dict[str, dict[str, int | str]] = field(default_factory=dict)
    core_stdout: dict[str, str] = field(default_factory=dict)

    def stdout(self, core: Core) -> str:
        """Return what the image prints on `core`."""
        return self.core_stdout.get(core.name, self.expected_stdout)

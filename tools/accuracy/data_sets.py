"""The sets of comparisons: their names and order on the page, what they hold, and the largest errors that the project allows itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ABOUT", "BOARD_SETS", "MICRO", "ORDER", "PROGRAMS", "RTL_GOALS", "VENDOR_IMAGES", "WHOLE_RUNS", "Goal", "goal_of"]

VENDOR_IMAGES = "MLPerf Tiny images of vendors"
PROGRAMS = "RTL programs"
MICRO = "RTL micro-benchmarks"
WHOLE_RUNS = "RTL whole runs"
_PERSON_RP2040 = "TFLM person detection on RP2040, rebuilt with another compiler"
_FLOAT_RP2350 = "TFLM float networks on RP2350, rebuilt with another compiler"
_TFLM_L4R5 = "TFLM 2.3.1 on STM32L4R5, rebuilt with the same compiler version"
_TFLM_RA6M4 = "TFLM on RA6M4, rebuilt with the same compiler, without its memories"
_HELLO_NRF52840 = "TFLM hello_world on nRF52840, rebuilt with another compiler"
_TINYMAIX_C3 = "ESP32-C3 TinyMaix, rebuilt with another compiler"
_ML_KEM_C3 = "ESP32-C3 ML-KEM"
_ML_KEM_FLASH_C3 = "ESP32-C3 ML-KEM from flash, booted directly"
_PQM4_ASSEMBLY = "pqm4, assembly"
_PQM4_COMPILED = "pqm4, compiled parts too"
_PQM3_ASSEMBLY = "pqm3, assembly"
_EMBENCH = "Embench-IoT 2.0, GCC 14.2 for 14.1"
_COREMARK = "CoreMark"
_COREMARK_IMXRT = "CoreMark, i.MX RT from TCM, other compilers"
_FITTED_C3 = "ESP32-C3, fitted by their author"
_LOOPS_C3 = "ESP32-C3 CoreMark and arithmetic loops"

ORDER = (
    VENDOR_IMAGES,
    _PERSON_RP2040,
    _FLOAT_RP2350,
    _TFLM_L4R5,
    _TFLM_RA6M4,
    _HELLO_NRF52840,
    _TINYMAIX_C3,
    _ML_KEM_FLASH_C3,
    _ML_KEM_C3,
    _PQM4_ASSEMBLY,
    _PQM4_COMPILED,
    _PQM3_ASSEMBLY,
    _EMBENCH,
    _COREMARK,
    _COREMARK_IMXRT,
    _LOOPS_C3,
    _FITTED_C3,
    PROGRAMS,
    WHOLE_RUNS,
    MICRO,
)
"""From what users have to what only cores have; a set that is not named comes last."""

BOARD_SETS = frozenset(ORDER) - {_TFLM_RA6M4, _HELLO_NRF52840, _ML_KEM_FLASH_C3, _COREMARK_IMXRT, _FITTED_C3, PROGRAMS, WHOLE_RUNS, MICRO}
"""Programs measured on boards, whose compiler is known, each once: what nominal latency of firmware can be judged by."""

ABOUT: Mapping[str, str] = {
    VENDOR_IMAGES: (
        "Images from the result repositories of MLPerf Tiny, run unmodified from reset through the dialogue of EEMBC's runner; the region lies"
        " between the two timestamps of one inference. Official cycles are the published latency times the nominal clock. The images come from"
        " closed code generators. The memory tables say which of their figures were derived or fitted on these images: their errors are in-sample."
        " One output of v1.2 bosch keyword spotting is a step of 1/256 higher on STM32G0B1 than on the other boards, from logits that are equal bit"
        " by bit: that image's softmax rounds where it divides by a power of two, the others' truncate."
    ),
    PROGRAMS: (
        "Sixteen small C programs, the same ELF files on both sides; third pass of the kernel, memory without wait states; VexRiscv with its"
        " caches. Programs and cycles: `firmware_elf/rtl/`."
    ),
    MICRO: (
        "Short sequences in assembly that ask for one thing each, the same ELF files on both sides. Figures include the store that marks a region."
        " Programs and cycles: `firmware_elf/rtl/`."
    ),
    WHOLE_RUNS: (
        "The sixteen programs from their entry point to their exit: start-up, set-up code and cold passes too, so mostly code that the other two"
        " sets do not hold. No figure was chosen by these; Hazard3's fetch queue was looked into because of them. On VexRiscv they include cold"
        " caches."
    ),
    _PERSON_RP2040: (
        "TensorFlow Lite Micro on a Raspberry Pi Pico, operator by operator, code and weights in flash behind the XIP cache. The author's"
        " compiler is not known, so that the code differs in detail: 5 cycles an output explain what is left of the 1x1 convolutions of 1bdb61c."
        " One figure of the memory system was fitted here, 15 of the 55 cycles of a miss, on 1bdb61c. Nothing was chosen by cb48261; which CONV"
        " source was measured there is not certain. Operator 13 depends on where the linker put its weights: conflicts in a cache of two ways."
    ),
    _FLOAT_RP2350: (
        "Weights stream from flash: 82 and 55 % of all cycles wait for it. Nothing was fitted to these rows. The published runs are of float models,"
        " converted anew by their author; here are the float models of MLPerf Tiny (mlcommons/tiny), whose shapes are the same."
    ),
    _TFLM_L4R5: (
        "The reference submission of MLPerf Tiny v0.5: Mbed's flags and flash settings, CMSIS-NN. Nothing was fitted to these rows. Prefetch is"
        " off, as in Mbed's configuration; all vendor images of this part have it on. Keyword spotting is at the edge of the 1 KB instruction"
        " cache: its inner loops fit or not by where they are linked, six orders of the same object files are predicted from 159 to 188 ms (182"
        " were measured), the other two rows move by 0.5 % at most. More in [tflm-boards.md](tflm-boards.md)."
    ),
    _TFLM_RA6M4: (
        "The submission of Renesas to MLPerf Tiny v0.7, its own source tree, compiler and flags; only its serial port was silenced. No source that"
        " could be had gives the size of this chip's caches or what a miss costs, so memory is ideal here: the error is how much the board waited"
        " for flash and SRAM, and the order of the rows is that of bytes read a cycle. More in [tflm-boards.md](tflm-boards.md)."
    ),
    _HELLO_NRF52840: (
        "A sine by three small layers, mostly interpreter. Library version, compiler and flags are not published; these are what Zephyr had at the"
        " time. The error is all in waiting for flash, whose figures in that memory system are assumed: with ideal memory it is +0.8 %. More in"
        " [tflm-boards.md](tflm-boards.md)."
    ),
    _TINYMAIX_C3: (
        "Networks of another engine, a cache miss being 154 clocks of the flash, counted from its protocol; nothing was fitted to these rows but the"
        " choice of replacement (FIFO). Where the model lies in RAM the difference is the compiler's (GCC 12.2 for one of 2022)."
    ),
    _ML_KEM_C3: (
        "Published at 80 and at 160 MHz, the flash having a clock of its own: twice the one time less the other, in core cycles, is what the program"
        " takes without waiting for flash, and that is compared here, with ideal memory."
    ),
    _ML_KEM_FLASH_C3: (
        "The same runs as published, waiting for flash included: the program boots directly, and the flash stays as the ROM sets it up, one line at"
        " 20 MHz. That is read off the ROM's code; nothing was fitted. Half of the time at 160 MHz is waiting for 1,000 to 1,400 misses, and how"
        " many there are depends on where code lies: two compilers differ by 7 to 12 %, and neither is the board's."
    ),
}
"""What a set holds; a set that is not named explains itself."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The largest errors that the project allows itself, relative."""

    mean_absolute: float
    worst: float


_TIGHT = {PROGRAMS: Goal(0.005, 0.02), MICRO: Goal(0.01, 0.05)}
_LOOSE = {PROGRAMS: Goal(0.02, 0.06), MICRO: Goal(0.02, 0.06)}
RTL_GOALS: Mapping[str, Mapping[str, Goal]] = {
    "hazard3": _TIGHT,
    "ibex_small": _TIGHT,
    "ibex_maxperf": _TIGHT,
    "cv32e40p": _TIGHT,
    "hazard3_full": _LOOSE,
    "h3_nopred": _LOOSE,
    "h3_min": _LOOSE,
    "ibex_maxbp": _LOOSE,
    "vex_imac": _LOOSE,
    "pico": _LOOSE,
}
"""By core and data set; a core that is not named has none."""

_BOARD_GOALS: Mapping[str, Mapping[str, Goal]] = {
    VENDOR_IMAGES: {
        "nucleo-l4r5zi": Goal(0.025, 0.05),
        "nucleo-u575zi-q": Goal(0.01, 0.05),
        "nucleo-g0b1re": Goal(0.01, 0.05),
        "disco-f746ng": Goal(0.03, 0.05),
        "nucleo-h7a3zi-q": Goal(0.03, 0.05),
    },
    _PERSON_RP2040: {f"rpi-pico, {build}, CONV_2D": Goal(0.03, 0.1) for build in ("1bdb61c", "cb48261")},
    _TINYMAIX_C3: {"esp32-c3": Goal(0.04, 0.04)},
    _ML_KEM_C3: {"esp32-c3": Goal(0.02, 0.04)},
    _ML_KEM_FLASH_C3: {f"esp32-c3, GCC {version} for 13.2": Goal(0.04, 0.04) for version in ("12.2", "14.2")},
    _LOOPS_C3: {"esp32-c3": Goal(0.02, 0.04)},
    _PQM4_ASSEMBLY: {"cortex-m4": Goal(0.01, 0.025)},
    _PQM3_ASSEMBLY: {"cortex-m3": Goal(0.03, 0.06), "cortex-m3-f207-sram2": Goal(0.03, 0.06)},
    _EMBENCH: {"cortex-m4": Goal(0.025, 0.06)},
    _COREMARK: {"cortex-m33": Goal(0.01, 0.02)},
}


def goal_of(data_set: str, core: str) -> Goal | None:
    """Return the goal of a core or board in a data set; None if it has none."""
    return RTL_GOALS.get(core, {}).get(data_set) or _BOARD_GOALS.get(data_set, {}).get(core)

"""The small images: each asks one thing of whatever runs it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firmware_samples.recipe import Recipe

__all__ = ["DIVIDE_OPERANDS", "machine_recipes"]

_BOTH = ("cortex-m4", "rv32imc")

#: Dividend and divisor: by zero, the one overflow, equal, smaller, powers of two and quotients of every length.
DIVIDE_OPERANDS = (
    (0, 1), (1, 0), (0x80000000, 0xFFFFFFFF), (0xFFFFFFFF, 1), (0xFFFFFFFF, 0xFFFFFFFF), (7, 7), (6, 7), (7, 6),
    (0x80000000, 1), (0x80000000, 2), (0x7FFFFFFF, 3), (1000000007, 10), (1000000007, 31337), (1000000007, 1000003), (255, 16), (65535, 257),
    (0xFFFF0000, 0x00010000), (0xDEADBEEF, 0x1234), (0x00012345, 0xFFFFFFF0), (0xFFFFFF00, 0x0000000F),
)  # fmt: skip

#: Number of the case in ``trouble.c``, name, how the run ends, kind of fault, address.
_UNMAPPED = 0x70000000
_TROUBLES = (
    (1, "fault-read", "fault", "read", _UNMAPPED),
    (2, "fault-write", "fault", "write", _UNMAPPED),
    (3, "fault-execute", "fault", "execute", _UNMAPPED),
    (4, "fault-undefined", "fault", "undefined", None),
    (5, "endless-self", "endless", None, None),
    (6, "endless-count", "endless", None, None),
    (7, "deadlock", "deadlock", None, None),
    (8, "fault-recursion", "fault", "write", None),
    (9, "fault-flash", "fault", "flash-write", None),
)

#: Bytes from the stack's top to its lowest pointer in ``stack_depth.c``, as QEMU's processor has it.
_STACK_BYTES = {"cortex-m4": 6360, "rv32imc": 6544}


def _signed(value: int) -> int:
    return value - 2**32 if value >= 2**31 else value


def _divide(dividend: int, divisor: int, *, by_zero: int) -> int:
    if divisor == 0:
        return by_zero
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def _divide_checksum(by_zero: int) -> int:
    """Return the checksum of ``divide.c``; division by zero gives 0 on Arm, all ones on RISC-V."""
    total = 0
    for dividend, divisor in DIVIDE_OPERANDS:
        total = total * 31 + _divide(dividend, divisor, by_zero=by_zero)
        total = total * 31 + _divide(_signed(dividend), _signed(divisor), by_zero=by_zero)
        total &= 0xFFFFFFFF
    return total


def _floating_text(real: type[np.float32 | np.float64]) -> str:
    """Return what ``floating.c`` prints: every operation rounds once."""
    steps, one = 25, real(1)
    value, rate = real(0.25), real(3.75)
    for _ in range(steps):
        value = rate * value * (one - value)
    total = real(0)
    for term in range(1, steps + 1):
        total += one / real(term)

    def bits(number: np.float32 | np.float64) -> str:
        return number.tobytes()[::-1].hex()

    return f"map {bits(value)}\nsum {bits(total)}\nroot {bits(np.sqrt(real(2)))}\ntruncated -1234\n"


def _trouble() -> list[Recipe]:
    recipes = []
    for number, name, outcome, kind, address in _TROUBLES:
        facts: dict[str, int | str] = {"stops_in": "troubled_function"}
        if kind is not None:
            facts["fault_kind"] = kind
        if address is not None:
            facts["fault_address"] = address
        if kind == "execute":
            # The program counter has left the program; the function that jumped is the first one below.
            facts["stops_in"] = ""
        recipes.append(
            Recipe(
                name=name,
                purpose=f"comes to no good end: {name.replace('-', ' ')}",
                cores=_BOTH,
                sources=("machine/trouble.c",),
                defines=(f"TROUBLE={number}",),
                outcome=outcome,
                expected_stdout="before\n",
                facts=facts,
            )
        )
    return recipes


def _floating() -> list[Recipe]:
    single = Recipe(
        name="floating-single",
        purpose="single-precision arithmetic",
        cores=("cortex-m4", "cortex-m33"),
        sources=("machine/floating.c",),
        defines=("REAL=float",),
        flags=("-ffp-contract=off",),
        region="logistic_map",
        expected_stdout=_floating_text(np.float32),
    )
    double = replace(
        single,
        name="floating-double",
        purpose="double-precision arithmetic",
        cores=("cortex-m7",),
        defines=("REAL=double",),
        expected_stdout=_floating_text(np.float64),
    )
    return [single, double]


def machine_recipes() -> tuple[Recipe, ...]:
    """Return the recipes of the small images."""
    operands = ",".join(f"{{{dividend:#x}u,{divisor:#x}u}}" for dividend, divisor in DIVIDE_OPERANDS)
    return (
        Recipe(
            name="calls",
            purpose="every semihosting call; opening a file and running a command must be refused",
            cores=("cortex-m0plus", *_BOTH),
            sources=("machine/calls.c",),
            expected_stdout="ABC\nwritten\nwrite ok\nclock ok\nelapsed ok\nopen refused ok\nsystem refused ok\n",
            expected_exit_code=42,
            # QEMU grants both.
            runs_in_qemu=False,
        ),
        Recipe(
            name="plain-exit",
            purpose="ends by SYS_EXIT with a reason and no status",
            cores=_BOTH,
            sources=("machine/plain_exit.c",),
            expected_stdout="leaving\n",
        ),
        Recipe(
            name="counters",
            purpose="reads the core's counters around a loop of 2000 instructions",
            cores=("cortex-m0plus", *_BOTH),
            sources=("machine/counters.c",),
            region="known_loop",
            expected_stdout="",
            stdout_pattern="(?:(?:cyccnt|systick|mcycle|minstret) [0-9]+\n)+",
            runs_in_qemu=False,
            facts={"loop_instructions": 2000, "loop_turns": 1000},
        ),
        *_trouble(),
        Recipe(
            name="code-in-ram",
            purpose="runs code copied to RAM, writes code and runs it, rewrites code ahead of itself",
            cores=_BOTH,
            sources=("machine/code_in_ram.c",),
            expected_stdout="copied 4321\nwritten 5050\npatched 5050\n",
        ),
        Recipe(
            name="code-on-stack",
            purpose="runs code that it writes to the stack, and writes over it",
            cores=("cortex-m0plus", "cortex-m4", "cortex-m33", "rv32imc"),
            sources=("machine/code_on_stack.c",),
            region="on_stack",
            expected_stdout="180\n",
        ),
        Recipe(
            name="predicated",
            purpose="first touches of pages by loads and stores inside IT blocks",
            cores=("cortex-m4", "cortex-m7", "cortex-m33"),
            sources=("machine/predicated.c",),
            expected_stdout="passed 64 of 64\n",
        ),
        Recipe(
            name="poll",
            purpose="waits for a bit of a device that only a board has",
            cores=_BOTH,
            sources=("machine/poll.c",),
            expected_stdout="ready\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="divide",
            purpose="unsigned and signed divisions of listed operands",
            cores=("cortex-m4", "cortex-m33", "rv32imc"),
            sources=("machine/divide.c",),
            defines=(f"DIVIDE_OPERANDS={operands}",),
            region="divide_all",
            expected_stdout=f"checksum {_divide_checksum(0):08x}\n",
            facts={"unsigned_divisions": len(DIVIDE_OPERANDS), "signed_divisions": len(DIVIDE_OPERANDS)},
            core_stdout={"rv32imc": f"checksum {_divide_checksum(-1):08x}\n"},
        ),
        *_floating(),
        Recipe(
            name="stack-depth",
            purpose="recursion whose deepest stack is known",
            cores=_BOTH,
            sources=("machine/stack_depth.c",),
            expected_stdout="",
            core_stdout={core: f"sum {24 * 0xA5}\nstack {depth}\n" for core, depth in _STACK_BYTES.items()},
            core_facts={core: {"stack_bytes": depth} for core, depth in _STACK_BYTES.items()},
        ),
        Recipe(
            name="stack-overflow",
            purpose="a stack that runs into static data, without a fault",
            cores=_BOTH,
            sources=("machine/stack_overflow.c",),
            expected_stdout="static data changed\n",
        ),
        Recipe(
            name="unaligned",
            purpose="a load across words, which Armv6-M cores refuse",
            cores=("cortex-m0plus",),
            sources=("machine/unaligned.c",),
            outcome="fault",
            expected_stdout="before\n",
        ),
    )

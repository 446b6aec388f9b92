"""Images that take exceptions: order, stacks, what interrupted code must not lose."""

from __future__ import annotations

from firmware_samples.recipe import Recipe

__all__ = ["exception_recipes"]

_MAINLINE = ("cortex-m4", "cortex-m7", "cortex-m33")
_ARM = ("cortex-m0plus", *_MAINLINE)
_ARM_SOURCES = ("exceptions/cortex_m.c", "exceptions/workload.c")
_RISCV_SOURCES = ("exceptions/riscv_traps.S", "exceptions/workload.c")

_NESTED = "nested [(Ab)c][]\ntail-chained -A()[]PTDE56.\ntaken back .\nnot enabled -\n"
_MASKED = "basepri ()-[]-D.\nfaultmask -A.\n"


def _threads(*checksums: str) -> str:
    return "".join(f"thread {number} {checksum} as alone\n" for number, checksum in enumerate(checksums))


def exception_recipes() -> tuple[Recipe, ...]:
    """Return the recipes; what they print was compared with QEMU where no time is in it."""
    return (
        Recipe(
            name="exceptions-nested",
            purpose="preemption by priority, tail-chaining order, masking",
            cores=_ARM,
            sources=("exceptions/nested.c", *_ARM_SOURCES),
            include=("exceptions",),
            expected_stdout=_NESTED + _MASKED,
            core_stdout={"cortex-m0plus": _NESTED},
        ),
        Recipe(
            name="exceptions-interrupted",
            purpose="a checksum with flags, IT blocks and floating-point registers, interrupted thousands of times",
            cores=_ARM,
            sources=("exceptions/interrupted.c", *_ARM_SOURCES),
            include=("exceptions",),
            expected_stdout="checksum 9abd7029 unchanged by more than 1000 interrupts\n",
            core_stdout={"cortex-m0plus": "checksum 587de922 unchanged by more than 1000 interrupts\n"},
            region="main",
            runs_in_qemu=False,
        ),
        Recipe(
            name="exceptions-scheduler",
            purpose="threads on the process stack, switched by PendSV, SysTick and SVC",
            cores=_ARM,
            sources=("exceptions/scheduler.c", *_ARM_SOURCES),
            include=("exceptions",),
            expected_stdout=_threads("82444ae8", "2e116de0", "b291fcbc") + "switched often\n",
            core_stdout={"cortex-m0plus": _threads("97a1889b", "41dc380b", "c76b2afc") + "switched often\n"},
            runs_in_qemu=False,
        ),
        Recipe(
            name="exceptions-sleep",
            purpose="sleep until SysTick, with interrupts masked, and until an event",
            cores=_ARM,
            sources=("exceptions/sleep.c", *_ARM_SOURCES),
            include=("exceptions",),
            expected_stdout="woken by handlers ok\nwoken while masked ok\nwoken by an event ok\ndelayed ok\n",
            # QEMU's SysTick runs in the host's time: on a busy host it comes too late.
            runs_in_qemu=False,
        ),
        *(
            Recipe(
                name="exceptions-waits",
                purpose="waits in loops for ticks, flags and devices, and computes in loops that look like it; `chosen` says which",
                cores=cores,
                sources=("exceptions/waits.c", *sources),
                include=("exceptions",),
                region="wait_for_ticks",
                expected_stdout="a thousand ticks\n",
                runs_in_qemu=False,
            )
            for cores, sources in ((_ARM, _ARM_SOURCES[:1]), (("rv32imc",), _RISCV_SOURCES[:1]))
        ),
        Recipe(
            name="exceptions-faults",
            purpose="an enabled UsageFault goes to the firmware's own handler",
            cores=_MAINLINE,
            sources=("exceptions/faults.c", *_ARM_SOURCES),
            include=("exceptions",),
            expected_stdout="handled 2\n",
        ),
        Recipe(
            name="exceptions-fault-unhandled",
            purpose="a UsageFault that the firmware has not enabled ends the run",
            cores=("cortex-m4",),
            sources=("exceptions/faults.c", *_ARM_SOURCES),
            include=("exceptions",),
            defines=("NOT_ENABLED",),
            outcome="fault",
            expected_stdout="handled 2\n",
        ),
        *(
            Recipe(
                name=f"exceptions-{name}",
                purpose=purpose,
                cores=("cortex-m4",),
                sources=("exceptions/unhandled.c", *_ARM_SOURCES),
                include=("exceptions",),
                defines=(f"CASE={case}",),
                outcome=outcome,
                expected_stdout="before\n",
            )
            for case, name, purpose, outcome in (
                (1, "no-handler", "an interrupt whose handler is an endless loop", "deadlock"),
                (2, "nested-fault", "a fault in the handler of a fault", "fault"),
                (3, "no-stack", "an exception while the stack pointer is outside RAM", "fault"),
            )
        ),
        Recipe(
            name="exceptions-traps",
            purpose="vectored timer and software interrupts, ecall, wfi, a checksum interrupted thousands of times",
            cores=("rv32imc",),
            sources=("exceptions/riscv_interrupts.c", *_RISCV_SOURCES),
            include=("exceptions",),
            expected_stdout="ecall e=\nmasked -ST.\nasleep -T.\nchecksum 74c05dcd unchanged by more than 1000 interrupts\n",
            runs_in_qemu=False,
        ),
        Recipe(
            name="exceptions-scheduler",
            purpose="threads switched by timer and ecall",
            cores=("rv32imc",),
            sources=("exceptions/riscv_scheduler.c", *_RISCV_SOURCES),
            include=("exceptions",),
            expected_stdout=_threads("97a1889b", "41dc380b", "c76b2afc") + "yielded\nswitched often\n",
            runs_in_qemu=False,
        ),
    )

"""Estimates written by hand, for renderers."""

from __future__ import annotations

from dataclasses import replace

from instsim.profile.block_profile import FirmwareFacts, RunFacts, TensorShape
from instsim.session.estimate import (
    BoardChoice,
    Estimate,
    EstimatedClass,
    EstimatedEvent,
    EstimatedFunction,
    EstimatedMemory,
    EstimatedOperator,
    EstimatedPath,
    Figure,
    Provenance,
)

CLOCK_HZ = 120e6
ENERGY_PER_CYCLE_J = 1.5e-10
TOTAL = 12_486_912.0


def tensor(*shape: int, dtype: str = "int8") -> TensorShape:
    return TensorShape(shape, dtype)


def operator(
    name, index, source, target, macs, cycles, *, weights=None, subgraph=0, executions=1, inclusive=None, parent=-1, model=0
) -> EstimatedOperator:
    return EstimatedOperator(
        name=name,
        model=model,
        subgraph=subgraph,
        index=index,
        executions=executions,
        inputs=(tensor(*source), *((tensor(*weights), None) if weights else ())),
        outputs=(tensor(*target),),
        macs=macs,
        elements=8000,
        cycles=cycles,
        instructions=int(cycles / 1.25),
        inclusive_cycles=cycles if inclusive is None else inclusive,
        share=cycles / TOTAL,
        cycles_per_mac=cycles / macs if macs else None,
        latency_s=cycles / CLOCK_HZ,
        energy_j=cycles * ENERGY_PER_CYCLE_J,
        kernel="tflite::(anonymous namespace)::ConvEval(TfLiteContext*, TfLiteNode*)",
        parent=parent,
    )


def dispatch(cycles: float) -> EstimatedOperator:
    return EstimatedOperator(
        "(dispatch)",
        -1,
        -1,
        -1,
        1,
        (),
        (),
        0,
        0,
        cycles,
        int(cycles / 1.5),
        cycles,
        cycles / TOTAL,
        None,
        cycles / CLOCK_HZ,
        cycles * ENERGY_PER_CYCLE_J,
        "",
    )


def keyword_operators() -> tuple[EstimatedOperator, ...]:
    plane = (1, 25, 5, 64)
    rows = [operator("CONV_2D", 0, (1, 49, 10, 1), plane, 320_000, 1_934_000.0, weights=(64, 10, 4, 1))]
    for block in range(4):
        rows.append(operator("DEPTHWISE_CONV_2D", 2 * block + 1, plane, plane, 72_000, 712_500.25, weights=(1, 3, 3, 64)))
        rows.append(operator("CONV_2D", 2 * block + 2, plane, plane, 512_000, 1_890_000.0, weights=(64, 1, 1, 64)))
    rows += [
        operator("AVERAGE_POOL_2D", 9, plane, (1, 1, 1, 64), 0, 118_240.0),
        operator("RESHAPE", 10, (1, 1, 1, 64), (1, 64), 0, 412.0),
        operator("FULLY_CONNECTED", 11, (1, 64), (1, 12), 768, 6_144.0, weights=(12, 64)),
        operator("SOFTMAX", 12, (1, 12), (1, 12), 0, 9_871.0),
    ]
    return (*rows, dispatch(TOTAL - sum(row.cycles for row in rows)))


FUNCTIONS = (
    (
        "tflite::reference_integer_ops::ConvPerChannel(tflite::ConvParams const&, int const*, int const*, signed char const*)",
        0.63,
    ),
    ("tflite::reference_integer_ops::DepthwiseConvPerChannel(tflite::DepthwiseParams const&, int const*, int const*)", 0.22),
    ("gemmlowp::FixedPoint<int, 0> gemmlowp::exp_on_interval_between_negative_one_quarter_and_0_excl<int>(gemmlowp::FixedPoint<int, 0>)", 0.08),
    ("memcpy", 0.04),
    ("tflite::MicroGraph::InvokeSubgraph(int)", 0.02),
    ("sub_08001234", 0.01),
)

CLASSES = (("load", 0.41), ("alu", 0.24), ("mul-accumulate", 0.17), ("branch", 0.12), ("store", 0.055), ("divide", 0.0049), ("system", 0.0001))


def keyword_estimate() -> Estimate:
    """Return the estimate of a keyword-spotting firmware with a board from the command line."""
    events = (
        ("class:load", 4_100_000, 1.0, 0.33, "documented", "arm-ddi-0439d table 3-1"),
        ("load-use", 998_000, 1.0, 0.08, "measured", "jnk0le-random doc/cortex_m4.md"),
        ("class:alu", 2_990_000, 1.0, 0.24, "documented", "arm-ddi-0439d table 3-1"),
        ("taken-branch", 480_000, 2.6, 0.10, "derived", "arm-ddi-0439d 3.3.1"),
        ("flash-stall", 700_000, 4.45, 0.25, "assumed", "st-rm0432 table 12"),
    )
    return Estimate(
        firmware=FirmwareFacts(
            name="kws.elf",
            format="elf",
            sha256="3f1c" * 16,
            compilers=("GCC: (Arm GNU Toolchain 12.2.Rel1) 12.2.1 20221205",),
            attributes={"Tag_CPU_arch": "v7E-M", "Tag_CPU_arch_profile": "Microcontroller", "Tag_FP_arch": "VFPv4-D16"},
            flash_bytes=131_532,
            static_ram_bytes=28_720,
        ),
        run=RunFacts(
            region="call 1 of tflite::MicroInterpreter::Invoke()",
            region_rule="invoke",
            stop_reason="region-done",
            total_instructions=11_934_022,
            executed_on="cortex-m4",
            memory_map="nucleo-l4r5zi",
            stack_high_water_bytes=1_284,
            arena_used_bytes=21_636,
            arena_size_bytes=24_576,
            output="ready\n",
        ),
        board=BoardChoice("nucleo-l4r5zi", "ST NUCLEO-L4R5ZI (STM32L4R5ZI, Cortex-M4F, 120 MHz)", "option"),
        provenance=Provenance(
            instsim_version="0.1.0",
            core="cortex-m4",
            core_title="Cortex-M4",
            core_digest="ab12" * 16,
            board_digest="cd34" * 16,
            clock_hz=CLOCK_HZ,
            supply_v=1.8,
            clock_source="board",
            memory="flash with 5 wait states behind prefetch and caches, SRAM without",
            cycles_by_basis={"documented": 0.57, "assumed": 0.25, "derived": 0.1, "measured": 0.08},
        ),
        cycles=TOTAL,
        instructions=9_989_530,
        latency=Figure(
            TOTAL / CLOCK_HZ, "s", "nominal", 0.0957, 0.1125, source="cycles at the clock; spread of cycle estimates on boards of this core"
        ),
        energy=Figure(TOTAL * ENERGY_PER_CYCLE_J, "J", "nominal", 0.00131, 0.00268, source="prior of the board, 150 pJ per cycle"),
        power=Figure(ENERGY_PER_CYCLE_J * CLOCK_HZ, "W", "nominal", 0.0126, 0.0257, source="energy over latency"),
        operators=keyword_operators(),
        functions=tuple(
            EstimatedFunction(name, 0x0800_1000 + 0x200 * number, share * TOTAL, int(share * 9_989_530), share)
            for number, (name, share) in enumerate(FUNCTIONS)
        ),
        classes=tuple(EstimatedClass(name, int(share * 9_000_000), share * TOTAL, share) for name, share in CLASSES),
        events=tuple(
            EstimatedEvent(name, count, weight, share * TOTAL, share, basis, source) for name, count, weight, share, basis, source in events
        ),
        warnings=("25.0% of the cycles rest on assumed costs (flash-stall).",),
    )


def guessed_estimate() -> Estimate:
    """Return the same firmware with a guessed board and a run that read a timer."""
    estimate = keyword_estimate()
    board = BoardChoice(
        "nucleo-l4r5zi",
        "ST NUCLEO-L4R5ZI (STM32L4R5ZI, Cortex-M4F, 120 MHz)",
        "guess",
        (
            "build attributes: v7E-M with VFPv4-D16",
            "vector table at 0x08000000, initial stack pointer 0x200a0000: 640 KiB of RAM",
            "string STM32L4R5 in the image",
        ),
        ("nucleo-f446re", "nano-33-ble"),
    )
    run = replace(
        estimate.run, timer_reads=2, polled=((0x4002_1000, 18_003),), warnings=("The region reads a timer: its path may depend on the clock.",)
    )
    return replace(estimate, board=board, run=run)


def nested_estimate() -> Estimate:
    """Return an estimate with control flow, a second subgraph, repeated operators and wide shapes."""
    rows = (
        operator("WHILE", 0, (1, 96, 96, 3), (1, 96, 96, 3), 0, 4_000.0, inclusive=10_004_000.0),
        operator("CONV_2D", 0, (1, 1024, 1024, 512), (1, 1024, 1024, 1024), 5_000_000, 8_000_000.0, subgraph=1, executions=10, parent=0),
        operator("a_custom_operator_with_a_long_name_of_its_own", 1, (4, 8), (4, 8), 0, 2_000_000.0, subgraph=1, executions=10, parent=0),
        operator("ADD", 1, (1,), (), 0, 2_000_000.0),
    )
    return replace(keyword_estimate(), operators=(*rows, dispatch(TOTAL - 12_004_000.0)))


def waiting_estimate() -> Estimate:
    """Return the same firmware with a memory system that was followed."""
    estimate = keyword_estimate()
    stall = 0.125 * TOTAL
    rows = (
        ("flash", "read", "data-lines", 5_392_380, 79_659, 0, 0.08, "derived"),
        ("flash", "fetch", "instruction-cache", 8_120_004, 1_204, 20_117, 0.0244, "measured"),
        ("sram3", "read", "", 2_000, 2_000, 0, 0.0, "assumed"),
    )
    paths = tuple(
        EstimatedPath(memory, access, cache, accesses, misses, ahead, 1 - (misses + ahead) / accesses, share * TOTAL, share, basis, "instsim study")
        for memory, access, cache, accesses, misses, ahead, share, basis in rows
    )
    settings = {"data-cache": "on (programmed)", "instruction-cache": "on (programmed)", "prefetch": "off (reset value)", "wait-states": "5 (given)"}
    return replace(
        estimate,
        provenance=replace(estimate.provenance, memory="stm32l4 (633d24a4a03a)"),
        memory=EstimatedMemory("stm32l4 at 120 MHz, 5 wait states", settings, stall, 0.125, 5_392_380, paths),
        operators=tuple(replace(row, stall_cycles=row.cycles / 8) for row in estimate.operators),
        functions=tuple(replace(row, stall_cycles=row.cycles / 8) for row in estimate.functions),
    )


def bare_estimate() -> Estimate:
    """Return an estimate of which nearly nothing is known."""
    estimate = keyword_estimate()
    return Estimate(
        firmware=FirmwareFacts("blinky \u00fc\x1b[31m.hex", "hex", "00" * 32),
        run=RunFacts("whole run", "whole-run", "budget"),
        board=replace(estimate.board, chosen_by="settings"),
        provenance=replace(estimate.provenance, supply_v=0.0, memory="", cycles_by_basis={}, clock_source="option"),
        cycles=0.0,
        instructions=0,
        latency=Figure(0.0, "s", "nominal"),
        energy=Figure(0.0, "J", "nominal"),
        power=Figure(0.0, "W", "nominal"),
        operators=(),
        functions=(),
        classes=(),
        events=(),
    )

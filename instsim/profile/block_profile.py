"""What ran: executions of basic blocks, by kernel, independent of any core's timing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from instsim.isa.instruction import Isa
from instsim.profile.memory_use import MemoryUse

__all__ = [
    "BlockProfile",
    "CallTree",
    "CrossingUse",
    "DividerUse",
    "ExceptionUse",
    "FirmwareFacts",
    "FunctionSpan",
    "KernelRecord",
    "RunFacts",
    "SwapFacts",
    "SymbolSize",
    "TensorShape",
]

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TensorShape:
    """Shape and type of one tensor of an operator."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class KernelRecord:
    """One operator of the network as it was executed; row ``i + 1`` of the profile's counts belongs to kernel ``i``.

    Attributes
    ----------
    name : str
        Operator kind (``CONV_2D``), or the kernel's symbol for engines without a model in the image.
    model, subgraph, index : int
        Which model of the image, which subgraph, and the place in its order; -1 where unknown.
    executions : int
        How often it ran in the region.
    parent : int
        Row's kernel that called it (control flow operators), or -1. Counts are exclusive: a parent's row holds nothing of its children.
    inputs, outputs : tuple of TensorShape or None
        None for an absent optional input.
    macs : int
        Multiply-accumulates of one execution; 0 where the operator has none or it is unknown.
    elements : int
        Output elements of one execution.
    kernel_address : int
        Entry of the function that ran it.
    """

    name: str
    model: int = -1
    subgraph: int = -1
    index: int = -1
    executions: int = 1
    parent: int = -1
    inputs: tuple[TensorShape | None, ...] = ()
    outputs: tuple[TensorShape, ...] = ()
    macs: int = 0
    elements: int = 0
    kernel_address: int = 0


@dataclass(frozen=True, slots=True)
class FunctionSpan:
    """A function that ran: readable name, start address, size in bytes (0 if unknown)."""

    name: str
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class DividerUse:
    """Operands that one divide instruction met in the region.

    Attributes
    ----------
    address : int
        Of the divide instruction.
    keys : ndarray of int64, shape (n,)
        Operand classes, packed as `instsim.dynamics.divider` says (``pack_operands`` is the reference).
    counts : ndarray of int64, shape (n,)
        How often each occurred.
    """

    address: int
    keys: Counts
    counts: Counts

    @classmethod
    def of(cls, address: int, executions: Mapping[int, int]) -> DividerUse:
        """Make one of executions by operand class."""
        keys = sorted(executions)
        return cls(address, np.array(keys, np.int64), np.array([executions[key] for key in keys], np.int64))


_RISCV_INTERRUPT_BIT = 31


@dataclass(frozen=True, slots=True)
class ExceptionUse:
    """How often one exception or interrupt was taken in the region.

    Attributes
    ----------
    name : str
        Readable name (``SysTick``, ``interrupt 5``).
    number : int
        Exception number on Cortex-M, ``mcause`` on RISC-V.
    handler : int
        Address of its handler.
    entries : int
        Times it was taken with the interrupted code's registers being stacked.
    tail_chained : int
        Times it was taken directly behind another handler.
    returns : int
        Returns from it that restored registers; 0 on RISC-V, where ``mret`` is an instruction like others.
    float_frames, float_saves : int
        Entries that made room for floating-point registers, and how often they were stored there.
    """

    name: str
    number: int
    handler: int
    entries: int = 0
    tail_chained: int = 0
    returns: int = 0
    float_frames: int = 0
    float_saves: int = 0

    @property
    def interrupts(self) -> int:
        """Entries by a RISC-V interrupt; an ``ecall`` changes to its handler as an instruction, and Cortex-M cores stack registers for all."""
        return self.entries if self.number >> _RISCV_INTERRUPT_BIT else 0


@dataclass(frozen=True, slots=True)
class SymbolSize:
    """What one symbol of the image occupies.

    Attributes
    ----------
    name : str
        Readable name.
    kind : {'function', 'object'}
        Code or data.
    size_bytes : int
        Of all symbols of that name and kind.
    """

    name: str
    kind: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CrossingUse:
    """Accesses of one load or store whose bytes lay in two words.

    Attributes
    ----------
    address : int
        Of the instruction.
    counts : ndarray of int64, shape (1 + kernels,)
        How often, by row of the profile.
    """

    address: int
    counts: Counts


@dataclass(frozen=True)
class CallTree:
    """Which functions called which, and what ran in each.

    Attributes
    ----------
    parents : ndarray of int64, shape (nodes,)
        Node that called each node, always an earlier one; -1 for the root, which is node 0 and no function.
    functions : ndarray of int64, shape (nodes,)
        Entry address of each node's function. A function that calls itself stays in one node.
    calls : ndarray of int64, shape (nodes,)
        How often each node was called in the region.
    nodes, blocks, counts : ndarray of int64, shape (n,)
        Executions of the profile's block ``blocks[i]`` in ``nodes[i]``.
    """

    parents: Counts
    functions: Counts
    calls: Counts
    nodes: Counts
    blocks: Counts
    counts: Counts


@dataclass(frozen=True)
class FirmwareFacts:
    """What a report says of the image, so that a saved profile needs no image.

    Attributes
    ----------
    name, format, sha256 : str
        Of the file.
    compilers : tuple of str
        Compiler strings found in the image.
    attributes : mapping
        Build attributes.
    flash_bytes, static_ram_bytes : int
        Sizes.
    symbols : tuple of SymbolSize
        The largest symbols, by size, descending; empty for a stripped image.
    symbols_omitted : int
        Symbols that are smaller than all of these and not listed.
    """

    name: str
    format: str
    sha256: str
    compilers: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    flash_bytes: int = 0
    static_ram_bytes: int = 0
    symbols: tuple[SymbolSize, ...] = ()
    symbols_omitted: int = 0


@dataclass(frozen=True, slots=True)
class SwapFacts:
    """Another model that ran in place of the firmware's own.

    Attributes
    ----------
    model, model_sha256, model_bytes
        Its name, digest and size.
    own_model_sha256, own_model_bytes
        Of the model that the firmware was built with.
    arena_need_bytes : int or None
        Smallest tensor arena in which the model can be set up; None if nobody looked for it. The arena was moved to memory that the chip does not
        have, so that its size did not matter.
    set_up_instructions : int
        Issued from reset to the start of the inference.
    inputs : str
        Where the inputs came from, in words.
    outputs_sha256 : tuple of str
        Digests of the contents of the outputs.
    verified_by : str
        What gave the same outputs, bit by bit; empty if nobody asked.
    """

    model: str
    model_sha256: str
    model_bytes: int
    own_model_sha256: str
    own_model_bytes: int
    arena_need_bytes: int | None = None
    set_up_instructions: int = 0
    inputs: str = ""
    outputs_sha256: tuple[str, ...] = ()
    verified_by: str = ""


@dataclass(frozen=True)
class RunFacts:
    """How the run went.

    Attributes
    ----------
    region : str
        What was measured, in words (``call 1 of tflite::MicroInterpreter::Invoke()``).
    region_rule : {'invoke', 'kernels', 'symbol', 'addresses', 'serial', 'whole-run'}
        How the region was chosen.
    stop_reason : {'region-done', 'exit', 'budget', 'deadlock', 'idle', 'waiting', 'fault'}
        Why the run ended.
    exit_code : int or None
        Firmware's own exit code by semihosting.
    total_instructions : int
        Issued from reset to the stop.
    executed_on : str
        Core the emulator ran as.
    memory_map : str
        Board or rule whose memory map was used.
    stack_high_water_bytes, arena_used_bytes, arena_size_bytes : int or None
        None where not found.
    timer_reads : int
        Reads of cycle counters and timers inside the region: if not zero, the path may depend on the cycles the clock was fed with.
    polled : tuple of (address, reads)
        Device registers that the region polled without a model behind them.
    output : str
        Text the firmware printed.
    warnings : tuple of str
        Everything a user should know about this run.
    idle_cycles : int
        Cycles of the region that the core slept through (``wfi``, ``wfe``): they are in no block's count.
    exceptions : tuple of ExceptionUse
        Exceptions taken in the region.
    swap : SwapFacts or None
        The model that ran, where it is not the firmware's own.
    """

    region: str
    region_rule: str
    stop_reason: str
    exit_code: int | None = None
    total_instructions: int = 0
    executed_on: str = ""
    memory_map: str = ""
    stack_high_water_bytes: int | None = None
    arena_used_bytes: int | None = None
    arena_size_bytes: int | None = None
    timer_reads: int = 0
    polled: tuple[tuple[int, int], ...] = ()
    output: str = ""
    warnings: tuple[str, ...] = ()
    idle_cycles: int = 0
    exceptions: tuple[ExceptionUse, ...] = ()
    swap: SwapFacts | None = None


@dataclass(frozen=True)
class BlockProfile:
    """Executions of every basic block of the region.

    A block is a maximal run of instructions entered at its first and left at its last: it starts where a jump landed or behind a branch
    and ends at a branch or before the next start. It does not depend on how an emulator cuts code into translation blocks.

    Attributes
    ----------
    isa : Isa
        Instruction set.
    addresses : ndarray of int64, shape (blocks,)
        Start addresses, ascending.
    sizes : ndarray of int64, shape (blocks,)
        Lengths in bytes.
    code : bytes
        The blocks' bytes, one after the other.
    executions : ndarray of int64, shape (1 + kernels, blocks)
        How often each block ran; row 0 outside all kernels (dispatch), row ``i + 1`` in kernel ``i``, exclusive of kernels it called.
    fallthroughs : ndarray of int64, shape (1 + kernels, blocks)
        How often control then went on to the next address in memory (branch not taken, or no branch at the end).
    kernels : tuple of KernelRecord
        In order of first execution.
    functions : tuple of FunctionSpan
        Functions that own executed blocks, by address; empty for a stripped image.
    dividers : tuple of DividerUse
        Operands of divides, for cores whose dividers depend on them.
    firmware : FirmwareFacts
        About the image.
    run : RunFacts
        About the run.
    buffer_outcomes : ndarray of int64, shape (outcomes, 1 + kernels, blocks), or None
        How often each `instsim.dynamics.target_buffer.Outcome` befell the branch at each block's end. None where the buffer was not followed
        (Thumb code).
    code_behind : bytes
        The `instsim.profile.basic_blocks.BEHIND_BYTES` behind each block in memory, run or not, one block after the other: what
        fetch has seen when a branch is decided. Empty if nobody kept them.
    crossings : tuple of CrossingUse
        Accesses across word borders, where memories were simulated or the machine was asked to look for them; else empty.
    calls : CallTree or None
        The call tree, where the machine was asked to keep a shadow stack.
    memory : tuple of MemoryUse
        What each simulated memory system cost; empty where memories were taken as ideal.
    """

    isa: Isa
    addresses: Counts
    sizes: Counts
    code: bytes
    executions: Counts
    fallthroughs: Counts
    kernels: tuple[KernelRecord, ...]
    functions: tuple[FunctionSpan, ...]
    dividers: tuple[DividerUse, ...]
    firmware: FirmwareFacts
    run: RunFacts
    buffer_outcomes: Counts | None = None
    crossings: tuple[CrossingUse, ...] = ()
    code_behind: bytes = b""
    calls: CallTree | None = None
    memory: tuple[MemoryUse, ...] = ()

    @property
    def block_executions(self) -> Counts:
        """Executions of each block in the whole region, shape (blocks,)."""
        total: Counts = self.executions.sum(axis=0)
        return total

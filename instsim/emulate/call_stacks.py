"""The shadow stack's arrays, which the native hook writes, and the call tree that comes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.emulate.counters import BlockCounters
from instsim.emulate.layout import (
    CHILDREN_SLOTS,
    MOST_COUNTERS,
    MOST_DEPTH,
    MOST_NODES,
    PLACES_SLOTS,
    CallCounter,
    CallFrame,
    CallNode,
    CallSide,
    CallState,
)
from instsim.emulate.memory import PAGE
from instsim.emulate.sparse import sparse_zeros
from instsim.image import FirmwareImage
from instsim.profile import CallTree

__all__ = ["CallStacks"]

_NO_FUNCTION = 0xFFFFFFFF
_ROOT = 0


@dataclass(frozen=True)
class _Thread:
    """What a thread or an interrupted handler goes on with."""

    node: int
    dropped: int
    frames: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class _Counts:
    calls: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]
    executions: npt.NDArray[np.int64]


class CallStacks:
    """The shadow stack of the code that runs, those of interrupted code and of other threads, and executions of blocks by node of the call tree.

    Parameters
    ----------
    counters : BlockCounters
        Records of blocks, beside which the hook keeps what calls need to know; it must keep code.
    image : FirmwareImage
        Its function symbols tell tail calls. In a stripped image only functions that were called before are known.
    """

    def __init__(self, counters: BlockCounters, image: FirmwareImage) -> None:
        self._counters = counters
        functions = image.functions
        self._starts = np.array([symbol.address for symbol in functions], np.int64)
        sizes = np.array([symbol.size for symbol in functions], np.int64)
        self._stops = np.where(sizes > 0, self._starts + sizes, np.append(self._starts[1:], 1 << 32)[: sizes.size])
        self._sides = sparse_zeros(counters.records_length, CallSide.WORDS)
        self._frames = np.zeros((MOST_DEPTH, CallFrame.WORDS), np.uint64)
        self._nodes = np.zeros((MOST_NODES, CallNode.WORDS), np.uint64)
        self._children = sparse_zeros(CHILDREN_SLOTS, 2)
        self._counts = sparse_zeros(MOST_COUNTERS, CallCounter.WORDS)
        self._places = sparse_zeros(PLACES_SLOTS, 2)
        self._state = state = np.zeros(CallState.WORDS, np.uint64)
        self._nodes[_ROOT, CallNode.FUNCTION] = _NO_FUNCTION
        state[CallState.STARTS] = 1
        state[CallState.NODES_LENGTH] = state[CallState.COUNTERS_LENGTH] = 1
        state[CallState.FRAMES] = self._frames.ctypes.data
        state[CallState.NODES] = self._nodes.ctypes.data
        state[CallState.CHILDREN] = self._children.ctypes.data
        state[CallState.COUNTERS] = self._counts.ctypes.data
        state[CallState.PLACES] = self._places.ctypes.data
        state[CallState.SIDES] = (self._sides.ctypes.data - counters.records_address) % (1 << 64)
        state[CallState.RECORDS] = counters.records_address
        counters.follow_calls(state.ctypes.data)
        self._left: dict[int, _Thread] = {}
        self._taken: _Counts | None = None

    def add_page(self, page: int) -> None:
        """Look up which functions own the code of a page that the counters have made room for."""
        if not self._starts.size:
            return
        addresses = np.arange(page, page + PAGE, 2, dtype=np.int64)
        index = np.searchsorted(self._starts, addresses, side="right") - 1
        inside = (index >= 0) & (addresses < self._stops[index])
        self._sides[self._counters.slots_of_page(page), CallSide.OWNER] = np.where(inside, self._starts[index], 0).astype(np.uint64)

    # -- interrupts and threads --------------------------------------------------------------------------------------------------

    def on_exception_entry(self, context: int) -> None:
        """Keep the stack of what is interrupted; the handler gets one of its own, below the root."""
        state = self._state
        self._left[context] = _Thread(int(state[CallState.NODE]), int(state[CallState.DROPPED]), self._frames[: int(state[CallState.DEPTH])].copy())
        self._begin()

    def on_exception_return(self, context: int) -> None:
        """Go on with the stack that was kept, or begin a thread."""
        thread = self._left.pop(context, None)
        if thread is None:
            self._begin()
            return
        state = self._state
        self._frames[: len(thread.frames)] = thread.frames
        state[CallState.NODE], state[CallState.DROPPED], state[CallState.DEPTH] = thread.node, thread.dropped, len(thread.frames)
        state[CallState.STARTS] = 0

    def _begin(self) -> None:
        self._state[CallState.NODE] = _ROOT
        self._state[CallState.DEPTH] = self._state[CallState.DROPPED] = 0
        self._state[CallState.STARTS] = 1

    # -- the region --------------------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """Count from zero; open calls stay open."""
        self._counts[: int(self._state[CallState.COUNTERS_LENGTH]), CallCounter.EXECUTIONS] = 0
        self._nodes[: int(self._state[CallState.NODES_LENGTH]), CallNode.CALLS] = 0

    def take(self) -> None:
        """Keep the counts as they are now for `tree`."""
        counters = self._counts[1 : int(self._state[CallState.COUNTERS_LENGTH])]
        self._taken = _Counts(
            self._nodes[: int(self._state[CallState.NODES_LENGTH]), CallNode.CALLS].astype(np.int64),
            counters[:, CallCounter.KEY].copy(),
            counters[:, CallCounter.EXECUTIONS].astype(np.int64),
        )

    def tree(self, blocks: npt.NDArray[np.int64]) -> CallTree:
        """Return the call tree of the region.

        Parameters
        ----------
        blocks : ndarray of int64
            Start addresses of the profile's blocks, ascending. The emulator's blocks begin and end at these, or inside one that they make up
            together.
        """
        taken = self._taken
        if taken is None:
            self.take()
            taken = self._taken
        assert taken is not None
        ran = taken.executions > 0
        keys, executions = taken.keys[ran], taken.executions[ran]
        nodes, slots = (keys >> np.uint64(32)).astype(np.int64), (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
        starts = self._counters.addresses_of(slots)
        sizes = self._counters.sizes_at(slots)
        first, stop = np.searchsorted(blocks, starts), np.searchsorted(blocks, starts + sizes)
        lengths = stop - first
        places = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))
        pairs = np.repeat(nodes, lengths) * max(1, blocks.size) + places
        unique, index = np.unique(pairs, return_inverse=True)
        counts = np.zeros(unique.size, np.int64)
        np.add.at(counts, index, np.repeat(executions, lengths))
        length = taken.calls.size
        parents = self._nodes[:length, CallNode.PARENT].astype(np.int64)
        parents[_ROOT] = -1
        return CallTree(
            parents,
            self._nodes[:length, CallNode.FUNCTION].astype(np.int64),
            taken.calls,
            unique // max(1, blocks.size),
            unique % max(1, blocks.size),
            counts,
        )

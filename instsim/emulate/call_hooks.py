"""The shadow stack of the block hook, in machine code: who called whom is told from how the block before ended and where control went.

A call pushes, a return pops to the frame that it returns to. A jump to the entry of another function, or running on into it, is a tail call:
it replaces the function that runs. A return that no open call waits for (``longjmp``) unwinds to the innermost open call of the function that
it lands in.
Compiled when the object code is not in the cache (`instsim.emulate.native`).
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.native_words import words
from instsim.emulate.last_instruction import last_instruction
from instsim.emulate.layout import (
    CHILDREN_SLOTS,
    DEEPEST_NODE,
    MOST_COUNTERS,
    MOST_DEPTH,
    MOST_NODES,
    NOWHERE,
    PLACES_SLOTS,
    SIZE_MASK,
    BlockEnd,
    BlockState,
    CallCounter,
    CallFrame,
    CallNode,
    CallSide,
    CallState,
    Record,
)

__all__ = ["follow_call", "riscv_end", "thumb_end"]

_NOWHERE, _SIZE_MASK = NOWHERE, SIZE_MASK
_CODE, _SIZE = int(BlockState.CODE), int(Record.SIZE)
_NODE, _DEPTH, _DROPPED, _STARTS = int(CallState.NODE), int(CallState.DEPTH), int(CallState.DROPPED), int(CallState.STARTS)
_FRAMES, _NODES, _NODES_LENGTH, _CHILDREN = int(CallState.FRAMES), int(CallState.NODES), int(CallState.NODES_LENGTH), int(CallState.CHILDREN)
_COUNTERS, _COUNTERS_LENGTH, _PLACES = int(CallState.COUNTERS), int(CallState.COUNTERS_LENGTH), int(CallState.PLACES)
_SIDES, _RECORDS = int(CallState.SIDES), int(CallState.RECORDS)
_RETURN_ADDRESS, _CALLER, _FRAME_BYTES = int(CallFrame.RETURN_ADDRESS), int(CallFrame.NODE), 8 * int(CallFrame.WORDS)
_PARENT, _FUNCTION, _LEVEL, _CALLS = int(CallNode.PARENT), int(CallNode.FUNCTION), int(CallNode.DEPTH), int(CallNode.CALLS)
_NODE_BYTES = 8 * int(CallNode.WORDS)
_KEY, _EXECUTIONS, _COUNTER_BYTES = int(CallCounter.KEY), int(CallCounter.EXECUTIONS), 8 * int(CallCounter.WORDS)
_OWNER, _KIND, _LAST_NODE, _COUNTER = int(CallSide.OWNER), int(CallSide.KIND), int(CallSide.NODE), int(CallSide.COUNTER)
_OTHER, _CALL, _RETURN, _INDIRECT = int(BlockEnd.OTHER), int(BlockEnd.CALL), int(BlockEnd.RETURN), int(BlockEnd.INDIRECT)
_MOST_DEPTH, _MOST_NODES, _DEEPEST, _MOST_COUNTERS = MOST_DEPTH, MOST_NODES, DEEPEST_NODE, MOST_COUNTERS
_CHILDREN_MASK, _PLACES_MASK = CHILDREN_SLOTS - 1, PLACES_SLOTS - 1
_MIX = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4: multiplicative hashing)."""


def thumb_end(address: Any, size: Any, code: Any) -> Any:
    """Return how a Thumb block ends; encodings: Arm DDI 0403E, chapter A5."""
    last = last_instruction(address, size, code, False)
    half, upper = last & 0xFFFF, last >> 16 & 0xFFFF
    if half < 0xE800:
        if half & 0xFF80 == 0x4780:  # blx register
            return _CALL
        if half & 0xFF00 == 0xBD00 or half & 0xFFF8 == 0x4770 or half == 0x46F7:  # pop {pc}, bx lr, mov pc, lr
            return _RETURN
        if half & 0xFF80 == 0x4700 or half & 0xFF87 == 0x4687:  # bx, mov pc
            return _INDIRECT
        return _OTHER
    if half & 0xF800 == 0xF000 and upper & 0xD000 == 0xD000:  # bl
        return _CALL
    if half & 0xFE50 == 0xE810 and upper & 0x8000 != 0:  # ldm {pc}
        return _RETURN
    if half & 0xFF70 == 0xF850 and upper & 0xF000 == 0xF000:  # ldr pc
        return _RETURN if half == 0xF85D and upper == 0xFB04 else _INDIRECT
    return _OTHER


def riscv_end(address: Any, size: Any, code: Any) -> Any:
    """Return how an RV32 block ends; calls and returns by the hints of the unprivileged specification, table "Return-address stack prediction"."""
    last = last_instruction(address, size, code, True)
    half, upper = last & 0xFFFF, last >> 16 & 0xFFFF
    if half & 3 == 3:
        target = half >> 7 & 31
        links = target in {1, 5}
        if half & 0x7F == 0x6F:  # jal
            return _CALL if links else _OTHER
        if half & 0x7F == 0x67:  # jalr
            source = half >> 15 | (upper & 15) << 1
            if links:
                return _CALL
            return _RETURN if source in {1, 5} else _INDIRECT
        return _OTHER
    if half & 0xE003 == 0x2001:  # c.jal
        return _CALL
    if half & 0xFD03 == 0xBC02:  # cm.popret, cm.popretz
        return _RETURN
    source = half >> 7 & 31
    if half & 0xE07F == 0x8002 and source != 0:
        if half & 0x1000 != 0:  # c.jalr
            return _CALL
        return _RETURN if source in {1, 5} else _INDIRECT  # c.jr
    return _OTHER


def _child(parent: Any, function: Any, calls: Any) -> Any:
    """Return the node of a function called by a node; of a function that calls itself, the node it is in."""
    nodes = calls[_NODES]
    origin = words(nodes + parent * _NODE_BYTES)
    if origin[_FUNCTION] == function:
        origin[_CALLS] += 1
        return parent
    if origin[_LEVEL] >= _DEEPEST:
        return parent
    key = parent << 32 | function
    slot = (key * _MIX) >> 40
    while True:
        entry = words(calls[_CHILDREN] + (slot & _CHILDREN_MASK) * 16)
        if entry[1] == 0:
            break
        if entry[0] == key:
            words(nodes + entry[1] * _NODE_BYTES)[_CALLS] += 1
            return entry[1]
        slot += 1
    length = calls[_NODES_LENGTH]
    if length >= _MOST_NODES:
        return parent
    calls[_NODES_LENGTH] = length + 1
    entry[0] = key
    entry[1] = length
    node = words(nodes + length * _NODE_BYTES)
    node[_PARENT] = parent
    node[_FUNCTION] = function
    node[_LEVEL] = origin[_LEVEL] + 1
    node[_CALLS] = 1
    return length


def _find_counter(record: Any, side: Any, calls: Any) -> None:
    """Make a block's side point to the count of its executions in the node that runs."""
    node = calls[_NODE]
    key = node << 32 | (record - calls[_RECORDS]) >> 5
    slot = (key * _MIX) >> 40
    while True:
        entry = words(calls[_PLACES] + (slot & _PLACES_MASK) * 16)
        if entry[1] == 0:
            length = calls[_COUNTERS_LENGTH]
            if length < _MOST_COUNTERS:
                calls[_COUNTERS_LENGTH] = length + 1
                entry[0] = key
                entry[1] = calls[_COUNTERS] + length * _COUNTER_BYTES
                words(entry[1])[_KEY] = key
                side[_COUNTER] = entry[1]
            else:
                side[_COUNTER] = calls[_COUNTERS]
            break
        if entry[0] == key:
            side[_COUNTER] = entry[1]
            break
        slot += 1
    side[_LAST_NODE] = node + 1


def _return_to(address: Any, owner: Any, is_return: Any, calls: Any) -> Any:
    """Pop to the frame that waits for a return to `address`; return whether there is one, or a return was settled without."""
    depth = calls[_DEPTH]
    frames = calls[_FRAMES]
    if is_return and calls[_DROPPED] != 0:
        calls[_DROPPED] -= 1
        return True
    level = depth
    while level > 0:
        level -= 1
        frame = words(frames + level * _FRAME_BYTES)
        if frame[_RETURN_ADDRESS] == address:
            calls[_DEPTH] = level
            calls[_NODE] = frame[_CALLER]
            return True
        if not is_return and (owner == address or words(calls[_NODES] + calls[_NODE] * _NODE_BYTES)[_FUNCTION] == owner):
            # A tail call, or a jump inside the function that runs.
            return False
    if owner in {0, address}:
        return False
    # Nobody waits there (longjmp): the innermost open call of the function that goes on.
    calls[_DROPPED] = 0
    if words(calls[_NODES] + calls[_NODE] * _NODE_BYTES)[_FUNCTION] == owner:
        return True
    level = depth
    while level > 0:
        level -= 1
        frame = words(frames + level * _FRAME_BYTES)
        if words(calls[_NODES] + frame[_CALLER] * _NODE_BYTES)[_FUNCTION] == owner:
            calls[_DEPTH] = level
            calls[_NODE] = frame[_CALLER]
            return True
    return False


def _call(address: Any, back: Any, side: Any, calls: Any) -> None:
    """Push a call of the function at `address`."""
    if side[_OWNER] == 0:
        side[_OWNER] = address
    depth = calls[_DEPTH]
    node = calls[_NODE]
    if depth >= _MOST_DEPTH:
        calls[_DROPPED] += 1
        return
    frame = words(calls[_FRAMES] + depth * _FRAME_BYTES)
    frame[_RETURN_ADDRESS] = back
    frame[_CALLER] = node
    calls[_DEPTH] = depth + 1
    calls[_NODE] = _child(node, side[_OWNER], calls)


def _jump(address: Any, calls: Any) -> None:
    """Replace the function that runs by the one at `address`, unless it is the same."""
    node = words(calls[_NODES] + calls[_NODE] * _NODE_BYTES)
    if node[_FUNCTION] != address:
        calls[_NODE] = _child(node[_PARENT], address, calls)


def follow_call(address: Any, record: Any, sequential: Any, before: Any, end_before: Any, calls: Any) -> None:  # noqa: PLR0917 -- calls of the hooks' language are by position
    """Step the shadow stack to a block and count the block in the node that runs it.

    Parameters
    ----------
    address, record : int
        The block and the address of its record.
    sequential : bool
        Whether it lies behind the one before.
    before, end_before : int
        Address of the record of the block before, and the block's end; `NOWHERE` if that is not what led here.
    calls : pointer
        `CallState`.
    """
    side = words(record + calls[_SIDES])
    if sequential:
        if side[_OWNER] == address:
            _jump(address, calls)
    elif calls[_STARTS] != 0:
        calls[_STARTS] = 0
        if side[_OWNER] == 0:
            side[_OWNER] = address
        calls[_NODE] = _child(calls[_NODE], side[_OWNER], calls)
    elif end_before == _NOWHERE:
        if side[_OWNER] == address:
            _jump(address, calls)
    else:
        kind = words(before + calls[_SIDES])[_KIND]
        if kind == _CALL:
            # Back into the middle of a block that was interrupted is no call.
            start = end_before - (words(before)[_SIZE] & _SIZE_MASK)
            if address <= start or address >= end_before:
                _call(address, end_before, side, calls)
        elif kind >= _RETURN:
            if not _return_to(address, side[_OWNER], kind == _RETURN, calls) and side[_OWNER] == address:
                _jump(address, calls)
        elif side[_OWNER] == address:
            _jump(address, calls)
    if side[_LAST_NODE] != calls[_NODE] + 1:
        _find_counter(record, side, calls)
    words(side[_COUNTER])[_EXECUTIONS] += 1

"""Which functions of a profile own which of its blocks, and the one that a user means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from instsim.errors import UsageError
from instsim.isa import Flow, Isa
from instsim.profile import BlockProfile, FunctionSpan, owners
from instsim.profile.disassembly import disassemble

__all__ = ["FunctionBlocks", "find_by_address", "find_by_name", "functions_that_ran", "without_clone"]

_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{1,8}")
_SHOWN = 8


@dataclass(frozen=True)
class FunctionBlocks:
    """A function that ran.

    Attributes
    ----------
    span : FunctionSpan
        Name and place; named by its address where the image has no symbol.
    blocks : ndarray of int64
        Indices of its blocks in the profile, ascending; never empty.
    """

    span: FunctionSpan
    blocks: npt.NDArray[np.int64]


def functions_that_ran(profile: BlockProfile) -> tuple[FunctionBlocks, ...]:
    """Return the functions whose blocks ran, by address.

    Blocks without a symbol are divided where a call or a kernel begins: a function that only a pointer leads to is part of the one in
    front of it then.
    """
    ran = np.flatnonzero(profile.block_executions)
    owner = owners(profile.functions, profile.addresses)
    found = [FunctionBlocks(span, ran[owner[ran] == number]) for number, span in enumerate(profile.functions)]
    unowned = ran[owner[ran] < 0]
    if unowned.size:
        entries = _entries(profile)
        groups: list[list[int]] = []
        for block in unowned.tolist():
            follows = bool(groups) and owner[groups[-1][-1] : block].max() < 0
            if follows and int(profile.addresses[block]) not in entries:
                groups[-1].append(block)
            else:
                groups.append([block])
        found += [_unnamed(profile, np.array(group, dtype=np.int64)) for group in groups]
    return tuple(sorted((function for function in found if function.blocks.size), key=lambda function: function.span.address))


def find_by_address(profile: BlockProfile, functions: tuple[FunctionBlocks, ...], address: int, name: str) -> FunctionBlocks:
    """Return the function at an address.

    Parameters
    ----------
    profile : BlockProfile
        What ran.
    functions : tuple of FunctionBlocks
        Of this profile.
    address : int
        Its start, or a place in it.
    name : str
        What the user called it, for the message.

    Raises
    ------
    UsageError
        If nothing there ran.
    """
    for function in functions:
        span = function.span
        if not span.address <= address < span.address + max(span.size, 1):
            continue
        if span in profile.functions or span.address == address:
            return function
        behind = function.blocks[profile.addresses[function.blocks] >= address]
        if behind.size and profile.addresses[behind[0]] == address:
            return _unnamed(profile, behind)
    clones = [f.span.name for f in functions if without_clone(f.span.name) == without_clone(name) and f.span.name != name]
    hint = f"a copy of it ran: {', '.join(clones)}" if clones else f"these did: {_names(functions)}"
    raise UsageError(f"{name} did not run in {profile.run.region}", hint=hint)


def find_by_name(profile: BlockProfile, functions: tuple[FunctionBlocks, ...], text: str) -> FunctionBlocks:
    """Return the function that a text names, where only the profile is at hand.

    Parameters
    ----------
    profile : BlockProfile
        What ran.
    functions : tuple of FunctionBlocks
        Of this profile.
    text : str
        A name, a name without its leading namespaces or the suffix of a compiler's copy, or an address (``0x...``).

    Raises
    ------
    UsageError
        If no function that ran has that name, or several have.
    """
    text = text.strip()
    if _ADDRESS.fullmatch(text):
        address = int(text, 16)
        return find_by_address(profile, functions, address & ~1 if profile.isa is Isa.THUMB else address, text)
    plain = text.split("(")[0].strip()
    names = [(function, function.span.name) for function in functions]
    rules = (
        [f for f, name in names if name == text],
        [f for f, name in names if without_clone(name) == plain],
        [f for f, name in names if without_clone(name).endswith("::" + plain)],
    )
    matches = next((rule for rule in rules if rule), [])
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(
            f"{text!r} may mean {len(matches)} functions that ran",
            details=tuple(f"{match.span.address:#010x}  {match.span.name}" for match in matches[:_SHOWN]),
            hint="give the whole name, or the address (0x...)",
        )
    near = get_close_matches(plain, [name for _, name in names], _SHOWN, 0.6)
    raise UsageError(f"no function named {text!r} ran in {profile.run.region}", hint=f"these did: {', '.join(near) or _names(functions)}")


def without_clone(name: str) -> str:
    """Return a readable name without what says that it is a compiler's copy (``f.constprop.0``, ``f [clone .isra.0]``)."""
    return re.sub(r" \[clone .*|(?:\.(?:constprop|isra|part|cold|lto_priv|llvm|specialized)(?:\.\d+)?)+$", "", name)


def _names(functions: tuple[FunctionBlocks, ...]) -> str:
    more = f" and {len(functions) - _SHOWN} more" if len(functions) > _SHOWN else ""
    return ", ".join(function.span.name for function in functions[:_SHOWN]) + more if functions else "none"


def _entries(profile: BlockProfile) -> set[int]:
    entries = {kernel.kernel_address for kernel in profile.kernels}
    for _, instructions in disassemble(profile, range(profile.addresses.size)):
        last = instructions[-1]
        if last.flow is Flow.CALL and last.target is not None:
            entries.add(last.target)
    return entries


def _unnamed(profile: BlockProfile, blocks: npt.NDArray[np.int64]) -> FunctionBlocks:
    start, stop = int(profile.addresses[blocks[0]]), int(profile.addresses[blocks[-1]] + profile.sizes[blocks[-1]])
    return FunctionBlocks(FunctionSpan(f"{start:#010x}", start, stop - start), blocks)

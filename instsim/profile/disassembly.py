"""The instructions of a profile's blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from instsim.isa import Instruction
from instsim.isa.decode import make_decoder
from instsim.isa.it_state import it_state_behind
from instsim.profile.block_profile import BlockProfile

__all__ = ["disassemble"]

_IT_BLOCKS_BACK = 4
"""An IT instruction governs four instructions at most, so that its state comes from no further away."""


def disassemble(profile: BlockProfile, blocks: Collection[int]) -> Iterator[tuple[int, tuple[Instruction, ...]]]:
    """Decode some blocks.

    Parameters
    ----------
    profile : BlockProfile
        Holds their code.
    blocks : collection of int
        Their indices.

    Yields
    ------
    tuple of (int, tuple of Instruction)
        Index and instructions of each, in order of address.
    """
    decoder = make_decoder(profile.isa)
    wanted = {number for chosen in blocks for number in range(max(0, chosen - _IT_BLOCKS_BACK), chosen + 1)}
    starts, sizes = profile.addresses.tolist(), profile.sizes.tolist()
    offset = it_state = 0
    end = -1
    for number, (address, size) in enumerate(zip(starts, sizes, strict=True)):
        code = profile.code[offset : offset + size]
        offset += size
        if number not in wanted:
            end = -1
            continue
        state = it_state if address == end else 0
        if number in blocks:
            yield number, decoder.decode(code, address, state)
        it_state = it_state_behind(profile.isa, code, state)
        end = address + size

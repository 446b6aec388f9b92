"""Profiles of a few hand-written blocks, and the cycles that a core charges for them."""

from functools import cache

import numpy as np

from instsim.cost.core_table import load_core
from instsim.cost.cost_model import CostModel
from instsim.isa.instruction import Isa
from instsim.profile.block_profile import BlockProfile, DividerUse, FirmwareFacts, FunctionSpan, RunFacts

FIRMWARE = FirmwareFacts("firmware.elf", "elf", "0" * 64)
RUN = RunFacts("a few blocks", "whole-run", "exit")


def profile_of(isa, blocks, executions, fallthroughs, *, dividers=(), functions=()):
    """Profile of ``(address, hexadecimal code)`` blocks; counts have a row for each kernel, or are one row."""
    codes = [bytes.fromhex(code) for _, code in blocks]
    return BlockProfile(
        isa=isa,
        addresses=np.array([address for address, _ in blocks], dtype=np.int64),
        sizes=np.array([len(code) for code in codes], dtype=np.int64),
        code=b"".join(codes),
        executions=np.atleast_2d(np.array(executions, dtype=np.int64)),
        fallthroughs=np.atleast_2d(np.array(fallthroughs, dtype=np.int64)),
        kernels=(),
        functions=tuple(FunctionSpan(*row) for row in functions),
        dividers=tuple(DividerUse(address, np.array(keys), np.array(counts)) for address, keys, counts in dividers),
        firmware=FIRMWARE,
        run=RUN,
    )


loaded = cache(load_core)
"""Table of a core by name, read once."""


def price(core, profile, **options):
    """Estimate of a profile on a core of the shipped tables."""
    return CostModel(loaded(core)).price(profile, **options)


def cycles(core, code, *, address=0x1000, taken=False):
    """Cycles of one block, entered by a jump, once; left by a jump or not."""
    return price(core, profile_of(loaded(core).isa, [(address, code)], [1], [0 if taken else 1])).total_cycles


def riscv(*encodings):
    """Hexadecimal code of RV32 instructions given as numbers."""
    return b"".join(word.to_bytes(4 if word & 3 == 3 else 2, "little") for word in encodings).hex()


__all__ = ["Isa", "cycles", "loaded", "price", "profile_of", "riscv"]

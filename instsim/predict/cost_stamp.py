"""Which cost model turned blocks into events: a predictor keeps events, and no code to make them again.

A stamp is a digest of the events that a core's cost model finds in code that comes with instsim. So it changes with what the model says, and not
when its source is only written in another way.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np

from instsim import __version__, artifacts
from instsim.cost.charger import Charger
from instsim.cost.core_table import CoreTable
from instsim.image import FirmwareImage, load_image
from instsim.isa.instruction import Isa
from instsim.isa.transfers import ends_in_transfer, instruction_offsets
from instsim.profile.basic_blocks import BEHIND_BYTES
from instsim.profile.block_profile import BlockProfile, FirmwareFacts, RunFacts
from instsim.resources import firmware_elf

__all__ = ["cost_stamp"]

_IMAGES = {Isa.THUMB: ("dispatch-s28-cortex-m4.elf", "kws-cortex-m4.elf"), Isa.RV32: ("dispatch-s28-rv32imc.elf", "kws-rv32imc.elf")}
_MOST_BLOCKS = 1200
"""Of an image: a second's work, once for each state of the code (`instsim.artifacts`)."""


def cost_stamp(core: CoreTable) -> str:
    """Return a digest of the events that a core's cost model finds in bundled code; figures of its table are no part of it."""
    key = hashlib.sha256(f"{__version__} {core.digest} {artifacts.code_stamp('predict', 'cost', 'isa')}".encode())
    for name in _IMAGES[core.isa]:
        key.update((firmware_elf() / "elf" / name).read_bytes())
    stored = artifacts.load("stamps", key.hexdigest())
    if stored is not None:
        return stored.decode()
    stamp = _stamp(core)
    artifacts.store("stamps", key.hexdigest(), stamp.encode())
    return stamp


def _stamp(core: CoreTable) -> str:
    digest = hashlib.sha256()
    for name in _IMAGES[core.isa]:
        charges = Charger(core).charge(_blocks(core.isa, load_image(firmware_elf() / "elf" / name)))
        events = [charges.events[event] for event in charges.event.tolist()]
        rows = zip(charges.block, charges.address, events, charges.count, charges.when, charges.source, strict=True)
        for row in sorted(rows):
            digest.update(" ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in row).encode())
    return digest.hexdigest()[:16]


def _blocks(isa: Isa, image: FirmwareImage) -> BlockProfile:
    """Return the first blocks of an image's functions, cut behind transfers, as a profile in which each ran once."""
    starts: list[int] = []
    codes: list[bytes] = []
    for function in image.functions:
        code = image.read(function.address, function.size) or b""
        offsets = [*instruction_offsets(isa, code), len(code)]
        start = 0
        for place, end in pairwise(offsets):
            if ends_in_transfer(isa, code[place:end]) or end == len(code):
                starts.append(function.address + start)
                codes.append(code[start:end])
                start = end
    starts, codes = starts[:_MOST_BLOCKS], codes[:_MOST_BLOCKS]
    once = np.ones((1, len(starts)), np.int64)
    ends = [start + len(code) for start, code in zip(starts, codes, strict=True)]
    return BlockProfile(
        isa=isa,
        addresses=np.array(starts, np.int64),
        sizes=np.array([len(code) for code in codes], np.int64),
        code=b"".join(codes),
        executions=once,
        fallthroughs=once,
        kernels=(),
        functions=(),
        dividers=(),
        firmware=FirmwareFacts(image.name, "", image.sha256),
        run=RunFacts("functions", "nothing", "not-run"),
        code_behind=b"".join((image.read(end, BEHIND_BYTES) or b"").ljust(BEHIND_BYTES, b"\0") for end in ends),
    )

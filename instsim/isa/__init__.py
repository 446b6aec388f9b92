"""Instruction sets: decoded instructions, their classes, and scans of raw code. The only importer of ``capstone``."""

from instsim.isa.decode import decode
from instsim.isa.instruction import FLAGS, FPSCR, Flow, Instruction, Isa
from instsim.isa.sites import DivideSite, IndirectCall, divide_sites, indirect_call_sites
from instsim.isa.transfers import ends_in_transfer

__all__ = [
    "FLAGS",
    "FPSCR",
    "DivideSite",
    "Flow",
    "IndirectCall",
    "Instruction",
    "Isa",
    "decode",
    "divide_sites",
    "ends_in_transfer",
    "indirect_call_sites",
]

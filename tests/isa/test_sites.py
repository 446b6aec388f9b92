"""Scans for indirect calls and divides find what an assembler would write, and nothing else."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.isa.instruction import Isa
from instsim.isa.sites import DivideSite, IndirectCall, divide_sites, indirect_call_sites


@pytest.mark.parametrize("register", range(15))
def test_thumb_blx_is_found_and_blxns_is_not(register):
    blx, blxns = 0x4780 | register << 3, 0x4784 | register << 3
    data = struct.pack("<4H", 0xBF00, blxns, blx, 0xBF00)
    assert indirect_call_sites(Isa.THUMB, data, 0x08000000) == {0x08000004: IndirectCall(0x08000004, register, 2)}


def test_thumb_bx_is_no_call():
    assert indirect_call_sites(Isa.THUMB, struct.pack("<H", 0x4770), 0) == {}


@given(st.integers(1, 31), st.integers(-2048, 2047))
def test_riscv_jalr_at_any_halfword(register, offset):
    jalr = (offset & 0xFFF) << 20 | register << 15 | 0xE7
    data = struct.pack("<HIH", 0x0001, jalr, 0x9002 | register << 7)
    sites = indirect_call_sites(Isa.RV32, data, 0x100)
    assert sites[0x102] == IndirectCall(0x102, register, 4, offset)
    assert sites[0x106] == IndirectCall(0x106, register, 2)


def test_riscv_ebreak_and_plain_jumps_are_no_calls():
    data = struct.pack("<HHI", 0x9002, 0x8082, 0x00008067)  # c.ebreak, c.jr ra, jalr x0, 0(ra)
    assert indirect_call_sites(Isa.RV32, data, 0) == {}


@pytest.mark.parametrize(("hw1", "signed"), [(0xFB91, True), (0xFBB1, False)])
def test_thumb_divides(hw1, signed):
    data = struct.pack("<3H", 0xBF00, hw1, 0xF0F2)  # nop; xdiv r0, r1, r2
    assert divide_sites(Isa.THUMB, data, 0x10) == {0x12: DivideSite(0x12, 1, 2, signed, is_remainder=False, size=4)}


@pytest.mark.parametrize(("funct3", "signed", "remainder"), [(4, True, False), (5, False, False), (6, True, True), (7, False, True)])
def test_riscv_divides(funct3, signed, remainder):
    data = struct.pack("<HI", 1, 1 << 25 | 12 << 20 | 11 << 15 | funct3 << 12 | 10 << 7 | 0x33)
    assert divide_sites(Isa.RV32, data, 0) == {2: DivideSite(2, 11, 12, signed, remainder, 4)}


def test_riscv_multiplies_are_no_divides():
    assert divide_sites(Isa.RV32, struct.pack("<I", 1 << 25 | 3 << 12 | 0x33), 0) == {}


@given(isa=st.sampled_from(Isa), data=st.binary(max_size=7))
def test_any_bytes_are_scanned(isa, data):
    for sites in (indirect_call_sites(isa, data, 0), divide_sites(isa, data, 0)):
        assert all(address >= 0 and address + site.size <= len(data) for address, site in sites.items())

"""Sizes and mnemonics over whole code sections, compared with binutils.

``INSTSIM_TEST_IMAGES`` names a further folder of ELF files to compare.
"""

import os
import re
import shutil
import subprocess
from itertools import groupby
from pathlib import Path

import pytest

from instsim.isa.classes import CLASSES
from instsim.isa.decode import decode
from instsim.isa.instruction import Isa
from instsim.resources import firmware_elf

pytestmark = pytest.mark.toolchain

OBJDUMPS = {Isa.THUMB: "arm-none-eabi-objdump", Isa.RV32: "riscv64-unknown-elf-objdump"}
LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+)\t(\S+)(.*)$")
DATA = (".word", ".short", ".byte", ".2byte", ".4byte", ".insn")

RISCV_ALIASES = {
    **dict.fromkeys(("mv", "li", "nop"), "addi"),
    **dict.fromkeys(("ret", "jr"), "jalr"),
    "j": "jal",
    "not": "xori",
    "neg": "sub",
    "seqz": "sltiu",
    "snez": "sltu",
    "sltz": "slt",
    "sgtz": "slt",
    "beqz": "beq",
    "bnez": "bne",
    "bgez": "bge",
    "blez": "bge",
    "bltz": "blt",
    "bgtz": "blt",
    "csrr": "csrrs",
    "csrs": "csrrs",
    "csrw": "csrrw",
    "csrc": "csrrc",
    "csrsi": "csrrsi",
    "csrwi": "csrrwi",
    "csrci": "csrrci",
    "rdcycle": "csrrs",
    "rdinstret": "csrrs",
    "rdtime": "csrrs",
    "fmv.s": "fsgnj.s",
    "fneg.s": "fsgnjn.s",
    "fabs.s": "fsgnjx.s",
    "frcsr": "csrrs",
    "fscsr": "csrrw",
    "frflags": "csrrs",
    "fsflags": "csrrw",
    "frrm": "csrrs",
    "fsrm": "csrrw",
}


def _images():
    folders = [firmware_elf() / "elf"]
    if os.environ.get("INSTSIM_TEST_IMAGES"):
        folders.append(Path(os.environ["INSTSIM_TEST_IMAGES"]))
    # Without symbols binutils cannot tell Thumb from Arm code, nor code from data.
    return sorted((path for folder in folders for path in folder.glob("*.elf") if "stripped" not in path.name), key=lambda path: path.name)


def _isa(path):
    machine = path.read_bytes()[18]
    return Isa.THUMB if machine == 40 else Isa.RV32


def _disassembly(path, isa):
    """Yield runs of adjacent instructions as binutils prints them: lists of (address, bytes, mnemonic, operands)."""
    arguments = [OBJDUMPS[isa], "-d", *(["-M", "no-aliases"] if isa is Isa.RV32 else [])]
    text = subprocess.run([*arguments, str(path)], check=True, capture_output=True, text=True).stdout
    rows = []
    for line in text.splitlines():
        found = LINE.match(line)
        if found is None:
            continue
        address, raw, mnemonic, operands = found.groups()
        code = b"".join(int(group, 16).to_bytes(len(group) // 2, "little") for group in raw.split())
        rows.append((int(address, 16), code, mnemonic, operands.partition(";")[0].partition("#")[0].strip()))
    runs = []
    for is_data, group in groupby(rows, key=lambda row: row[2].startswith(DATA)):
        if is_data:
            continue
        for row in group:
            if not runs or runs[-1][-1][0] + len(runs[-1][-1][1]) != row[0]:
                runs.append([])
            runs[-1].append(row)
    return runs


def _thumb_name(mnemonic, operands):
    name = re.sub(r"\.[nw]$", "", mnemonic)
    shift = re.search(r"\b(lsl|lsr|asr|ror|rrx)\b", operands)
    if name.startswith("mov") and shift is not None:
        name = shift[1] + name[3:]
    if name == "mov" and operands == "r8, r8":
        name = "nop"
    if name == "add" and re.match(r"\w+, pc,", operands):
        name = "adr"
    if operands.startswith("sp!"):
        name = re.sub("^ldmia", "pop", re.sub("^stmdb", "push", name))
    name = re.sub(r"(?<!bi)cs(?=$|\.)", "hs", name)
    name = re.sub(r"cc(?=$|\.)", "lo", name)
    return re.sub("^neg", "rsb", re.sub("^(v?(?:ld|st)m)ia", r"\1", name))


def _riscv_name(mnemonic, operands):
    if mnemonic == "c.addi" and operands.startswith("zero"):
        return "c.nop"
    return RISCV_ALIASES.get(mnemonic, mnemonic)


@pytest.mark.parametrize("path", _images(), ids=lambda path: path.stem)
def test_sizes_and_mnemonics_are_those_of_binutils(path):
    isa = _isa(path)
    if shutil.which(OBJDUMPS[isa]) is None:
        pytest.skip(f"{OBJDUMPS[isa]} is not installed")
    name = _thumb_name if isa is Isa.THUMB else _riscv_name
    differences = []
    count = 0
    for run in _disassembly(path, isa):
        code = b"".join(row[1] for row in run)
        ours = {instruction.address: instruction for instruction in decode(isa, code, run[0][0])}
        for address, raw, mnemonic, operands in run:
            # binutils takes the RP2350's coprocessors for a Cirrus Maverick, whose mnemonics begin with cf.
            if mnemonic in {"unimp", "c.unimp"} or (isa is Isa.THUMB and mnemonic.startswith("cf")):
                continue
            count += 1
            instruction = ours.get(address)
            if instruction is None or instruction.size != len(raw):
                differences.append(f"{address:#x}: {raw.hex()} {mnemonic} {operands}: another size")
            elif name(instruction.mnemonic, instruction.operands) != name(mnemonic, operands):
                differences.append(f"{address:#x}: {raw.hex()} {mnemonic} {operands}: {instruction.mnemonic} {instruction.operands}")
            elif instruction.instruction_class not in CLASSES[isa]:
                differences.append(f"{address:#x}: {raw.hex()} {mnemonic} {operands}: class {instruction.instruction_class}")
    assert count > 50
    assert not differences, f"{len(differences)} of {count}"

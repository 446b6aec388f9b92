"""Source lines by address: what line programs of every version say, and that no file can make reading them fail or take long."""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.image import source_lines
from instsim.image.line_program import Budget, LineProgramError, Strings, read_unit
from instsim.image.source_lines import SourceLine, read_source_lines

START = 0x0800_0100
LINE_BASE, LINE_RANGE, OPCODE_BASE = -5, 14, 13
LENGTHS = bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1))


def leb(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def special(advance: int, lines: int, minimum: int = 2) -> bytes:
    return bytes([lines - LINE_BASE + LINE_RANGE * (advance // minimum) + OPCODE_BASE])


def sequence(start: int = START) -> bytes:
    """Line 10 for 4 bytes, 12 for 2, file 2's line 9 for 200, to the end."""
    return b"".join(
        (
            b"\0\5\2" + struct.pack("<I", start),
            b"\3\x09\1",  # advance line by 9, copy
            special(4, 2),
            b"\4\2" + special(2, -3),
            b"\x08" + b"\2" + leb((200 - 34) // 2),  # const_add_pc is (255 - 13) // 14 steps of 2 bytes
            b"\0\1\1",
        )
    )


def unit(program: bytes, version: int = 4, *, tables: bytes | None = None) -> bytes:
    if tables is None and version < 5:
        tables = b"src\0/lib\0\0" + b"main.c\0\1\0\0" + b"inline.h\0\2\0\0" + b"\0"
    elif tables is None:
        tables = (
            bytes((1, 1, 0x08, 3)) + b"/build\0src\0/lib\0"  # directories: path as text
            + bytes((2, 1, 0x1F, 2, 0x0B, 3)) + struct.pack("<IB", 0, 1) * 2 + struct.pack("<IB", 7, 2)
        )  # fmt: skip
    tail = bytes((2, *((1,) if version >= 4 else ()), 1, LINE_BASE & 0xFF, LINE_RANGE, OPCODE_BASE)) + LENGTHS + tables
    head = struct.pack("<H", version) + (b"\4\0" if version >= 5 else b"") + struct.pack("<I", len(tail))
    return struct.pack("<I", len(head) + len(tail) + len(program)) + head + tail + program


def elf(sections: dict[str, bytes], *, compressed: bool = False) -> bytes:
    """An image of a Cortex-M that holds nothing but debug sections and one segment."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*sections, ".shstrtab"))
    body, rows = bytearray(), [bytes(40)]
    offset = 84
    for name, data in (*sections.items(), (".shstrtab", names)):
        flags = 0x800 if compressed and name != ".shstrtab" else 0
        rows.append(struct.pack("<10I", names.index(name.encode() + b"\0"), 3 if name == ".shstrtab" else 1, flags, 0, offset, len(data), 0, 0, 1, 0))
        body += data
        offset += len(data)
    header = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, 0, 52, offset, 0x05000000, 52, 32, 1, 40, len(rows), len(rows) - 1)
    return header + struct.pack("<8I", 1, 52, 0x08000000, 0x08000000, 4, 4, 5, 4) + bytes(body) + b"".join(rows)


def read(path: Path, data: bytes, start: int = START, stop: int = START + 256) -> source_lines.SourceLines:
    path.write_bytes(data)
    return read_source_lines(path, hashlib.sha256(data).hexdigest(), start, stop)


STRINGS = {".debug_line_str": b"main.c\0inline.h\0"}


@pytest.mark.parametrize(("version", "folder"), [(2, "src/"), (3, "src/"), (4, "src/"), (5, "/build/src/")])
def test_every_version(tmp_path, version, folder):
    lines = read(tmp_path / "a.elf", elf({".debug_line": unit(sequence(), version), **STRINGS}))
    assert lines.problem == ""
    main, inline = f"{folder}main.c", "/lib/inline.h"
    assert lines.at(START - 2) is None
    assert [lines.at(START + offset) for offset in (0, 2, 4)] == [SourceLine(main, 10), SourceLine(main, 10), SourceLine(main, 12)]
    assert {lines.at(START + offset) for offset in range(6, 206, 2)} == {SourceLine(inline, 9)}
    assert lines.at(START + 206) is None


def entries(version: int, place: int = 0) -> dict[str, bytes]:
    """A compilation unit in ``/build``, as GCC begins one: producer, language, name, folder, range, line program."""
    forms = ((0x25, 0x0E), (0x13, 0x0B), (0x03, 0x08), (0x1B, 0x1F if version >= 5 else 0x0E), (0x11, 0x01), (0x12, 0x06), (0x10, 0x17), (0x87, 0x19))
    if version < 4:
        forms = tuple((attribute, {0x17: 0x06, 0x19: 0x0C}.get(form, form)) for attribute, form in forms)
    abbreviations = b"\1\x34\0\3\x08\0\0" + b"\2\x11\1" + b"".join(leb(attribute) + leb(form) for attribute, form in forms) + b"\0\0\0"
    values = struct.pack("<IB", 0, 12) + b"src/main.c\0" + struct.pack("<IIII", 4, START, 206, place) + (b"" if version >= 4 else b"\1")
    head = struct.pack("<HBBI", version, 1, 4, 0) if version >= 5 else struct.pack("<HIB", version, 0, 4)
    folder = {".debug_str": b"GCC\0/build\0", ".debug_line_str": b"GCC\0/build\0"}
    return {".debug_info": struct.pack("<I", len(head) + 1 + len(values)) + head + b"\2" + values, ".debug_abbrev": abbreviations, **folder}


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("tree", [2, 4, 5])
def test_files_are_in_the_folder_that_the_unit_was_compiled_in(tmp_path, version, tree):
    before = unit(sequence(START + 0x1000), version)
    lines = read(tmp_path / "a.elf", elf({".debug_line": before + unit(sequence(), version), **entries(tree, place=len(before))}))
    assert lines.problem == ""
    assert lines.at(START) == SourceLine("/build/src/main.c", 10)
    assert lines.at(START + 6) == SourceLine("/lib/inline.h", 9)


def test_a_folder_is_that_of_its_own_unit(tmp_path):
    lines = read(tmp_path / "a.elf", elf({".debug_line": unit(sequence(), 4), **entries(4, place=7)}))
    assert lines.at(START) == SourceLine("src/main.c", 10)


@given(damage=st.binary(max_size=80), section=st.sampled_from([".debug_info", ".debug_abbrev"]), place=st.integers(0, 60))
def test_a_damaged_tree_costs_folders_at_most(tmp_path_factory, damage, section, place):
    sections = entries(5)
    sections[section] = sections[section][:place] + damage
    lines = read(tmp_path_factory.mktemp("tree") / "a.elf", elf({".debug_line": unit(sequence(), 4), **sections}))
    line = lines.at(START)
    assert line is not None
    assert line.line == 10
    assert line.file.endswith("src/main.c")


def test_compressed_sections(tmp_path):
    plain = {".debug_line": unit(sequence(), 5), **STRINGS}
    packed = {name: struct.pack("<III", 1, len(data), 1) + zlib.compress(data) for name, data in plain.items()}
    assert read(tmp_path / "a.elf", elf(packed, compressed=True)).at(START) == SourceLine("/build/src/main.c", 10)


def test_a_section_that_claims_to_grow_without_end_is_refused(tmp_path):
    bomb = struct.pack("<III", 1, 1 << 31, 1) + zlib.compress(bytes(1 << 20))
    assert "too large" in read(tmp_path / "a.elf", elf({".debug_line": bomb}, compressed=True)).problem
    small = struct.pack("<III", 1, 64, 1) + zlib.compress(bytes(1 << 24))
    assert read(tmp_path / "a.elf", elf({".debug_line": small}, compressed=True)).stretches == ()


def test_only_the_units_of_the_stretch_are_run(tmp_path, monkeypatch):
    units = [unit(sequence(START + 0x1000 * number)) for number in range(500)]
    ran = []
    monkeypatch.setattr(source_lines, "read_unit", lambda section, offset, *rest: ran.append(offset) or read_unit(section, offset, *rest))
    lines = read(tmp_path / "a.elf", elf({".debug_line": b"".join(units)}), START + 0x1000 * 300, START + 0x1000 * 300 + 6)
    assert lines.at(START + 0x1000 * 300 + 4) == SourceLine("src/main.c", 12)
    assert len(ran) < 12


def test_a_function_in_the_middle_of_a_sequence(tmp_path):
    units = [unit(sequence(START + 0x1000 * number)) for number in range(20)]
    lines = read(tmp_path / "a.elf", elf({".debug_line": b"".join(units)}), START + 0x3010, START + 0x3020)
    assert lines.at(START + 0x3010) == SourceLine("/lib/inline.h", 9)


def test_lines_of_functions_that_the_linker_threw_away_are_left_out(tmp_path):
    lines = read(tmp_path / "a.elf", elf({".debug_line": unit(sequence(0)) + unit(sequence(0x40))}), 0x40, 0x80)
    assert lines.at(0x40) == SourceLine("src/main.c", 10)


def test_files_without_lines_say_why(tmp_path):
    path = tmp_path / "a.elf"
    assert "no debug information" in read(path, elf({})).problem
    assert "no lines of this function" in read(path, elf({".debug_line": unit(sequence())}), 0x100, 0x200).problem
    assert "only ELF files" in read(path, b":020000040800F2").problem
    path.write_bytes(b"\x7fELF")
    assert "changed" in read_source_lines(path, "00" * 32, 0, 4).problem
    assert "cannot be read" in read_source_lines(tmp_path / "b.elf", "", 0, 4).problem


@pytest.mark.parametrize(
    "tables",
    [
        bytes((0,)) + leb(1 << 60),  # entries without contents, in any number
        bytes((1, 1, 0x19)) + leb(1 << 60),  # entries of a form that takes no room
        bytes((1, 1, 0x08)) + leb(1 << 60) + b"\0" * 100,
        bytes((255,)),
        bytes((1, 1, 0x09, 1)) + leb(1 << 40),
        b"\xff" * 40,
    ],
)
def test_tables_that_claim_too_much_end_the_unit(tables):
    with pytest.raises(LineProgramError):
        list(read_unit(unit(b"", 5, tables=tables), 0, Strings(), Budget(10_000)))


def test_a_program_that_goes_on_and_on_is_stopped():
    budget = Budget(1000)
    with pytest.raises(LineProgramError, match="more line information"):
        list(read_unit(unit(b"\1" * 2000), 0, Strings(), budget))
    assert budget.steps == -1


@given(st.binary(max_size=200), st.integers(2, 5), st.booleans())
def test_whatever_the_program_is_the_reader_returns(program, version, whole):
    data = unit(program, version, tables=None if whole else program[:50])
    budget = Budget(5000)
    try:
        for first, low, high, file, line in read_unit(data, 0, Strings(b"main.c\0inline.h\0"), budget):
            assert 0 <= low < high <= 0xFFFFFFFF
            assert isinstance(file, str)
            assert isinstance(line, int)
            assert 0 <= first <= 0xFFFFFFFF
    except LineProgramError:
        pass


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=12))
def test_a_damaged_file_gives_lines_or_a_reason(tmp_path_factory, damage):
    data = bytearray(elf({".debug_line": unit(sequence(), 5), **STRINGS}))
    for place, value in damage:
        data[place % len(data)] = value
    lines = read(tmp_path_factory.mktemp("damaged") / "a.elf", bytes(data))
    assert lines.stretches or lines.problem


SOURCE = """
static inline int twice(int a) {
  return a * 2;
}
__attribute__((noinline)) int work(const int *data, int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) {
    if (data[i] > 3)
      sum += twice(data[i]);
    else
      sum ^= data[i];
  }
  return sum;
}
int numbers[8];
void _start(void) { numbers[0] = work(numbers, 8); for (;;) {} }
"""


@pytest.mark.toolchain
@pytest.mark.parametrize("toolchain", ["arm-none-eabi", "riscv64-unknown-elf"])
@pytest.mark.parametrize("debug", [("-gdwarf-2",), ("-gdwarf-3",), ("-gdwarf-4",), ("-gdwarf-5",), ("-g", "-gz"), ("-g", "-ffunction-sections")])
@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_addresses_have_the_lines_that_addr2line_gives_them(tmp_path, toolchain, debug, level):
    if shutil.which(f"{toolchain}-gcc") is None or shutil.which(f"{toolchain}-addr2line") is None:
        pytest.skip(f"no {toolchain}")
    source, target = tmp_path / "work.c", tmp_path / "work.elf"
    source.write_text(SOURCE, encoding="ascii")
    cpu = ["-mcpu=cortex-m4", "-mthumb"] if toolchain.startswith("arm") else ["-march=rv32imc", "-mabi=ilp32"]
    subprocess.run(
        [f"{toolchain}-gcc", *cpu, level, *debug, "-nostdlib", "-ffreestanding", "-Wl,-Ttext=0x8000000", str(source), "-o", str(target)],
        check=True,
        cwd=tmp_path,
    )
    addresses = [0x8000000 + 2 * number for number in range(48)]
    told = subprocess.run([f"{toolchain}-addr2line", "-e", str(target), *map(hex, addresses)], check=True, capture_output=True, text=True)
    lines = read_source_lines(target, hashlib.sha256(target.read_bytes()).hexdigest(), addresses[0], addresses[-1] + 2)
    assert lines.problem == ""
    compared = 0
    for address, text in zip(addresses, told.stdout.splitlines(), strict=True):
        file, _, number = text.split(" (")[0].rpartition(":")
        if number.isdigit() and int(number):
            line = lines.at(address)
            assert line is not None
            assert (Path(line.file).name, line.line) == (Path(file).name, int(number)), hex(address)
            compared += 1
    assert compared > 20


@pytest.mark.toolchain
@pytest.mark.parametrize("debug", ["-g", "-gdwarf-2", "-gdwarf-4", "-gdwarf-5"])
def test_a_path_relative_to_where_it_was_compiled_is_told_in_full(tmp_path, debug):
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "work.c").write_text(SOURCE, encoding="ascii")
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-O2", debug, "-nostdlib", "-ffreestanding", "-Wl,-Ttext=0x8000000"]
    subprocess.run([*command, "src/work.c", "-o", "work.elf"], check=True, cwd=tmp_path)
    target = tmp_path / "work.elf"
    line = read_source_lines(target, hashlib.sha256(target.read_bytes()).hexdigest(), 0x8000000, 0x8000040).at(0x8000000)
    assert line is not None
    assert Path(line.file) == tmp_path / "src" / "work.c"

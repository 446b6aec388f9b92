"""A small writer of ELF files, for images that no linker would make."""

import struct
from dataclasses import dataclass, replace

ARM, RISCV = 40, 243
FLASH, RAM = 0x0800_0000, 0x2000_0000
STACK_END = RAM + 0x2_0000
ALLOC, WRITE, EXEC = 2, 1, 4
PROGBITS, SYMTAB, STRTAB, NOBITS, ATTRIBUTES = 1, 2, 3, 8, 0x7000_0003
FUNCTION, OBJECT, NOTYPE = 2, 1, 0
ABSOLUTE = 0xFFF1


@dataclass(frozen=True)
class Load:
    address: int
    data: bytes
    virtual: int | None = None
    memory: int | None = None
    flags: int = 5


@dataclass(frozen=True)
class Section:
    name: str
    address: int
    size: int
    kind: int = PROGBITS
    flags: int = ALLOC


@dataclass(frozen=True)
class Sym:
    name: str
    value: int
    size: int = 0
    kind: int = FUNCTION
    is_global: bool = True
    section: int = 1


@dataclass(frozen=True)
class Elf:
    loads: tuple[Load, ...]
    sections: tuple[Section, ...] = ()
    symbols: tuple[Sym, ...] = ()
    attributes: bytes = b""
    comment: bytes = b""
    machine: int = ARM
    flags: int = 0x0500_0400
    entry: int = FLASH + 0x41
    file_type: int = 2


def attribute_section(vendor: str, tags: dict[int, int | str]) -> bytes:
    body = b"".join(bytes([tag]) + (value.encode() + b"\0" if isinstance(value, str) else bytes([value])) for tag, value in tags.items())
    inner = b"\x01" + struct.pack("<I", 5 + len(body)) + body
    subsection = vendor.encode() + b"\0" + inner
    return b"A" + struct.pack("<I", 4 + len(subsection)) + subsection


M4_ATTRIBUTES = attribute_section("aeabi", {5: "7E-M", 6: 13, 7: ord("M"), 9: 2, 10: 6, 27: 1, 28: 1})


def vectors(base: int = FLASH, *, stack: int = STACK_END, handler: int | None = None) -> bytes:
    """Sixteen vectors, all of them the function 0x40 bytes behind the base."""
    target = (base + 0x40 if handler is None else handler) | 1
    return struct.pack("<16I", stack, *(0 if index in (7, 8, 9, 10, 13) else target for index in range(1, 16)))


def flash_contents(base: int = FLASH, size: int = 256) -> bytes:
    return (vectors(base) + b"\xfe\xe7" * ((size - 64) // 2)).ljust(size, b"\0")


CORTEX_M4 = Elf(
    loads=(Load(FLASH, flash_contents()), Load(FLASH + 256, b"\1\2\3\4" * 4, virtual=RAM, memory=80, flags=6)),
    sections=(
        Section(".isr_vector", FLASH, 64),
        Section(".text", FLASH + 64, 192, flags=ALLOC | EXEC),
        Section(".data", RAM, 16, flags=ALLOC | WRITE),
        Section(".bss", RAM + 16, 64, kind=NOBITS, flags=ALLOC | WRITE),
    ),
    symbols=(
        Sym("Reset_Handler", FLASH + 0x41, 8, section=2),
        Sym("_Z3addii", FLASH + 0x49, 8, section=2),
        Sym("table", RAM, 16, OBJECT, section=3),
        Sym("_estack", STACK_END, 0, NOTYPE, section=ABSOLUTE),
        Sym("$t", FLASH + 0x40, 0, NOTYPE, is_global=False, section=2),
        Sym("$d", FLASH + 0x60, 0, NOTYPE, is_global=False, section=2),
        Sym("local_label", FLASH + 0x50, 0, NOTYPE, is_global=False, section=2),
    ),
    attributes=M4_ATTRIBUTES,
    comment=b"GCC: (15:12.2.rel1-1) 12.2.1 20221205\0GCC: (15:12.2.rel1-1) 12.2.1 20221205\0",
)

RV32 = replace(
    CORTEX_M4,
    machine=RISCV,
    flags=1,
    entry=FLASH + 0x40,
    symbols=(Sym("_start", FLASH + 0x40, 8, section=2), Sym("$xrv32i2p1", FLASH + 0x40, 0, NOTYPE, is_global=False, section=2)),
    attributes=attribute_section("riscv", {4: 16, 5: "rv32i2p1_m2p0_c2p0"}),
)


def build(elf: Elf) -> bytes:
    """Return the bytes of the file."""
    phoff, position = 52, 52 + 32 * len(elf.loads)
    blob = bytearray()

    def append(data: bytes) -> int:
        nonlocal position
        padding = -position % 4
        blob.extend(b"\0" * padding + data)
        offset = position + padding
        position = offset + len(data)
        return offset

    offsets = [append(load.data) for load in elf.loads]
    headers = b"".join(
        struct.pack(
            "<8I",
            *(1, offset, load.address if load.virtual is None else load.virtual, load.address, len(load.data)),
            *(len(load.data) if load.memory is None else load.memory, load.flags, 4),
        )
        for load, offset in zip(elf.loads, offsets, strict=True)
    )
    rows: list[tuple[str, int, int, int, int, int, int, int]] = [("", 0, 0, 0, 0, 0, 0, 0)]
    for section in elf.sections:
        offset = 0
        for load, start in zip(elf.loads, offsets, strict=True):
            virtual = load.address if load.virtual is None else load.virtual
            if virtual <= section.address <= virtual + len(load.data):
                offset = start + section.address - virtual
                break
        rows.append((section.name, section.kind, section.flags, section.address, offset, section.size, 0, 0))
    if elf.attributes:
        rows.append((".attributes", ATTRIBUTES, 0, 0, append(elf.attributes), len(elf.attributes), 0, 0))
    if elf.comment:
        rows.append((".comment", PROGBITS, 0x30, 0, append(elf.comment), len(elf.comment), 0, 0))
    if elf.symbols:
        names = b"\0" + b"".join(symbol.name.encode() + b"\0" for symbol in elf.symbols)
        table = bytes(16)
        name_offset = 1
        for symbol in elf.symbols:
            info = (16 if symbol.is_global else 0) | symbol.kind
            table += struct.pack("<IIIBBH", name_offset, symbol.value, symbol.size, info, 0, symbol.section)
            name_offset += len(symbol.name.encode()) + 1
        rows.append((".symtab", SYMTAB, 0, 0, append(table), len(table), len(rows) + 1, 16))
        rows.append((".strtab", STRTAB, 0, 0, append(names), len(names), 0, 0))
    shstrtab = b"\0" + b"".join(row[0].encode() + b"\0" for row in rows[1:]) + b".shstrtab\0"
    rows.append((".shstrtab", STRTAB, 0, 0, append(shstrtab), len(shstrtab), 0, 0))
    table = b""
    name_offset = 1
    for index, (name, kind, flags, address, offset, size, link, entry_size) in enumerate(rows):
        table += struct.pack("<10I", name_offset if index else 0, kind, flags, address, offset, size, link, 0, 4, entry_size)
        name_offset += len(name) + 1 if index else 0
    has_sections = bool(elf.sections or elf.attributes or elf.comment or elf.symbols)
    shoff = append(table) if has_sections else 0
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIIIIIHHHHHH",
        *(elf.file_type, elf.machine, 1, elf.entry, phoff if elf.loads else 0, shoff, elf.flags, 52, 32, len(elf.loads), 40),
        *((len(rows), len(rows) - 1) if has_sections else (0, 0)),
    )
    return bytes(header + headers + blob)

"""Reset values of registers from a CMSIS-SVD file.

Format: Arm, "CMSIS-SVD" (open-cmsis-pack/svd-spec), levels peripheral, cluster and register; arrays and derived peripherals are followed.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from instsim.errors import InputError

__all__ = ["register_resets"]

_LARGEST_FILE = 1 << 26
_MOST_REGISTERS = 200_000


def register_resets(path: Path) -> dict[int, int]:
    """Return the reset values of a chip's registers by address, those that are zero left out.

    Parameters
    ----------
    path : Path
        A CMSIS-SVD file.

    Raises
    ------
    InputError
        If the file cannot be read or is none.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"--svd {path}: larger than {_LARGEST_FILE:,} bytes", hint="is this the right file?")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"--svd {path}: {error.strerror or error}") from error
    if b"<!ENTITY" in data:
        raise InputError(f"--svd {path}: XML entities are not read")
    try:
        root = ET.fromstring(data)  # noqa: S314 -- entities are refused above
        peripherals = root.findall("./peripherals/peripheral")
        if not peripherals:
            raise InputError(f"--svd {path}: no peripherals in it", hint="a CMSIS-SVD file describes the registers of a chip")
        return _Reader(root, peripherals).resets
    except (ET.ParseError, ValueError, RecursionError) as error:
        raise InputError(f"--svd {path}: not a CMSIS-SVD file: {error}") from error


def _number(text: str | None, default: int = 0) -> int:
    if text is None or not text.strip():
        return default
    text = text.strip().lower()
    if text.startswith("#"):
        return int(text[1:].replace("x", "0"), 2)
    return int(text, 0) if not text.startswith("0") or text.startswith("0x") else int(text)


class _Reader:
    def __init__(self, root: ET.Element, peripherals: list[ET.Element]) -> None:
        self.resets: dict[int, int] = {}
        self._named = {peripheral.findtext("name", ""): peripheral for peripheral in peripherals}
        default = _number(root.findtext("resetValue"))
        for peripheral in peripherals:
            origin = self._named.get(peripheral.get("derivedFrom", ""), peripheral)
            registers = peripheral.find("registers")
            if registers is None:
                registers = origin.find("registers")
            own = _number(peripheral.findtext("resetValue"), _number(origin.findtext("resetValue"), default))
            if registers is not None:
                self._read(registers, _number(peripheral.findtext("baseAddress")), own)

    def _read(self, group: ET.Element, base: int, default: int) -> None:
        for child in group:
            if child.tag not in ("register", "cluster"):
                continue
            value = _number(child.findtext("resetValue"), default)
            offset, step = _number(child.findtext("addressOffset")), _number(child.findtext("dimIncrement"))
            for index in range(max(1, _number(child.findtext("dim"), 1))):
                address = base + offset + index * step
                if child.tag == "cluster":
                    self._read(child, address, value)
                elif value:
                    self._add(address, value)

    def _add(self, address: int, value: int) -> None:
        if len(self.resets) >= _MOST_REGISTERS:
            raise ValueError("more registers than any chip has")
        # Registers of a byte or a half share their word with others.
        word, shift = address & ~3, 8 * (address & 3)
        self.resets[word] = self.resets.get(word, 0) | (value << shift & 0xFFFFFFFF)

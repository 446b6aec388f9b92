"""Load a firmware file of any supported format."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from instsim.errors import ImageError
from instsim.image.esp_direct_boot import as_booted_directly, is_direct_boot, load_direct_boot
from instsim.image.esp_image import is_esp_image, load_esp_image
from instsim.image.firmware import FirmwareImage
from instsim.image.uf2 import UF2_MAGIC, load_uf2

__all__ = ["load_image"]

_MAXIMUM_FILE_BYTES = 512 << 20

_HEX_RECORD = re.compile(rb"\s*:[0-9A-Fa-f]{10}")

_OTHER_FORMATS = (
    (0, b"!<arch>\n", "is a static library, not a firmware image", "link it into an executable first"),
    (0, b"!<thin>\n", "is a static library, not a firmware image", "link it into an executable first"),
    (4, b"TFL3", "is a TensorFlow Lite model, not firmware", "give the ELF file of the firmware that runs the model"),
    (0, b"MZ", "is a Windows program, not a firmware image", "give the ELF file of the firmware"),
    (0, b"\xce\xfa\xed\xfe", "is a Mach-O file, not a firmware image", "give the ELF file of the firmware"),
    (0, b"\xcf\xfa\xed\xfe", "is a Mach-O file, not a firmware image", "give the ELF file of the firmware"),
    (0, b"PK\x03\x04", "is a ZIP archive, not a firmware image", "unpack it first"),
    (0, b"\x1f\x8b", "is a gzip file, not a firmware image", "unpack it first"),
    (0, b"S0", "is a Motorola S-record file, which instsim does not read", "convert it: objcopy -I srec -O ihex"),
)


def load_image(path: Path | str, *, base: int | None = None) -> FirmwareImage:
    """Read a firmware file; its contents tell the format, not its name.

    Parameters
    ----------
    path : Path or str
        An ELF file (32-bit little-endian, Arm Cortex-M or RISC-V), Intel HEX, UF2, Espressif's image format, the contents
        of an ESP32-C3's flash that its ROM starts by itself, or a raw binary.
    base : int, optional
        Load address of the first byte of a raw binary. Without it, it is guessed from the vector table, and the guess stands in
        ``notes``. Other formats carry their addresses.

    Returns
    -------
    FirmwareImage
        Segments at the addresses where a flasher writes them, and what the file says about itself.

    Raises
    ------
    ImageError
        If the file cannot be read or holds nothing instsim can run. Whatever the bytes are, nothing else is raised.
    """
    path = Path(path)
    data = _read(path)
    # A name is any bytes to the system; those that are no text would stop whoever writes it down.
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    if data.startswith(b"\x7fELF"):
        _check_no_base(name, "ELF", base)
        from instsim.image.elf_image import load_elf  # noqa: PLC0415 -- each format loads what it needs

        return as_booted_directly(load_elf(data, name))
    for offset, magic, problem, hint in _OTHER_FORMATS:
        if data[offset : offset + len(magic)] == magic:
            raise ImageError(f"{name}: {problem}", hint=hint)
    if _HEX_RECORD.match(data):
        _check_no_base(name, "Intel HEX", base)
        from instsim.image.intel_hex import load_intel_hex  # noqa: PLC0415

        return load_intel_hex(data, name)
    if data.startswith(UF2_MAGIC):
        _check_no_base(name, "UF2", base)
        return load_uf2(data, name)
    if base is None and is_esp_image(data):
        return load_esp_image(data, name)
    if base is None and is_direct_boot(data):
        return load_direct_boot(data, name)
    from instsim.image.raw_binary import load_raw_binary  # noqa: PLC0415

    return load_raw_binary(data, name, base)


def _check_no_base(name: str, file_format: str, base: int | None) -> None:
    if base is not None:
        raise ImageError(f"{name}: a base address was given, but {file_format} files carry their addresses", hint="leave out --base")


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{path}: is a folder, not a firmware file", hint="give the ELF file inside it")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{path}: is not a regular file")
        if status.st_size > _MAXIMUM_FILE_BYTES:
            raise ImageError(f"{path}: {status.st_size:,} bytes are too many for a firmware file (at most {_MAXIMUM_FILE_BYTES >> 20} MB)")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file", hint="check the path") from None
    except PermissionError:
        raise ImageError(f"{path}: permission denied", hint="check the file's permissions") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be read ({error})") from error
    if not data:
        raise ImageError(f"{path}: the file is empty", hint="build it again")
    return data

"""Build attributes of an ELF file in readable form.

The walk is written here because every length in the section is checked before it is followed, which a damaged file needs. The names of
values are those of the ABI: "Addenda to, and Errata in, the ABI for the Arm Architecture" (github ARM-software/abi-aa, addenda32), and
"RISC-V ELF psABI" (github riscv-non-isa/riscv-elf-psabi-doc).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from instsim.image.elf_headers import EM_ARM, ElfFile

__all__ = ["AttributesDamagedError", "read_attributes"]

_SHT_ATTRIBUTES = 0x70000003
_MAXIMUM_SECTION_BYTES = 1 << 16
_TAG_FILE = 1

_ARM_TAGS: Mapping[int, str] = MappingProxyType(
    {
        4: "Tag_CPU_raw_name",
        5: "Tag_CPU_name",
        6: "Tag_CPU_arch",
        7: "Tag_CPU_arch_profile",
        8: "Tag_ARM_ISA_use",
        9: "Tag_THUMB_ISA_use",
        10: "Tag_FP_arch",
        11: "Tag_WMMX_arch",
        12: "Tag_Advanced_SIMD_arch",
        13: "Tag_PCS_config",
        14: "Tag_ABI_PCS_R9_use",
        15: "Tag_ABI_PCS_RW_data",
        16: "Tag_ABI_PCS_RO_data",
        17: "Tag_ABI_PCS_GOT_use",
        18: "Tag_ABI_PCS_wchar_t",
        19: "Tag_ABI_FP_rounding",
        20: "Tag_ABI_FP_denormal",
        21: "Tag_ABI_FP_exceptions",
        22: "Tag_ABI_FP_user_exceptions",
        23: "Tag_ABI_FP_number_model",
        24: "Tag_ABI_align_needed",
        25: "Tag_ABI_align_preserved",
        26: "Tag_ABI_enum_size",
        27: "Tag_ABI_HardFP_use",
        28: "Tag_ABI_VFP_args",
        29: "Tag_ABI_WMMX_args",
        30: "Tag_ABI_optimization_goals",
        31: "Tag_ABI_FP_optimization_goals",
        32: "Tag_compatibility",
        34: "Tag_CPU_unaligned_access",
        36: "Tag_FP_HP_extension",
        38: "Tag_ABI_FP_16bit_format",
        42: "Tag_MPextension_use",
        44: "Tag_DIV_use",
        46: "Tag_DSP_extension",
        48: "Tag_MVE_arch",
        50: "Tag_PAC_extension",
        52: "Tag_BTI_extension",
        64: "Tag_nodefaults",
        65: "Tag_also_compatible_with",
        66: "Tag_T2EE_use",
        67: "Tag_conformance",
        68: "Tag_Virtualization_use",
        70: "Tag_MPextension_use_legacy",
        72: "Tag_FramePointer_use",
        74: "Tag_BTI_use",
        76: "Tag_PACRET_use",
    }
)

_ARM_VALUES: Mapping[int, Mapping[int, str]] = MappingProxyType(
    {
        6: dict(
            enumerate(
                (
                    *("pre-v4", "v4", "v4T", "v5T", "v5TE", "v5TEJ", "v6", "v6KZ", "v6T2", "v6K", "v7", "v6-M", "v6S-M", "v7E-M", "v8-A", "v8-R"),
                    *("v8-M.baseline", "v8-M.mainline", "v8.1-A", "v8.2-A", "v8.3-A", "v8.1-M.mainline", "v9-A"),
                )
            )
        ),
        7: {0: "None", ord("A"): "Application", ord("R"): "Realtime", ord("M"): "Microcontroller", ord("S"): "Application or Realtime"},
        8: {0: "No", 1: "Yes"},
        9: {0: "No", 1: "Thumb-1", 2: "Thumb-2", 3: "Yes"},
        10: dict(enumerate(("No", "VFPv1", "VFPv2", "VFPv3", "VFPv3-D16", "VFPv4", "VFPv4-D16", "FPv5", "FPv5-D16"))),
        27: {0: "As Tag_FP_arch", 1: "SP only", 3: "SP and DP"},
        28: {0: "AAPCS", 1: "VFP registers", 2: "custom", 3: "compatible"},
        30: dict(enumerate(("None", "Prefer Speed", "Aggressive Speed", "Prefer Size", "Aggressive Size", "Prefer Debug", "Aggressive Debug"))),
        34: {0: "None", 1: "v6"},
        46: {0: "No", 1: "Yes"},
        48: {0: "No", 1: "MVE integer", 2: "MVE integer and floating point"},
    }
)

_RISCV_TAGS: Mapping[int, str] = MappingProxyType(
    {
        4: "Tag_RISCV_stack_align",
        5: "Tag_RISCV_arch",
        6: "Tag_RISCV_unaligned_access",
        8: "Tag_RISCV_priv_spec",
        10: "Tag_RISCV_priv_spec_minor",
        12: "Tag_RISCV_priv_spec_revision",
        14: "Tag_RISCV_atomic_abi",
        16: "Tag_RISCV_x3_reg_usage",
    }
)

_RISCV_VALUES: Mapping[int, Mapping[int, str]] = MappingProxyType(
    {
        6: {0: "No", 1: "Yes"},
        14: dict(enumerate(("UNKNOWN", "A6C", "A6S", "A7"))),
    }
)


class AttributesDamagedError(Exception):
    """The attributes section cannot be decoded; the image may be fine without it."""


def read_attributes(elf: ElfFile) -> dict[str, str]:
    """Return the file-wide build attributes by the names their ABI gives them, values in readable form.

    The single-precision floating-point units of Cortex-M are named as the compilers do (``FPv4-SP-D16``, ``FPv5-SP-D16``): in the
    file they are the architecture of the double-precision unit with ``Tag_ABI_HardFP_use`` "SP only". What the ELF header's flags say
    is added as ``e_flags_float_abi`` and, on RISC-V, ``e_flags_rvc``.

    Raises
    ------
    AttributesDamagedError
        If the section does not hold what its lengths promise.
    """
    attributes = _flags(elf)
    section = next((section for section in elf.sections if section.kind == _SHT_ATTRIBUTES), None)
    if section is None:
        return attributes
    contents = elf.contents(section)
    if contents is None or len(contents) > _MAXIMUM_SECTION_BYTES:
        raise AttributesDamagedError(f"section {section.name} does not lie inside the file")
    names, values = (_ARM_TAGS, _ARM_VALUES) if elf.machine == EM_ARM else (_RISCV_TAGS, _RISCV_VALUES)
    try:
        for tag, value in _file_attributes(bytes(contents), arm=elf.machine == EM_ARM):
            text = value if isinstance(value, str) else values.get(tag, {}).get(value, str(value))
            attributes[names.get(tag, f"Tag_{tag}")] = text
    except (IndexError, ValueError) as error:
        raise AttributesDamagedError(f"section {section.name} is damaged") from error
    if attributes.get("Tag_ABI_HardFP_use") == "SP only" and attributes.get("Tag_FP_arch", "").endswith("v4-D16"):
        attributes["Tag_FP_arch"] = "FPv4-SP-D16"
    elif attributes.get("Tag_ABI_HardFP_use") == "SP only" and attributes.get("Tag_FP_arch") == "FPv5-D16":
        attributes["Tag_FP_arch"] = "FPv5-SP-D16"
    return attributes


def _flags(elf: ElfFile) -> dict[str, str]:
    if elf.machine == EM_ARM:
        float_abi = {0x200: "soft", 0x400: "hard"}.get(elf.flags & 0x600)
        return {"e_flags_float_abi": float_abi} if float_abi else {}
    return {
        "e_flags_rvc": "Yes" if elf.flags & 1 else "No",
        "e_flags_float_abi": ("soft", "single", "double", "quad")[elf.flags >> 1 & 3],
    }


def _file_attributes(data: bytes, *, arm: bool) -> Iterator[tuple[int, int | str]]:
    vendor_wanted = "aeabi" if arm else "riscv"
    if data[:1] != b"A":
        raise ValueError(data[:1])
    position = 1
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "little")
        end = position + length
        if length < 5 or end > len(data):
            raise ValueError(length)
        vendor, inner = _string(data, position + 4, end)
        while vendor == vendor_wanted and inner < end:
            tag, body = _uleb128(data, inner)
            inner_end = inner + int.from_bytes(data[body : body + 4], "little")
            if not body + 4 <= inner_end <= end:
                raise ValueError(inner_end)
            if tag == _TAG_FILE:
                yield from _attributes(data, body + 4, inner_end, arm=arm)
            inner = inner_end
        position = end


def _attributes(data: bytes, position: int, end: int, *, arm: bool) -> Iterator[tuple[int, int | str]]:
    while position < end:
        tag, position = _uleb128(data, position)
        value: int | str
        if arm and tag == 32:
            _, position = _uleb128(data, position)
            value, position = _string(data, position, end)
        elif (tag in (4, 5) or (tag > 32 and tag % 2 == 1)) if arm else tag % 2 == 1:
            value, position = _string(data, position, end)
        else:
            value, position = _uleb128(data, position)
        yield tag, value


def _uleb128(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError(position)


def _string(data: bytes, position: int, end: int) -> tuple[str, int]:
    stop = data.index(b"\0", position, end)
    return data[position:stop].decode("utf-8", "backslashreplace"), stop + 1

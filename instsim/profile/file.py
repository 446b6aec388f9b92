"""Saved profiles: one file, the same bytes for the same run.

A ``.profile`` is an uncompressed-dated zip of NumPy arrays (``numpy.savez_compressed``) plus one JSON text under ``facts``. Nothing in it is
ever executed or unpickled. `FORMAT_VERSION` rises when a reader of the previous version would misread the file.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from instsim.dynamics.target_buffer import Outcome
from instsim.errors import ProfileError
from instsim.isa import Isa
from instsim.profile.basic_blocks import BEHIND_BYTES
from instsim.profile.block_profile import (
    BlockProfile,
    CallTree,
    CrossingUse,
    DividerUse,
    ExceptionUse,
    FirmwareFacts,
    FunctionSpan,
    KernelRecord,
    RunFacts,
    SwapFacts,
    SymbolSize,
    TensorShape,
)
from instsim.profile.memory_use import memory_arrays, memory_facts, memory_from

__all__ = ["FORMAT_VERSION", "is_profile", "load_profile", "profile_bytes", "profile_from_bytes", "save_profile"]

FORMAT_VERSION = 1
_KIND = "instsim block profile"
_LARGEST_FILE_BYTES = 1 << 28
_LARGEST_MEMBER_BYTES = 1 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)


def profile_bytes(profile: BlockProfile) -> bytes:
    """Return the file contents of a profile."""
    arrays = {
        "addresses": profile.addresses,
        "sizes": profile.sizes,
        "code": np.frombuffer(profile.code, np.uint8),
        "executions": profile.executions,
        "fallthroughs": profile.fallthroughs,
        "divider_addresses": np.array([use.address for use in profile.dividers], np.int64),
        "divider_lengths": np.array([use.keys.size for use in profile.dividers], np.int64),
        "divider_keys": np.concatenate([np.zeros(0, np.int64), *(use.keys for use in profile.dividers)]),
        "divider_counts": np.concatenate([np.zeros(0, np.int64), *(use.counts for use in profile.dividers)]),
    }
    if profile.code_behind:
        arrays["code_behind"] = np.frombuffer(profile.code_behind, np.uint8)
    if profile.crossings:
        arrays["crossing_addresses"] = np.array([use.address for use in profile.crossings], np.int64)
        arrays["crossing_counts"] = np.stack([use.counts for use in profile.crossings])
    if profile.buffer_outcomes is not None:
        arrays["buffer_outcomes"] = profile.buffer_outcomes
    arrays |= memory_arrays(profile.memory)
    if profile.calls is not None:
        arrays |= {f"call_{field.name}": getattr(profile.calls, field.name) for field in fields(CallTree)}
    facts = {
        "kind": _KIND,
        "version": FORMAT_VERSION,
        "isa": str(profile.isa),
        "kernels": [asdict(kernel) for kernel in profile.kernels],
        "functions": [asdict(span) for span in profile.functions],
        "firmware": asdict(profile.firmware),
        "run": asdict(profile.run),
        "memory": memory_facts(profile.memory),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr(zipfile.ZipInfo("facts.json", _EPOCH), json.dumps(facts, sort_keys=True).encode(), zipfile.ZIP_DEFLATED)
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def save_profile(profile: BlockProfile, path: Path) -> None:
    """Write a profile; an interrupted write leaves the old file, or none.

    Raises
    ------
    ProfileError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_bytes(profile_bytes(profile))
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ProfileError(f"cannot write {path}: {error.strerror or error}") from error


def is_profile(path: Path) -> bool:
    """Whether a file looks like a saved profile (a zip that begins with our member)."""
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError:
        return False
    return head.startswith(b"PK\x03\x04") and b"facts.json" in head


def load_profile(path: Path) -> BlockProfile:
    """Read a saved profile.

    Raises
    ------
    ProfileError
        If the file is missing, damaged, or of another version.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise ProfileError(f"{path}: too large for a profile")
        data = path.read_bytes()
    except OSError as error:
        raise ProfileError(f"cannot read {path}: {error.strerror or error}") from error
    return profile_from_bytes(data, str(path))


def profile_from_bytes(data: bytes, name: str) -> BlockProfile:
    """Read a profile from its file contents; `name` is for messages.

    Raises
    ------
    ProfileError
        If the contents are damaged or of another version.
    """
    try:
        facts, arrays = _members(data, name)
        if facts.get("kind") != _KIND:
            raise ProfileError(f"{name}: not a profile of instsim")
        if facts.get("version") != FORMAT_VERSION:
            raise ProfileError(
                f"{name}: profile format {facts.get('version')!r}, this version of instsim reads {FORMAT_VERSION}",
                hint="make it again from the image with 'instsim profile'",
            )
        profile = _assemble(facts, arrays)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, EOFError, OSError, OverflowError, RuntimeError) as error:
        what = "truncated or damaged profile" if isinstance(error, zipfile.BadZipFile | EOFError) else f"damaged profile ({type(error).__name__})"
        raise ProfileError(f"{name}: {what}", hint="make it again from the image with 'instsim profile'") from error
    problem = _inconsistency(profile)
    if problem:
        raise ProfileError(f"{name}: damaged profile ({problem})", hint="make it again from the image with 'instsim profile'")
    return profile


def _members(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    arrays: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _LARGEST_MEMBER_BYTES:
            raise ProfileError(f"{name}: too large for a profile")
        for member in archive.infolist():
            content = archive.read(member)
            if member.filename == "facts.json":
                facts = json.loads(content)
            elif member.filename.endswith(".npy"):
                arrays[member.filename.removesuffix(".npy")] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return facts, arrays


def _assemble(facts: dict[str, Any], arrays: dict[str, Any]) -> BlockProfile:
    stops = np.cumsum(arrays["divider_lengths"])
    starts = stops - arrays["divider_lengths"]
    return BlockProfile(
        isa=Isa(facts["isa"]),
        addresses=arrays["addresses"].astype(np.int64),
        sizes=arrays["sizes"].astype(np.int64),
        code=arrays["code"].astype(np.uint8).tobytes(),
        executions=arrays["executions"].astype(np.int64),
        fallthroughs=arrays["fallthroughs"].astype(np.int64),
        kernels=tuple(_kernel(kernel) for kernel in facts["kernels"]),
        functions=tuple(FunctionSpan(**span) for span in facts["functions"]),
        dividers=tuple(
            DividerUse(int(address), arrays["divider_keys"][start:stop].astype(np.int64), arrays["divider_counts"][start:stop].astype(np.int64))
            for address, start, stop in zip(arrays["divider_addresses"].tolist(), starts.tolist(), stops.tolist(), strict=True)
        ),
        firmware=_firmware(facts["firmware"]),
        run=RunFacts(
            **facts["run"]
            | {
                "polled": tuple((int(a), int(n)) for a, n in facts["run"]["polled"]),
                "warnings": tuple(facts["run"]["warnings"]),
                "exceptions": tuple(ExceptionUse(**use) for use in facts["run"].get("exceptions", ())),
                "swap": _swap(facts["run"].get("swap")),
            }
        ),
        buffer_outcomes=arrays["buffer_outcomes"].astype(np.int64) if "buffer_outcomes" in arrays else None,
        code_behind=arrays["code_behind"].astype(np.uint8).tobytes() if "code_behind" in arrays else b"",
        crossings=tuple(
            CrossingUse(int(address), counts.astype(np.int64))
            for address, counts in zip(arrays.get("crossing_addresses", ()), arrays.get("crossing_counts", ()), strict=True)
        ),
        calls=CallTree(**{field.name: arrays[f"call_{field.name}"].astype(np.int64) for field in fields(CallTree)})
        if "call_nodes" in arrays
        else None,
        memory=memory_from(facts.get("memory", []), arrays),
    )


def _swap(swap: dict[str, Any] | None) -> SwapFacts | None:
    return None if swap is None else SwapFacts(**swap | {"outputs_sha256": tuple(swap["outputs_sha256"])})


def _firmware(firmware: dict[str, Any]) -> FirmwareFacts:
    symbols = tuple(SymbolSize(**symbol) for symbol in firmware.get("symbols", ()))
    return FirmwareFacts(**firmware | {"compilers": tuple(firmware["compilers"]), "symbols": symbols})


def _kernel(kernel: dict[str, Any]) -> KernelRecord:
    shapes = {side: tuple(None if t is None else TensorShape(tuple(t["shape"]), t["dtype"]) for t in kernel[side]) for side in ("inputs", "outputs")}
    return KernelRecord(**kernel | shapes)


def _inconsistency(profile: BlockProfile) -> str:
    blocks = profile.addresses.size
    shape = (1 + len(profile.kernels), blocks)
    if profile.addresses.shape != (blocks,) or profile.sizes.shape != (blocks,):
        return "arrays of different lengths"
    if profile.executions.shape != shape or profile.fallthroughs.shape != shape:
        return "counts that do not fit the kernels and blocks"
    if profile.buffer_outcomes is not None and profile.buffer_outcomes.shape != (len(Outcome), *shape):
        return "branch outcomes that do not fit the kernels and blocks"
    if len(profile.code_behind) not in (0, BEHIND_BYTES * blocks):
        return "code behind the blocks that does not fit them"
    if any(use.counts.shape != shape[:1] for use in profile.crossings):
        return "accesses that do not fit the kernels"
    if any(use.misses.shape[0] != shape[0] for use in profile.memory):
        return "stalls that do not fit the kernels"
    if len(profile.code) != int(profile.sizes.sum()) or (blocks and int(profile.sizes.min()) <= 0):
        return "code that does not fit the blocks"
    if profile.calls is not None and not _is_tree(profile.calls, blocks):
        return "a call tree that is none"
    if (profile.executions < 0).any():
        return "negative counts"
    if blocks and ((profile.addresses < 0).any() or (profile.addresses[1:] <= profile.addresses[:-1]).any()):
        return "blocks out of order"
    return ""


def _is_tree(calls: CallTree, blocks: int) -> bool:
    nodes = calls.parents.size
    if not nodes or calls.functions.shape != (nodes,) or calls.calls.shape != (nodes,) or calls.parents.shape != (nodes,):
        return False
    if not calls.nodes.shape == calls.blocks.shape == calls.counts.shape == (calls.nodes.size,):
        return False
    if (calls.parents >= np.arange(nodes)).any() or (calls.parents[1:] < 0).any() or (calls.calls < 0).any() or (calls.counts < 0).any():
        return False
    return not calls.nodes.size or bool(
        calls.nodes.min() >= 0 and calls.nodes.max() < nodes and calls.blocks.min() >= 0 and calls.blocks.max() < blocks
    )

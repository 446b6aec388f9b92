"""What a report says of a model that ran in place of the firmware's own."""

from __future__ import annotations

from instsim.profile.block_profile import FirmwareFacts, RunFacts
from instsim.report.parts import Facts
from instsim.units import format_bytes, format_count

__all__ = ["subject_text", "swap_parts"]

_DIGEST_CHARACTERS = 12


def subject_text(firmware: FirmwareFacts, run: RunFacts) -> str:
    """Return what the report is about: the firmware, or the model in it."""
    return firmware.name if run.swap is None else f"{run.swap.model} in {firmware.name}"


def swap_parts(firmware: FirmwareFacts, run: RunFacts) -> list[Facts]:
    """Return what is known of the model and of the one it replaced; nothing if the firmware ran its own."""
    swap = run.swap
    if swap is None:
        return []
    need = "not looked for" if swap.arena_need_bytes is None else format_bytes(swap.arena_need_bytes)
    own_arena = f", the firmware has {format_bytes(run.arena_size_bytes)}" if run.arena_size_bytes else ""
    digests = ", ".join(digest[:_DIGEST_CHARACTERS] for digest in swap.outputs_sha256)
    pairs = [
        ("ran", f"{swap.model}, {format_bytes(swap.model_bytes)}, sha256 {swap.model_sha256[:_DIGEST_CHARACTERS]}"),
        ("in place of", f"the firmware's own, {format_bytes(swap.own_model_bytes)}, sha256 {swap.own_model_sha256[:_DIGEST_CHARACTERS]}"),
        ("flash with it", format_bytes(firmware.flash_bytes - swap.own_model_bytes + swap.model_bytes) if firmware.flash_bytes else "not known"),
        ("arena needed", f"{need}{own_arena}"),
        ("set-up", f"{format_count(swap.set_up_instructions)} instructions from reset"),
        ("input", swap.inputs),
        ("output", f"sha256 {digests}; {f'the same as of {swap.verified_by}' if swap.verified_by else 'not verified'}"),
    ]
    return [Facts("Model swapped", tuple(pairs))]

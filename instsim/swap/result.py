"""What came of running a model in a runner."""

from __future__ import annotations

from dataclasses import dataclass

from instsim.model import ModelDescription
from instsim.profile import BlockProfile

__all__ = ["SwapResult"]


@dataclass(frozen=True)
class SwapResult:
    """One inference of another model in a runner.

    Attributes
    ----------
    profile : BlockProfile
        Of the inference, from the entry of the function that runs it to its return. What ``arena_used_bytes()`` tells behind it is in
        ``profile.run``.
    model : ModelDescription
        The model.
    inputs, outputs : tuple of bytes
        Contents of its tensors, in the model's order.
    arena_need_bytes : int or None
        Smallest arena, a multiple of 16 bytes, in which the set-up succeeds (more than is used in the end); None if it was not asked for.
    set_up_instructions : int
        Issued from reset to the start of the inference.
    text : str
        What the firmware printed.
    """

    profile: BlockProfile
    model: ModelDescription
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    arena_need_bytes: int | None
    set_up_instructions: int
    text: str

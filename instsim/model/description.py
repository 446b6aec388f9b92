"""A TensorFlow Lite model as values: its operators, their shapes and multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ModelDescription", "Operator", "Tensor"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a model.

    Attributes
    ----------
    index : int
        Its index in the subgraph.
    name : str
        Its name in the file.
    shape : tuple of int
        Dimensions; -1 where the file leaves one open.
    dtype : str
        ``int8``, ``int16``, ``int32``, ``float32``, ``bool`` ...
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a model.

    Attributes
    ----------
    subgraph, index : int
        Which subgraph, and its place in that subgraph's order of execution.
    kind : str
        Built-in operator name (``CONV_2D``) or the custom operator's own name.
    inputs, outputs : tuple of Tensor or None
        In the file's order; None for an optional input that is absent.
    macs : int
        Multiply-accumulates of the reference kernel without padding skipped (an upper bound); 0 where the operator has none.
    elements : int
        Elements of all outputs.
    inputs_address, outputs_address : int
        Offsets in the model's buffer of the two vectors (their length words), by which a running node is told; -1 for a vector that is absent.
    """

    subgraph: int
    index: int
    kind: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    macs: int
    elements: int
    inputs_address: int
    outputs_address: int


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model, or the part of it that an inference needs to know.

    Attributes
    ----------
    description : str
        The file's own description, may be empty.
    operators : tuple of Operator
        Of all subgraphs, in order.
    subgraphs : int
        How many there are.
    size : int
        Bytes from the buffer's start to the furthest byte referred to.
    sha256 : str
        Digest of those bytes.
    inputs, outputs : tuple of Tensor
        Of subgraph 0.
    """

    description: str
    operators: tuple[Operator, ...]
    subgraphs: int
    size: int
    sha256: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all operators."""
        return sum(operator.macs for operator in self.operators)

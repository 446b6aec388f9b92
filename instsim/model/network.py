"""A quantised network as plain values: what the model file holds and what the reference computes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Network", "Operator", "Subgraph", "Tensor"]

Array = npt.NDArray[np.int8] | npt.NDArray[np.int32] | npt.NDArray[np.bool_] | npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tensor:
    """A tensor.

    Attributes
    ----------
    name : str
        Its name in the model file.
    shape : tuple of int
        Dimensions.
    dtype : {'int8', 'int32', 'bool', 'float32'}
        Element type.
    scales : tuple of float
        One for the tensor or one for each channel; empty without quantisation.
    zero_point : int
        The integer that stands for zero.
    channel_axis : int
        Axis of `scales` if there are several.
    data : ndarray or None
        A constant's values.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...] = ()
    zero_point: int = 0
    channel_axis: int = 0
    data: Array | None = None


@dataclass(frozen=True)
class Operator:
    """One operator: kind by its TensorFlow Lite name, tensors by index, options by their schema names."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Subgraph:
    """Operators in order of execution over their tensors."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """A model: subgraph 0 is the entry; `seed` starts its sample input."""

    name: str
    description: str
    seed: int
    subgraphs: tuple[Subgraph, ...]

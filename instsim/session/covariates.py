"""What a calibration may ask of an image beside its cycles."""

from __future__ import annotations

from instsim.model.layer import ELEMENT_BYTES, PARAMETRIC_KINDS
from instsim.model.macs import element_count
from instsim.session.estimate import Estimate, EstimatedOperator

__all__ = ["memory_covariates", "weight_bytes_of"]


def memory_covariates(estimate: Estimate | None) -> tuple[float | None, float | None]:
    """Return flash reads and stall cycles of an estimate, None each where its memories were not followed."""
    memory = None if estimate is None else estimate.memory
    return (None, None) if memory is None else (float(memory.flash_reads), memory.stall_cycles)


def weight_bytes_of(estimate: Estimate | None) -> float | None:
    """Return the bytes of weights and biases that the operators of an estimate used, once for each execution.

    None where no operator shows its weights, or one multiplies by such as are not known.
    """
    operators = () if estimate is None else tuple(operator for operator in estimate.operators if operator.inputs)
    if not operators or any(operator.macs and operator.name not in PARAMETRIC_KINDS for operator in operators):
        return None
    return float(sum(operator.executions * _constants(operator) for operator in operators if operator.name in PARAMETRIC_KINDS))


def _constants(operator: EstimatedOperator) -> int:
    known = [tensor for tensor in operator.inputs[1:3] if tensor is not None]
    return sum(
        -(-element_count(tensor.shape) // 2) if tensor.dtype == "int4" else element_count(tensor.shape) * ELEMENT_BYTES.get(tensor.dtype, 1)
        for tensor in known
    )

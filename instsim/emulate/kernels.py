"""Operators of a network, found while they run: no change to the firmware, no symbols.

A TensorFlow Lite Micro interpreter of any era calls a kernel as ``registration->invoke(context, node)``. An indirect call is one when its second
argument is a node whose registration's invoke pointer is the call's target; the node's pointers into the flatbuffer name the operator.
Offsets: tensorflow/tflite-micro, ``tensorflow/lite/c/common.h``, from TF 2.3 (36) over TF 2.4 (24) and August 2021 (28) to builds without
``TF_LITE_STATIC_MEMORY`` (40).
"""

from __future__ import annotations

from dataclasses import dataclass

from instsim.emulate.memory import Memory
from instsim.model import FoundModel, Operator, find_models, operator_at

__all__ = ["INVOKE", "PREPARE", "REGISTRATION_OFFSETS", "KernelCall", "KernelFinder"]

REGISTRATION_OFFSETS = (28, 24, 40, 36)
PREPARE, INVOKE, _BUILTIN_CODE = 8, 12, 20
_MOST_MODELS_READ = 8
_LARGEST_SCAN_BYTES = 1 << 25


@dataclass(frozen=True, slots=True)
class KernelCall:
    """A call that is about to run a kernel.

    Attributes
    ----------
    target : int
        Entry of the kernel, Thumb bit removed.
    node : int
        Address of the interpreter's node.
    is_prepare : bool
        The call prepares the operator instead of running it.
    model : int
        Which model of the image, -1 if the node points into none.
    operator : Operator or None
        The model's operator.
    builtin_code : int
        The registration's operator code, for nodes that point into no model.
    registration : int
        Address of the node's registration.
    """

    target: int
    node: int
    is_prepare: bool
    model: int = -1
    operator: Operator | None = None
    builtin_code: int = -1
    registration: int = 0


class KernelFinder:
    """Tells kernels from other indirect calls.

    Parameters
    ----------
    memory : Memory
        The machine's memory.
    models : tuple of FoundModel, optional
        The models that may run, where they are known; else memory is searched for them.
    """

    def __init__(self, memory: Memory, models: tuple[FoundModel, ...] | None = None) -> None:
        self._memory = memory
        self.models: tuple[FoundModel, ...] = models or ()
        self._scans = 0 if models is None else _MOST_MODELS_READ
        self._known: dict[tuple[int, int], tuple[int, Operator] | None] = {}

    def classify(self, target: int, node: int) -> KernelCall | None:
        """Return the kernel call made by an indirect call of `target` (Thumb bit kept) with second argument `node`, or None."""
        if node & 3:
            return None
        word = self._memory.word
        for offset in REGISTRATION_OFFSETS:
            registration = word(node + offset)
            if not registration or registration & 3:
                continue
            if word(registration + INVOKE) == target:
                model, operator = self._operator(word(node) or 0, word(node + 4) or 0)
                builtin_code = word(registration + _BUILTIN_CODE) or 0
                return KernelCall(target & ~1, node, False, model, operator, builtin_code, registration)
            if word(registration + PREPARE) == target:
                return KernelCall(target & ~1, node, is_prepare=True, registration=registration)
        return None

    def _operator(self, inputs: int, outputs: int) -> tuple[int, Operator | None]:
        key = (self._memory.canonical(inputs), self._memory.canonical(outputs))
        if key not in self._known:
            found = operator_at(self.models, *key)
            if found is None and self._scans < _MOST_MODELS_READ:
                # A model may have been copied or loaded to RAM since the last scan.
                self._scans += 1
                self.models = self._scan()
                found = operator_at(self.models, *key)
            self._known[key] = found
        found = self._known[key]
        return (-1, None) if found is None else found

    def _scan(self) -> tuple[FoundModel, ...]:
        models: list[FoundModel] = []
        for bank in self._memory.banks:
            for offset, size in self._memory.used_spans(bank):
                models += find_models(bank.bytes[offset : offset + min(size, _LARGEST_SCAN_BYTES)].tobytes(), bank.spec.address + offset)
        return tuple(sorted(models, key=lambda model: model.address))

    def has_model(self) -> bool:
        """Tell whether the memory holds a model, searching it if none was found yet."""
        self.models = self.models or self._scan()
        return bool(self.models)

    def operators_of(self, call: KernelCall) -> int:
        """Return how many operators the call's subgraph has, 0 if unknown."""
        if call.operator is None:
            return 0
        operators = self.models[call.model].description.operators
        return sum(1 for operator in operators if operator.subgraph == call.operator.subgraph)

"""Unicorn, and all that firmware needs to run on it: the only importer of ``unicorn`` and ``llvmlite``.

Names are resolved on first use: the value types cost nothing to import, the machine 0.2 s.
"""

from instsim.emulate.region import KernelWatch, RegionRequest, RegionRule
from instsim.emulate.spec import DeviceSpec, InterruptSpec, MachineSpec, MemoryKind, MemorySpec

__all__ = ["DeviceSpec", "InterruptSpec", "KernelWatch", "MachineSpec", "MemoryKind", "MemorySpec", "RegionRequest", "RegionRule"]

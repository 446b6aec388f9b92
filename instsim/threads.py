"""Threads of the libraries of linear algebra, which wait for work by spinning: on matrices as small as ours they only cost time."""

from __future__ import annotations

__all__ = ["ONE_THREAD"]

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Variables of the environment, read when NumPy is loaded, by which these libraries start no thread of their own."""

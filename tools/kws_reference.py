"""Print the twelve scores that the bundled keyword-spotting firmware must print, computed in NumPy.

Usage: ``python tools/kws_reference.py``
"""

from __future__ import annotations

from firmware_samples.catalogue import sample_input
from firmware_samples.int8_reference import run_subgraph
from firmware_samples.kws_network import draw_kws

__all__ = ["kws_scores"]


def kws_scores() -> list[int]:
    """Return the network's 8-bit outputs for the sample input."""
    network = draw_kws()
    (scores,) = run_subgraph(network, 0, [sample_input(network)])
    return [int(score) for score in scores.ravel()]


if __name__ == "__main__":
    print("scores", *kws_scores())

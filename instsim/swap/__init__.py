"""Any model in a firmware that has TensorFlow Lite Micro's interpreter, without building it again.

Nothing of the firmware is changed but what leads to its model and its arena: the code that runs is its own. `ModelRunner` is all there is to it.
"""

from instsim.swap.facts import RunnerFacts
from instsim.swap.result import SwapResult

__all__ = ["RunnerFacts", "SwapResult"]

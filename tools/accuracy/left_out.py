"""What a memory model whose fitted figures were chosen on all images but some says of those.

A board's memory table has few figures that were fitted on images (basis ``fitted``): cycles of a miss or of an access, cycles lost between loads
from two memories. A prediction is linear in each: what it rests on is the figure times how often it was met. So each can be fitted again without
running anything, and images that were left out be predicted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instsim.cost.memory_rows import PathRow
from instsim.cost.memory_table import MemoryTable
from instsim.session.estimate import Estimate, EstimatedPath

__all__ = ["FittedImage", "fitted_cycles", "left_out_lines"]

_CROSSING = "loads from two memories"
_ABOUT = (
    "What a memory model says of an image that its fitted figures were not chosen on: each figure is fitted again (least squares of relative errors) "
    "to all images but that one, and to all but those of its network, submission and round, which share much of its code. Mean error, and the worst. "
    "What a model is made of (caches, ports, read-ahead) was chosen on all of these images, and so were figures of the cores. A figure that the rest "
    "of the images hardly meets cannot be fitted to them: an STM32H7A3's two networks are one that waits for its flash and one that does not. Boards "
    "that are not here have no fitted figure in their table."
)


@dataclass(frozen=True, slots=True)
class FittedImage:
    """A measured image and what of its prediction rests on fitted figures.

    Attributes
    ----------
    board : str
        Its board.
    group : str
        Images of one group share most of their code: they are left out together.
    predicted_cycles, measured_cycles : float
        Of the region.
    fitted : mapping of str to float
        Cycles of the prediction that are in proportion to each fitted figure, by what it stands for and its value in the table.
    """

    board: str
    group: str
    predicted_cycles: float
    measured_cycles: float
    fitted: Mapping[str, float]


def fitted_cycles(found: Estimate, table: MemoryTable) -> dict[str, float]:
    """Return the cycles of an estimate that are in proportion to each fitted figure of its memory table."""
    fitted: dict[str, float] = {}
    if found.memory is None:
        return fitted
    for path in found.memory.paths:
        row = next((row for row in table.paths if _is_of(row, path)), None)
        if row is None or row.basis != "fitted":
            continue
        for what, cycles, count in (("a miss", row.miss_cycles, path.misses), ("a read", row.access_cycles, path.accesses)):
            if cycles:
                name = f"{cycles:g} cycles {what} of {' and '.join(row.memories)}"
                fitted[name] = fitted.get(name, 0.0) + cycles * count
    if table.crossing.cycles and table.crossing.basis == "fitted":
        name = f"{table.crossing.cycles:g} cycles between {_CROSSING}"
        fitted[name] = found.memory.stall_cycles - sum(path.stall_cycles for path in found.memory.paths)
    return fitted


def _is_of(row: PathRow, path: EstimatedPath) -> bool:
    return path.memory in row.memories and path.access in [access.name.lower() for access in row.access] and path.cache == (row.cache or "")


def left_out_lines(images: Sequence[FittedImage]) -> Iterator[str]:
    """Yield the lines of a section: errors of images by figures that were fitted without them."""
    yield "### Fitted without the image"
    yield ""
    yield _ABOUT
    yield ""
    yield "| board | images | fitted | the same without a network | as it is | without the image | without its network |"
    yield "|---|---|---|---|---|---|---|"
    for board in dict.fromkeys(image.board for image in images):
        members = [image for image in images if image.board == board]
        names = list(dict.fromkeys(name for image in members for name in image.fitted))
        if names:
            yield _line(board, members, names)


def _line(board: str, images: Sequence[FittedImage], names: Sequence[str]) -> str:
    measured = np.array([image.measured_cycles for image in images])
    parts = np.array([[image.fitted.get(name, 0.0) for name in names] for image in images]) / measured[:, None]
    rest = np.array([image.predicted_cycles for image in images]) / measured - parts.sum(axis=1)
    as_it_is = rest + parts.sum(axis=1) - 1
    alone, _ = _left_out(parts, rest, [str(number) for number in range(len(images))])
    together, scales = _left_out(parts, rest, [image.group for image in images])
    values = [float(name.partition(" ")[0]) for name in names]
    ends = zip(values, scales.min(axis=0), scales.max(axis=0), strict=True)
    refitted = ", ".join(f"{value * low:.3g} to {value * high:.3g}" for value, low, high in ends)
    errors = " | ".join(f"{np.abs(error).mean() * 100:.2f} %, {error[np.abs(error).argmax()] * 100:+.2f} %" for error in (as_it_is, alone, together))
    return f"| {board} | {len(images)} | {'; '.join(names)} | {refitted} | {errors} |"


def _left_out(parts: NDArray[np.float64], rest: NDArray[np.float64], groups: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the error of each image by figures fitted to those of other groups, and these as shares of the table's, a row for each group."""
    errors, scales = np.empty(len(groups)), []
    for group in dict.fromkeys(groups):
        out = np.array([other == group for other in groups])
        scales.append(_scales(parts[~out], rest[~out]))
        errors[out] = rest[out] + parts[out] @ scales[-1] - 1
    return errors, np.array(scales)


def _scales(parts: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by what each figure is multiplied for the least squared relative errors, never below nothing."""
    scales = np.zeros(parts.shape[1])
    used = np.flatnonzero((parts != 0).any(axis=0))
    while used.size:
        found = np.linalg.lstsq(parts[:, used], 1 - rest, rcond=None)[0]
        if (found >= 0).all():
            scales[used] = found
            break
        used = used[found >= 0]
    return scales

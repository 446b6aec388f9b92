"""What loops of kernels count: quantities of a layer's dimensions, products of them, and conditions on them, for many layers at once.

A *quantity* is a name (``OH``: output rows). An *atom* is a quantity, or what loops over blocks of it count: ``C/4`` (whole fours), ``C%4`` (the
rest), ``C%16/4``, ``[C>=16]``, ``[C%4==2]`` (one or nothing). A *term* is a product of atoms, ``VY*VX*C*OC``; the empty product is ``1``. A
*literal* is a condition, ``C%4==0``, or its opposite, ``!C%4==0``.

Some quantities have one value for each call of a function (`instsim.predict.copies`): an atom of such a quantity is its sum over all calls, so
that ``[CPY>=0]`` is how many there are, and ``CPY%16/4`` what a loop in that function counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from instsim.errors import PredictorError
from instsim.model.layer import Layer
from instsim.predict.copies import CALLS, JOINING, PADDING, WINDOWS, Axis, joining_calls, padding_calls, window_calls
from instsim.predict.library_calls import Calls
from instsim.predict.window_statistics import bits_of, rises, tap_bits, tap_logarithms, tap_powers

__all__ = ["QUANTITIES", "Quantities"]

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_FIRST, _LAST = 1, 22
"""Places of the whole numbers in a `Layer`."""

_COLUMNS = {name: place - _FIRST for place, name in enumerate(Layer._fields) if _FIRST <= place < _LAST}

_PLAIN = {
    "N": "batch", "H": "height", "W": "width", "C": "channels", "OH": "out_height", "OW": "out_width", "OC": "out_channels",
    "KH": "kernel_height", "KW": "kernel_width", "SH": "stride_height", "SW": "stride_width", "M": "depth_multiplier",
    "ACT": "activation", "BIAS": "has_bias", "PCH": "per_channel", "IN": "operands", "SAME": "same_padding", "POS": "rectified",
}  # fmt: skip

_KIND_LETTERS = 3
"""Of the names of calls, what is behind the lay-out's prefix."""

_ATOM = re.compile(r"([A-Z]+)(?:%([1-9]\d{0,5}))?(?:/([1-9]\d{0,5}))?\Z")
_INDICATOR = re.compile(r"\[([A-Z0-9%/]+)(==|>=)(\d{1,9})\]\Z")
_LITERAL = re.compile(r"(!?)([A-Z0-9%/*]+)(==|>=)(\d{1,9})\Z")


def _axis(size: Integers, out: Integers, window: tuple[Integers, Integers], same: Integers) -> dict[str, Integers]:
    """Count along one axis, over all output places: taps before, inside and behind the input, and places whose window is clipped."""
    kernel, stride = window
    total = np.where(same != 0, np.maximum((out - 1) * stride + kernel - size, 0), 0)
    before = total // 2
    behind = (out - 1) * stride + kernel - size - before
    clipped_before = np.minimum(out, -(-before // stride))
    clipped_behind = np.minimum(out, np.maximum(-(-behind // stride), 0))
    taps_before = clipped_before * before - stride * (clipped_before * (clipped_before - 1) // 2)
    taps_behind = clipped_behind * behind - stride * (clipped_behind * (clipped_behind - 1) // 2)
    return {
        "V": out * kernel - taps_before - taps_behind,
        "N": taps_before,
        "P": taps_behind,
        "E": clipped_before,
        "F": clipped_behind,
        "G": np.minimum(out, clipped_before + clipped_behind),
        "PAD": before,
        "I": out - np.minimum(out, clipped_before + clipped_behind),
        "U": np.maximum(np.minimum(kernel, size + before) - np.maximum(before - (out - 1) * stride, 0), 0),
        "B": np.minimum(out, before // stride + 1),
        "D": np.where(behind >= 0, np.minimum(out, behind // stride + 1), 0),
        "Z": np.maximum(-behind, 0),
    }


_AXIS_PARTS = ("V", "N", "P", "E", "F", "G", "PAD", "I", "U", "B", "D", "Z")


def _rounded(values: npt.NDArray[np.float64]) -> Integers:
    """Return thousandths."""
    thousandths: Integers = np.rint(1000 * values).astype(np.int64)
    return thousandths


def _power(values: Integers, power: float) -> Integers:
    return _rounded(np.maximum(values, 1).astype(np.float64) ** power)


_DERIVED: Mapping[str, Callable[[Quantities], Integers]] = MappingProxyType(
    {
        "T": lambda q: q.quantity("KH") * q.quantity("KW"),
        "K": lambda q: q.quantity("KH") * q.quantity("KW") * q.quantity("C"),
        "P": lambda q: q.quantity("OH") * q.quantity("OW"),
        "S": lambda q: q.quantity("SH") * q.quantity("SW"),
        "L": lambda q: q.quantity("N") * q.quantity("H") * q.quantity("W") * q.quantity("C"),
        "R": lambda q: q.quantity("N") * q.quantity("H") * q.quantity("W"),
        "Q": lambda q: q.quantity("N") * q.quantity("OH") * q.quantity("OW") * q.quantity("OC"),
        "WC": lambda q: q.quantity("W") * q.quantity("C"),
        "OWC": lambda q: q.quantity("OW") * q.quantity("OC"),
        "SWC": lambda q: q.quantity("SW") * q.quantity("C"),
        "OCB": lambda q: -(-q.quantity("OC") // 4),
        "KB": lambda q: -(-q.quantity("K") // 4),
        "MB": lambda q: -(-q.quantity("M") // 4),
        "PADMAX": lambda q: np.maximum(q.quantity("PADY"), q.quantity("PADX")),
        "EDGES": lambda q: q.quantity("GY") + q.quantity("GX"),
        "VV": lambda q: q.quantity("VY") * q.quantity("VX") - q.quantity("P"),
        "RE": lambda q: q.quantity("VY") * q.quantity("VX") - q.quantity("UY") * q.quantity("UX"),
        "MX": lambda q: rises(*q.axes()),
        "SB": lambda q: tap_bits(*q.axes()),
        "SL": lambda q: tap_logarithms(*q.axes()),
        "SR": lambda q: tap_powers(*q.axes(), 0.5),
        "SI": lambda q: tap_powers(*q.axes(), 1),
        "KR": lambda q: _power(q.quantity("K"), -0.5),
        "KI": lambda q: _power(q.quantity("K"), -1.0),
        "TR": lambda q: _power(q.quantity("T"), -0.5),
        "TI": lambda q: _power(q.quantity("T"), -1.0),
        "OCZ": lambda q: 32 - bits_of(q.quantity("OC")),
        "OCH": lambda q: 1 << (bits_of(q.quantity("OC")) - 1),
        "CR": lambda q: _power(q.quantity("C"), 0.5),
        "CL": lambda q: _rounded(np.log(np.maximum(q.quantity("C"), 1))),
        "KV": lambda q: q.quantity("VY") * q.quantity("VX") * q.quantity("C") // np.maximum(q.quantity("P"), 1),
    }
)

QUANTITIES: Mapping[str, str] = MappingProxyType(
    {
        **{name: field.replace("_", " ") for name, field in _PLAIN.items()},
        "T": "KH*KW", "K": "KH*KW*C", "P": "OH*OW", "S": "SH*SW", "L": "elements of the first input", "R": "rows of the first input",
        "Q": "elements of the output", "WC": "W*C", "OWC": "OW*OC", "SWC": "SW*C", "MB": "blocks of four in the depth multiplier",
        "OCB": "blocks of four output channels", "KB": "blocks of four in K",
        "PADMAX": "larger padding of the two axes", "EDGES": "output rows and columns whose window is clipped", "VV": "VY*VX - P",
        "MX": "rises of a running maximum over random taps, the first excepted, summed over outputs, in thousandths",
        "SB": "bits of the number of taps inside the input, summed over outputs", "OCZ": "zeros before the first bit of OC as a word",
        "OCH": "the largest power of two that is no more than OC",
        "SL": "logarithm of the taps inside the input, summed over outputs, in thousandths",
        "SR": "one over the root of the taps inside the input, summed over outputs, in thousandths",
        "SI": "one over the taps inside the input, summed over outputs, in thousandths",
        "KR": "one over the root of K, in thousandths", "KI": "one over K, in thousandths", "TR": "one over the root of T, in thousandths",
        "TI": "one over T, in thousandths", "CR": "root of C, in thousandths", "CL": "logarithm of C, in thousandths",
        "RE": "taps inside the input that an output before has used, too", "KV": "mean elements inside the input that an output takes",
        **{
            f"{name}{axis}": f"{what} ({'rows' if axis == 'Y' else 'columns'})"
            for axis in "YX"
            for name, what in (
                ("V", "taps inside the input, summed over outputs"), ("N", "taps before the input"), ("P", "taps behind the input"),
                ("E", "outputs whose window is clipped before"), ("F", "outputs whose window is clipped behind"),
                ("G", "outputs whose window is clipped"), ("PAD", "padding before"), ("I", "outputs whose window is whole"),
                ("U", "taps inside the input for some output"), ("B", "outputs whose window begins at the input's first place or before"),
                ("D", "outputs whose window ends at the input's last place or behind"), ("Z", "places of the input behind the last window"),
            )
        },
        **CALLS,
    }
)  # fmt: skip
"""Every quantity that terms may name, with what it is."""


def _itself(values: Integers) -> Integers:
    return values


class Quantities:
    """The quantities of a sequence of layers of one kind, each computed when it is first asked for.

    Parameters
    ----------
    layers : sequence of Layer
        Of any kind.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._columns = np.array([layer[_FIRST:_LAST] for layer in layers], dtype=np.int64).reshape(len(layers), _LAST - _FIRST)
        self.count = len(layers)
        self._known: dict[str, Integers] = {}
        self._conditions: dict[str, Flags] = {}
        self._calls: dict[str, Mapping[str, Calls]] = {}

    def take(self, rows: Integers) -> Quantities:
        """Return the quantities of some of the layers."""
        part = Quantities(())
        part._columns = self._columns[rows]
        part.count = rows.size
        return part

    def quantity(self, name: str) -> Integers:
        """Return one quantity, shape (layers,); of calls, the sum over all of them."""
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._over_calls(name, _itself) if name in CALLS else self._compute(name)
        return found

    def _over_calls(self, name: str, of: Callable[[Integers], Integers]) -> Integers:
        """Return the sum of a function of each call's value."""
        prefix = name[:-_KIND_LETTERS]
        if prefix not in self._calls:
            self._calls[prefix] = {WINDOWS: self._window_calls, PADDING: self._padding_calls, JOINING: self._joining_calls}[prefix]()
        total = np.zeros(self.count, np.int64)
        for calls, value in self._calls[prefix][name[-_KIND_LETTERS:]]:
            total += calls * of(value)
        return total

    def axes(self) -> tuple[Axis, Axis]:
        """Return rows and columns of the windows."""
        rows, columns = (
            Axis(self.quantity(axis), self.quantity(f"O{axis}"), self.quantity(f"K{axis}"), self.quantity(f"S{axis}"), self.quantity(padding))
            for axis, padding in (("H", "PADY"), ("W", "PADX"))
        )
        return rows, columns

    def _window_calls(self) -> Mapping[str, Calls]:
        return window_calls(*self.axes(), self.quantity("C"))

    def _padding_calls(self) -> Mapping[str, Calls]:
        rows, columns = ((self.quantity(axis), self.quantity(f"O{axis}")) for axis in "HW")
        return padding_calls(rows, columns, self.quantity("C"))

    def _joining_calls(self) -> Mapping[str, Calls]:
        return joining_calls(self.quantity("R"), self.quantity("IN"), self.quantity("C"))

    def _compute(self, name: str) -> Integers:
        if name in _PLAIN:
            column: Integers = self._columns[:, _COLUMNS[_PLAIN[name]]]
            return column
        if name in _DERIVED:
            return _DERIVED[name](self)
        if name[:-1] in _AXIS_PARTS and name[-1] in "YX":
            down = name[-1] == "Y"
            size, out, kernel, stride = (self.quantity(part) for part in (("H", "OH", "KH", "SH") if down else ("W", "OW", "KW", "SW")))
            parts = _axis(size, out, (kernel, stride), self.quantity("SAME"))
            for part, values in parts.items():
                self._known[part + name[-1]] = values
            return self._known[name]
        raise PredictorError(f"there is no quantity {name!r}", hint=f"known are {', '.join(QUANTITIES)}")

    def atom(self, text: str) -> Integers:
        """Return one atom, shape (layers,).

        Raises
        ------
        PredictorError
            If the text is no atom.
        """
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._atom(text)
        return found

    def _atom(self, text: str) -> Integers:
        if text == "1":
            return np.ones(self.count, np.int64)
        indicator = _INDICATOR.match(text)
        parsed = _ATOM.match(indicator[1] if indicator is not None else text)
        if parsed is None:
            raise PredictorError(f"{text!r} is no term: names, '%' and '/' with numbers, conditions in brackets")
        name, modulus, divisor = parsed[1], int(parsed[2] or 0), int(parsed[3] or 1)

        def value(quantity: Integers) -> Integers:
            found = (quantity % modulus if modulus else quantity) // divisor
            if indicator is None:
                return found
            limit = int(indicator[3])
            holds: Integers = ((found == limit) if indicator[2] == "==" else (found >= limit)).astype(np.int64)
            return holds

        return self._over_calls(name, value) if name in CALLS else value(self.quantity(name))

    def term(self, text: str) -> Integers:
        """Return a product of atoms, shape (layers,)."""
        product = self._known.get(text)
        if product is None:
            first, *rest = text.split("*")
            product = self.atom(first)
            for atom in rest:
                product = product * self.atom(atom)
            self._known[text] = product
        return product

    def literal(self, text: str) -> Flags:
        """Return whether a condition holds, shape (layers,)."""
        found = self._conditions.get(text)
        if found is None:
            matched = _LITERAL.match(text)
            if matched is None:
                raise PredictorError(f"{text!r} is no condition: a term, '==' or '>=', a number")
            left, right = self.term(matched[2]), int(matched[4])
            found = (left == right) if matched[3] == "==" else (left >= right)
            if matched[1]:
                found = ~found
            self._conditions[text] = found
        return found

    def gate(self, literals: Sequence[str]) -> Flags:
        """Return whether all of some conditions hold, shape (layers,)."""
        holds = np.ones(self.count, bool)
        for text in literals:
            holds &= self.literal(text)
        return holds

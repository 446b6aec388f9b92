"""Which terms and conditions are tried for an operator's counts: what loops of reference and of unrolled kernels are made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from types import MappingProxyType

from instsim.model.layer import PAIRED_KINDS, PARAMETRIC_KINDS
from instsim.predict.copies import JOINING, PADDING, WINDOWS
from instsim.predict.library_calls import KINDS
from instsim.predict.predictor import DISPATCH

__all__ = ["DIVIDE_TERMS", "conditions_of", "means_of", "separations_of", "terms_of"]

_WINDOWED = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")


def _digits(name: str, steps: tuple[int, ...] = (2, 4, 8, 16, 64)) -> list[str]:
    """Return what loops over a quantity count when they are unrolled, or when memory is copied in words and blocks."""
    atoms = [name]
    for step in (step for step in steps if step in (2, 4, 8, 16)):
        atoms += [f"{name}/{step}", f"[{name}>={step}]", f"{name}%{step}", f"[{name}%{step}>=1]"]
    if 4 in steps:
        atoms += [f"[{name}%4=={rest}]" for rest in (1, 2, 3)] + [f"[{name}%4>=2]"]
    if 16 in steps:
        atoms += [f"{name}%16/4", f"[{name}%16>=4]", *(f"[{name}%16/4=={rest}]" for rest in (1, 2, 3))]
    if 64 in steps:
        atoms += [f"{name}/64", f"[{name}>=64]", f"{name}%64", f"[{name}%64>=1]", f"[{name}%64>=16]", f"{name}%64/16"]
    return atoms


def _call_terms(layout: str) -> list[str]:
    return [atom for name in KINDS for atom in (f"[{layout}{name}>=0]", f"[{layout}{name}>=1]", *_digits(layout + name))]


def _join(*factors: str) -> str:
    kept = [factor for factor in factors if factor]
    return "*".join(kept) if kept else "1"


_ROWS = ("", "OH", "OH*KH", "VY", "NY", "PY", "EY", "FY", "GY")
_COLUMNS = ("", "OW", "OW*KW", "VX", "NX", "PX", "EX", "FX", "GX")
DIVIDE_TERMS: Mapping[str, tuple[str, ...]] = MappingProxyType({"AVERAGE_POOL_2D": ("SB*C", "SB"), "CONV_2D": ("P*OC*OCZ", "P*OCH")})
"""Terms of what divides by the number of taps take, and those that find each output's group of filters, by operator."""

_TOUCHED = (
    ("BY", ""), ("DY", ""), ("BY", "OW"), ("DY", "OW"), ("BY", "BX"), ("BY", "DX"), ("DY", "BX"), ("DY", "DX"), ("", "BX"), ("", "DX"), ("OH", "BX"),
    ("OH", "DX"), ("BY", "VX"), ("DY", "VX"), ("VY", "BX"), ("VY", "DX"), ("OH*KH", "BX"), ("OH*KH", "DX"), ("BY", "OW*KW"), ("DY", "OW*KW"),
)  # fmt: skip
_PLACES = (
    "", "P", "OH*KH*OW", "OH*OW*KW", "P*T", "VY*VX", "VY*OW*KW", "OH*KH*VX", "VY*OW", "NY*OW*KW", "PY*OW*KW", "VY*NX", "VY*PX", "EY*OW", "FY*OW",
    "VV", "T", "OH",
)  # fmt: skip


@cache
def terms_of(kind: str) -> tuple[str, ...]:
    """Return the terms that counts of an operator are made of, the simplest first."""
    if kind == DISPATCH:
        return ("1", "H")
    if kind not in _WINDOWED:
        return _unique(_flat_terms(kind))
    depths = {"CONV_2D": ("", "OC", "C", "C*OC"), "DEPTHWISE_CONV_2D": ("", "C", "OC")}.get(kind, ("", "C"))
    terms = ["BIAS"] if kind in ("CONV_2D", "DEPTHWISE_CONV_2D") else []
    terms += [_join(row, column, depth) for row, column, depth in product(_ROWS, _COLUMNS, depths)]
    terms += [_join(row, column, depth) for row, column in _TOUCHED for depth in depths]
    terms += DIVIDE_TERMS.get(kind, ())
    channels = _digits("C")
    if kind == "DEPTHWISE_CONV_2D":
        channels += ["C*MB", "C*M/4", *_digits("M", (2, 4)), *_digits("OC", (2, 4, 16)), *(f"C*{atom}" for atom in _digits("M", (2, 4)))]
    terms += [_join(place, atom) for place, atom in product(_PLACES, channels)]
    if kind == "CONV_2D":
        terms += _call_terms(WINDOWS)
        pixels = ("", "P", "P/2", "P%2", "OH*OW/2", "OH*OW%2", "[P>=2]", "OH", "OW", "P/4", "P%4", "[P>=4]")
        outputs = ("", "OC", "OC/2", "OC%2", "[OC>=2]", "OC/4", "OC%4", "[OC>=4]")
        terms += [_join(pixel, output, depth) for pixel, output, depth in product(pixels, outputs, ("", *_digits("K")))]
        terms += [_join(place, atom) for place, atom in product(("H", "OH", "NY", "PY", "EY", "FY"), (*_digits("WC"), "KW", "KW*C"))]
    if kind == "DEPTHWISE_CONV_2D":
        taps = _digits("T", (2, 4))
        terms += [_join(pixel, channel, tap) for pixel, channel, tap in product(("", "P"), ("", *_digits("C")), taps)]
        terms += [_join(row, atom) for row, atom in product(_ROWS, ("OW/2", "OW%2", "OW/4", "OW%4", "[OW>=4]"))]
        terms += [
            _join(row, column, atom) for row, column, atom in product(("OH", "VY", "OH*KH"), ("OW/2", "OW%2", "OW/4", "OW%4"), ("C", "OC", "KW*C"))
        ]
    return _unique(terms)


def _flat_terms(kind: str) -> list[str]:
    if kind == "FULLY_CONNECTED":
        threes = ("OC/3", "OC%3", "[OC>=3]", "[OC%3>=1]", "[OC%3>=2]")
        outputs, depths = ("", *_digits("OC", (2, 4, 8)), *threes), ("", *_digits("C"))
        return ["BIAS", "N", *(_join(rows, output, depth) for rows, output, depth in product(("", "N"), outputs, depths))]
    if kind == "SOFTMAX":
        return [_join(rows, atom) for rows, atom in product(("", "R"), ("", *_digits("C")))]
    elements = [
        "1",
        "N",
        "H",
        "W",
        "C",
        "R",
        "N*H",
        "H*W",
        "H*C",
        "W*C",
        "H*W*C",
        "IN",
        *_digits("L"),
        *_digits("C"),
        *_digits("WC"),
        *(f"R*{atom}" for atom in _digits("C")),
    ]
    if kind in ("PAD", "CONCATENATION", "MEAN"):
        elements += [
            "Q",
            *_digits("Q"),
            "OH",
            "OW",
            "P",
            "OH*W",
            "OH*OW*C",
            "H*OW",
            "N*OH",
            "R*IN",
            "IN*C",
            "L*IN",
            *_digits("OWC"),
            *(f"H*{a}" for a in _digits("WC")),
        ]
        elements += [term for operator, layout in (("PAD", PADDING), ("CONCATENATION", JOINING)) if kind == operator for term in _call_terms(layout)]
        elements += [f"R*IN*{atom}" for atom in _digits("C")] + [f"P*{atom}" for atom in _digits("C")] + [f"H*{atom}" for atom in ("OWC", "OW")]
    return elements


def means_of(kind: str) -> tuple[str, ...]:
    """Return the terms that say what random data do to an operator's counts in the mean, the simplest first.

    Where a value is clamped depends on the activation; how it is spread, on how many random values were added up.
    """
    activations = ("", "[ACT==1]", "[ACT==3]")
    if kind in PAIRED_KINDS:
        return tuple(_join("L", activation) for activation in activations)
    if kind in PARAMETRIC_KINDS:
        sums = ("", "TR", "TI") if kind == "DEPTHWISE_CONV_2D" else ("", "KR", "KI")
        return tuple(_join("Q", factor, added) for added, factor in product(sums, (*activations, "BIAS", "PCH")))
    if kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        return ("P*C", "SL*C", "SR*C", "SI*C", "SB*C" if kind == "AVERAGE_POOL_2D" else "MX*C", "VY*VX*C")
    if kind == "SOFTMAX":
        return ("R*C", "R", "R*CR", "R*CL")
    return ()


def separations_of(kind: str) -> tuple[str, ...]:
    """Return conditions that separate paths of an operator though no block need tell them apart: what follows data differs there."""
    return ("POS==0", "POS==1") if kind in PAIRED_KINDS else ()


@cache
def conditions_of(kind: str) -> tuple[str, ...]:
    """Return the conditions that may decide a kernel's path, the likeliest first."""
    if kind == DISPATCH:
        return ("H==1",)
    if kind not in _WINDOWED:
        names = ["C", "L"] + (["OC"] if kind == "FULLY_CONNECTED" else [])
        more = ["N==1", "BIAS==1", "PCH==1", "ACT==0", "OC>=3", "OC%3==0"] if kind == "FULLY_CONNECTED" else ["R==1", "H==1", "W==1", "ACT==0"]
        if kind in ("PAD", "CONCATENATION", "MEAN"):
            more += ["OW==1", "IN==2", "IN==3", "IN==4", "Q%4==0", "WC>=16"]
        return tuple(more + [f"{name}{test}" for name in names for test in _TESTS])
    conditions = [
        "T==1", "S==1", "PADMAX==0", "H==1", "KH==1", "KW==1", "KH==3", "KW==3", "M==1", "SH==1", "SW==1", "PADY==0", "PADX==0", "EDGES==0",
        "ACT==0", "BIAS==1", "P==1", "OW==1", "OH==1", "PADMAX>=2", "GY==0", "GX==0", "FY==0", "FX==0", "W==1",
        "ZY==0", "ZX==0",
    ]  # fmt: skip
    names = ["C"] + (["OC", "K"] if kind == "CONV_2D" else [])
    conditions += [f"{name}{test}" for name in names for test in _TESTS] + ["P%2==0", "OW%4==0", "OW%2==0", "P>=4"]
    if kind == "CONV_2D":
        conditions += ["SWC%4==0", "OC>=2"]
    if kind == "DEPTHWISE_CONV_2D":
        conditions += ["M%4==0", "M%2==0", "M>=4", "OC%4==0", "C==1", "OW>=4", "T>=2", "T>=4", "T%2==0"]
    return tuple(dict.fromkeys(conditions))


_TESTS = ("==1", "%2==0", "%4==0", "%8==0", "%16==0", ">=2", ">=4", ">=8", ">=16", "%4>=2", "%16>=4", ">=64")


def _unique(terms: list[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(["1", *terms]), key=lambda term: (term != "1", term.count("*") + sum(map(term.count, "/%[")), len(term))))

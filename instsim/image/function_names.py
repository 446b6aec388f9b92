"""Find the function a user means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from instsim.errors import ImageError
from instsim.image.demangle import demangle, identifiers, short_name, split_clone_suffix
from instsim.image.firmware import FirmwareImage, Symbol
from instsim.isa.instruction import Isa

__all__ = ["resolve_function", "suggest_symbols"]

_MAXIMUM_NAMES_COMPARED = 20_000
_CANDIDATES_SHOWN = 8
_UNSPELT = frozenset({"std", "string", "allocator", "basic_string", "istream", "ostream", "iostream", "operator", "anonymous", "namespace"})
"""Identifiers that mangled names abbreviate."""


def suggest_symbols(image: FirmwareImage, name: str, limit: int = 5) -> tuple[str, ...]:
    """Return names of functions that resemble a name, the nearest first.

    Parameters
    ----------
    image : FirmwareImage
        Where to look.
    name : str
        What was asked for, mangled or not.
    limit : int
        At most so many.

    Returns
    -------
    tuple of str
        Names as `resolve_function` takes them: readable where that is unique.
    """
    import difflib  # noqa: PLC0415 -- only to word an error

    names = _readable_names(image)
    wanted = name.strip().lower()
    last = wanted.rsplit("::", maxsplit=1)[-1].split("(")[0]
    containing = [shown for shown in names if wanted and wanted in shown.lower()]
    found = dict.fromkeys(sorted(containing, key=lambda shown: (len(shown), shown))[:limit])
    by_spelling: dict[str, str] = {}
    for shown, mangled in names.items():
        for spelling in (shown, shown.rsplit("::", maxsplit=1)[-1], mangled):
            by_spelling.setdefault(spelling.lower(), shown)
    for spelling in (wanted, last):
        if spelling:
            found.update((by_spelling[match], None) for match in difflib.get_close_matches(spelling, by_spelling, n=limit, cutoff=0.6))
    return tuple(found)[:limit]


def resolve_function(image: FirmwareImage, text: str) -> Symbol:
    """Return the function that a text names.

    Parameters
    ----------
    image : FirmwareImage
        Where to look.
    text : str
        A name as in the file, a demangled signature (``f(int)``), a demangled name without arguments or without its leading
        namespaces (``MicroInterpreter::Invoke``) if only one function has it, or an address (``0x08001234``).

    Returns
    -------
    Symbol
        For an address without a symbol, one that is named by the address.

    Raises
    ------
    ImageError
        If there is none, with near names; if several match, with their signatures; or if the image is stripped.
    """
    text = text.strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", text):
        return _at_address(image, int(text, 16))
    exact = image.symbol(text)
    if exact is not None and exact.kind == "object":
        raise ImageError(f"{image.name}: {text!r} is data, not a function", hint="name a function, or give an address (0x...)")
    if exact is not None:
        return exact
    functions = [symbol for symbol in image.symbols if symbol.kind != "object"]
    if not functions:
        raise ImageError(
            f"{image.name}: {text!r} cannot be found, because the image has no symbols (it is stripped, or the format has none)",
            hint="give the address of the function (0x...), or an ELF file that was not stripped",
        )
    words = [word for word in re.findall(r"[A-Za-z_]\w*", text.split("(")[0].split("<")[0]) if word not in _UNSPELT]
    possible = [symbol for symbol in functions if all(word in symbol.name for word in words)] if words else functions
    possible = [symbol for symbol in possible if not split_clone_suffix(symbol.name)[1].startswith(".cold")]
    rules: tuple[Callable[[str], bool], ...] = (
        lambda name: demangle(name) == text,
        lambda name: short_name(name) == text,
        lambda name: short_name(split_clone_suffix(name)[0]) == text,
        lambda name: short_name(split_clone_suffix(name)[0]).endswith("::" + text),
    )
    for rule in rules:
        matches = _one_for_each_address(symbol for symbol in possible if rule(symbol.name))
        if len(matches) == 1:
            return matches[0]
        if matches:
            shown = tuple(f"{symbol.address:#010x}  {demangle(symbol.name)}" for symbol in matches[:_CANDIDATES_SHOWN])
            raise ImageError(
                f"{image.name}: {text!r} may mean {len(matches)} functions", details=shown, hint="give the whole signature, or the address (0x...)"
            )
    near = suggest_symbols(image, text)
    raise ImageError(
        f"{image.name}: no function named {text!r}",
        hint=f"did you mean {', '.join(near)}?" if near else "list the functions with a tool such as nm --demangle, or give an address (0x...)",
    )


def _at_address(image: FirmwareImage, address: int) -> Symbol:
    if image.isa is not Isa.RV32:
        address &= ~1
    inside = None
    for symbol in image.functions:
        if symbol.address == address:
            return symbol
        if symbol.address < address < symbol.address + symbol.size:
            inside = symbol
    if inside is not None:
        raise ImageError(
            f"{image.name}: {address:#x} lies inside {demangle(inside.name)}, {address - inside.address} bytes after its start",
            hint=f"give the start of the function, {inside.address:#x}",
        )
    if not any(0 <= address - segment.virtual_address < segment.memory_size for segment in image.segments):
        raise ImageError(f"{image.name}: {address:#x} lies outside the image", hint="give the address of a function inside it")
    return Symbol(name=f"{address:#010x}", address=address, size=0, kind="function")


def _one_for_each_address(symbols: Iterable[Symbol]) -> list[Symbol]:
    found: dict[int, Symbol] = {}
    for symbol in symbols:
        if symbol.address not in found or (symbol.is_global and not found[symbol.address].is_global):
            found[symbol.address] = symbol
    return list(found.values())


def _readable_names(image: FirmwareImage) -> dict[str, str]:
    """Return the names to suggest with the mangled name of each; the short name of several functions stands for all of them."""
    names: dict[str, str] = {}
    for symbol in image.symbols:
        if symbol.kind == "object" or len(names) >= _MAXIMUM_NAMES_COMPARED:
            continue
        parts = identifiers(split_clone_suffix(symbol.name)[0])
        names.setdefault("::".join(parts) if parts else symbol.name, symbol.name)
    return names

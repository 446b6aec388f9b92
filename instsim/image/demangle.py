"""C++ names in readable form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from instsim.image.cpp_name import full_text, short_text

__all__ = ["demangle", "identifiers", "short_name", "split_clone_suffix"]

_MAXIMUM_CHARACTERS = 4096
_MAXIMUM_NODES = 20_000
_CACHED_NAMES = 1 << 16

_CLONE_SUFFIX = re.compile(r"((?:\.(?:constprop|isra|part|lto_priv|cold|clone|localalias|llvm)(?:\.\d+)?)+)$")
_TOKEN = re.compile(r"(?P<name>\d+)|(?P<reference>S[0-9A-Z]*_|T\d*_)|(?P<open>[NIFXJL])|(?P<close>E)|(?P<letter>[A-Za-z_.])", re.ASCII)
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")
_NAME_START = re.compile(r"_Z(N[rVK]*[RO]?)?(St)?L?(?=\d)", re.ASCII)
_DIGITS = re.compile(r"L?(\d{1,4})", re.ASCII)
_LAMBDA = re.compile(r"(?:N(K?))?Ul(.*?)E(\d*)_(?:(cl|\d+_FUN)E(.*))?", re.ASCII)
_LOCAL_OBJECT = re.compile(r"(\d+)(\w+?)(?:_\d+|__\d+_)?")
_DAMAGE = (ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, RecursionError, TypeError, ValueError)
"""What the demangler raises for names that it does not know or that are damaged."""


@lru_cache(maxsize=_CACHED_NAMES)
def demangle(name: str) -> str:
    """Return the C++ name with its arguments, as ``c++filt`` writes it.

    Parameters
    ----------
    name : str
        A symbol's name. Suffixes of GCC's clones come back in brackets (``f(int) [clone .constprop.0]``).

    Returns
    -------
    str
        The name itself if it is not mangled, or in a way that is not understood.
    """
    plain, clones = split_clone_suffix(name)
    readable = _demangled(plain)
    return name if readable is None else readable[0] + _bracketed(clones)


@lru_cache(maxsize=_CACHED_NAMES)
def short_name(name: str) -> str:
    """Return the qualified C++ name without arguments and template arguments: ``tflite::MicroInterpreter::Invoke``.

    Parameters
    ----------
    name : str
        A symbol's name. Suffixes of GCC's clones come back in brackets.

    Returns
    -------
    str
        The name itself if it is not mangled. Of a mangled name that is not understood in full, as much as its plain identifiers tell.
    """
    plain, clones = split_clone_suffix(name)
    parts = identifiers(plain)
    if parts:
        return _RUST_HASH.sub("", "::".join(parts)) + _bracketed(clones)
    readable = _demangled(plain)
    return name if readable is None else _RUST_HASH.sub("", readable[1]) + _bracketed(clones)


def split_clone_suffix(name: str) -> tuple[str, str]:
    """Split off what GCC and Clang append to copies of a function: ``("_Z1fi", ".constprop.0")``."""
    match = _CLONE_SUFFIX.search(name[-256:])
    return (name, "") if match is None else (name[: len(name) - len(match[1])], match[1])


def identifiers(name: str) -> tuple[str, ...]:
    """Return the qualified name of a mangled name by its plain identifiers, template arguments left out.

    It is much faster than `demangle` and needs to understand nothing but the name itself.

    Returns
    -------
    tuple of str
        Empty if the name is not mangled, or is more than identifiers and template arguments (operators, local names, ABI tags).
    """
    start = _NAME_START.match(name)
    if start is None:
        return ()
    parts = ["std"] if start[2] else []
    position = start.end()
    while (digits := _DIGITS.match(name, position)) is not None:
        position = digits.end() + int(digits[1])
        part = name[digits.end() : position]
        if not part or len(part) != int(digits[1]):
            return ()
        parts.append("(anonymous namespace)" if part.startswith("_GLOBAL__N_") else part)
        if name[position : position + 1] == "I":
            position = _end_of_template_arguments(name, position)
        if not start[1]:
            return () if name[position : position + 1] == "B" else tuple(parts)
    rest = name[position : position + 2]
    if rest in ("C1", "C2", "D0", "D1", "D2") and parts:
        return (*parts, ("~" if rest[0] == "D" else "") + parts[-1])
    return tuple(parts) if rest[:1] == "E" else ()


def _tokens(name: str, position: int) -> Iterator[tuple[str, str, int]]:
    """Split a mangled name into (kind, text, end): ``name``, ``number``, ``reference``, ``open``, ``close`` or ``letter``."""
    parts = ["N"]
    typed = [False]
    while (match := _TOKEN.match(name, position)) is not None:
        kind, text = str(match.lastgroup), match[0]
        position = match.end()
        if kind == "name" and parts[-1] == "L" and typed[-1]:
            kind = "number"  # the value of a literal, behind its type
        elif kind == "name":
            position += int(text[:5])
        elif text == "L" and parts[-1] == "N":
            kind = "letter"  # marks a name with internal linkage
        if kind == "open":
            parts.append(text)
            typed.append(False)
        elif kind == "close" and len(parts) > 1:
            parts.pop()
            typed.pop()
        if kind != "open":
            typed[-1] = text != "Z"
        yield kind, text, position


def _end_of_template_arguments(name: str, position: int) -> int:
    depth = 0
    for kind, _, end in _tokens(name, position):
        depth += (kind == "open") - (kind == "close")
        if depth == 0:
            return end
    return len(name)


def _bracketed(clones: str) -> str:
    return "".join(f" [clone {clone}]" for clone in re.findall(r"\.[a-z_]+(?:\.\d+)?", clones))


def _demangled(name: str) -> tuple[str, str] | None:
    """Return a mangled name in full and in short form."""
    if not name.startswith("_Z") or len(name) > _MAXIMUM_CHARACTERS or not name.isascii():
        return None
    if _expanded_nodes(name) > _MAXIMUM_NODES:
        return None
    if name.startswith("_ZZ"):
        return _local(name)
    import itanium_demangler  # noqa: PLC0415 -- most runs demangle only what they show

    try:
        tree = itanium_demangler.parse(name)
        if tree is None:
            return None
        return full_text(tree), short_text(tree)
    except _DAMAGE:
        return None


def _expanded_nodes(name: str) -> int:
    """Bound how large the printed name can become.

    A name of a few hundred characters can refer back to its own parts so that it doubles again and again. Each reference is taken for
    the largest part that was complete by then.
    """
    open_parts = [("", 0)]
    largest = 1
    for event, text, _ in _tokens(name, 2):
        if event == "open":
            open_parts.append((text, 1))
            continue
        kind, size = open_parts[-1]
        if event == "close" and len(open_parts) > 1:
            open_parts.pop()
            largest = max(largest, size)
            kind, outer = open_parts[-1]
            size += outer
        else:
            size += largest if event == "reference" else 1
        if kind == "N":
            largest = max(largest, size)
        open_parts[-1] = (kind, size)
        if size > _MAXIMUM_NODES:
            break
    return sum(size for _, size in open_parts)


def _local(name: str) -> tuple[str, str] | None:
    """Return the name of something inside a function (``_ZZ <function> E <entity>``), which the package does not know."""
    for boundary in (match.start() for match in list(re.finditer("E", name))[:-65:-1]):
        entity = name[boundary + 1 :]
        match = _LAMBDA.fullmatch(entity)
        inner = None
        if match is not None:
            inner = _lambda(match)
        elif (match := _LOCAL_OBJECT.fullmatch(entity)) is not None and int(match[1][:5]) <= len(entity) - len(match[1]):
            inner = entity[len(match[1]) :][: int(match[1][:5])]
        if inner is None:
            continue
        outer = _demangled("_Z" + name[3:boundary])
        if outer is not None:
            return f"{outer[0]}::{inner}", f"{outer[1]}::{inner}"
    return None


def _lambda(match: re.Match[str]) -> str | None:
    is_const, captured, number, called, types = match.groups()
    arguments = _argument_list(captured)
    if arguments is None:
        return None
    text = f"{{lambda{arguments}#{int(number[:5] or -1) + 2}}}"
    if called:
        call = _argument_list(types)
        if call is None:
            return None
        text += f"::{'operator()' if called == 'cl' else '_FUN'}{call}{' const' if is_const else ''}"
    return text


def _argument_list(types: str) -> str | None:
    readable = _demangled(f"_Z1f{types}")
    return None if readable is None else readable[0].removeprefix("f")

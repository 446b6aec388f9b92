"""C++ names in readable form."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

__all__ = ["demangle", "identifiers", "short_name", "split_clone_suffix"]

_MAXIMUM_CHARACTERS = 4096
_MAXIMUM_NODES = 20_000
_CACHED_NAMES = 1 << 16

_CLONE_SUFFIX = re.compile(r"((?:\.(?:constprop|isra|part|lto_priv|cold|clone|localalias|llvm)(?:\.\d+)?)+)$")
_TOKEN = re.compile(r"(\d+)|(S[0-9A-Z]*_|T\d*_)|([NIFXJL])|(E)|[A-Za-z_.]", re.ASCII)
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")
_LAMBDA = re.compile(r"NK?Ul.*?E(\d*)_(?:clE.*)?")
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
    readable = _demangled(plain)
    if readable is not None:
        return _RUST_HASH.sub("", readable[1]) + _bracketed(clones)
    parts = identifiers(plain)
    return "::".join(parts) + _bracketed(clones) if parts else name


def split_clone_suffix(name: str) -> tuple[str, str]:
    """Split off what GCC and Clang append to copies of a function: ``("_Z1fi", ".constprop.0")``."""
    match = _CLONE_SUFFIX.search(name[-256:])
    return (name, "") if match is None else (name[: len(name) - len(match[1])], match[1])


def identifiers(name: str) -> tuple[str, ...]:
    """Return the leading qualified name of a mangled name by its plain identifiers; empty if it has none.

    It is much faster than `demangle` and knows no operators, constructors or template arguments.
    """
    match = re.match(r"_ZN?Z?N?[rVK]*[RO]?(?:St|S_)?L?(?=\d)", name)
    if match is None:
        return ()
    parts = []
    position = match.end()
    while (digits := re.compile(r"\d{1,4}", re.ASCII).match(name, position)) is not None:
        position = digits.end() + int(digits[0])
        part = name[digits.end() : position]
        if len(part) != int(digits[0]) or not part:
            return ()
        parts.append("(anonymous namespace)" if part.startswith("_GLOBAL__N_") else part)
        if "N" not in match[0]:
            break
    return tuple(parts)


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
        tree = _with_class_names(tree)
        full, short = str(tree), _short(tree)
    except _DAMAGE:
        return None
    # What the package cannot print it shows as its own objects.
    if "Node " in full or "{T" in full or "{S" in full:
        return None
    return full.replace("_GLOBAL__N_1", "(anonymous namespace)"), short.replace("_GLOBAL__N_1", "(anonymous namespace)")


def _expanded_nodes(name: str) -> int:
    """Bound how large the printed name can become.

    A name of a few hundred characters can refer back to its own parts so that it doubles again and again. Each reference is taken for
    the largest part that was complete by then.
    """
    open_parts = [("", 0)]
    largest = 1
    position = 2
    while (match := _TOKEN.match(name, position)) is not None:
        position = match.end()
        kind, size = open_parts[-1]
        digits, reference, opening, closing = match.groups()
        if opening:
            open_parts.append((opening, 1))
            continue
        if closing and len(open_parts) > 1:
            open_parts.pop()
            largest = max(largest, size)
            kind, outer = open_parts[-1]
            size += outer
        elif digits:
            position += int(digits[:5])
            size += 1
        else:
            size += largest if reference else 1
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
        if match is not None:
            inner = f"{{lambda#{int(match[1] or -1) + 2}}}" + ("::operator()" if "_clE" in entity else "")
        else:
            match = _LOCAL_OBJECT.fullmatch(entity)
            if match is None or int(match[1][:5]) > len(entity) - len(match[1]):
                continue
            inner = entity[len(match[1]) :][: int(match[1][:5])]
        outer = _demangled("_Z" + name[3:boundary])
        if outer is not None:
            return f"{outer[0]}::{inner}", f"{outer[1]}::{inner}"
    return None


def _with_class_names(tree: Any) -> Any:
    """Replace the placeholders of constructors and destructors by the name of their class."""
    if tree.kind == "func":
        return tree._replace(name=_with_class_names(tree.name))
    if tree.kind in ("nonvirt_thunk", "virt_thunk", "guard_variable", "cv_qual"):
        return tree._replace(value=_with_class_names(tree.value))
    if tree.kind != "qual_name" or tree.value[-1].kind not in ("ctor", "dtor"):
        return tree
    owner = next((part for part in reversed(tree.value[:-1]) if part.kind != "tpl_args"), None)
    if owner is None:
        return tree
    while owner.kind == "abi":
        owner = owner.value
    mark = "~" if tree.value[-1].kind == "dtor" else ""
    return tree._replace(value=(*tree.value[:-1], type(owner)("name", mark + str(owner))))


def _short(tree: Any) -> str:
    if tree.kind == "func":
        return _short(tree.name)
    if tree.kind in ("cv_qual", "abi"):
        return _short(tree.value)
    if tree.kind == "qual_name":
        return "::".join(_short(part) for part in tree.value if part.kind != "tpl_args")
    return str(tree)

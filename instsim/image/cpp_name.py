"""Print the syntax trees of the package ``itanium_demangler`` the way ``c++filt`` writes names.

The package can print its trees, but puts the ``const`` of a method before its arguments, shows literals with a cast and constructors as
``{ctor}``, orders qualifiers by chance, and leaves the template parameters of ``const`` methods unresolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

__all__ = ["full_text", "short_text"]

_INDIRECTIONS: Mapping[str, str] = MappingProxyType({"pointer": "*", "lvalue": "&", "rvalue": "&&"})
_LITERAL_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"int": "", "unsigned int": "u", "long": "l", "unsigned long": "ul", "long long": "ll", "unsigned long long": "ull"}
)
_SPECIAL_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "vtable": "vtable for",
        "vtt": "VTT for",
        "typeinfo": "typeinfo for",
        "typeinfo_name": "typeinfo name for",
        "nonvirt_thunk": "non-virtual thunk to",
        "virt_thunk": "virtual thunk to",
        "guard_variable": "guard variable for",
        "transaction_clone": "transaction clone for",
    }
)


def full_text(tree: Any) -> str:
    """Return the whole name.

    Parameters
    ----------
    tree : itanium_demangler node
        What its ``parse`` returned.

    Raises
    ------
    NotImplementedError
        If the tree holds something that cannot be printed.
    """
    if tree.kind in _SPECIAL_NAMES:
        value = tree.value
        return f"{_SPECIAL_NAMES[tree.kind]} {_Printer(()).text(value) if value.kind in _INDIRECTIONS else full_text(value)}"
    if tree.kind != "func":
        name, qualifiers = _unqualified(tree)
        return _Printer(()).text(name) + qualifiers
    name, qualifiers = _unqualified(tree.name)
    is_template = name.kind == "qual_name" and name.value[-1].kind == "tpl_args"
    printer = _Printer(name.value[-1].value if is_template else ())
    return_type, types = tree.ret_ty, tree.arg_tys
    if return_type is None and is_template and qualifiers and name.value[-2].kind not in ("ctor", "dtor", "oper_cast"):
        # The package overlooks that const methods can be templates, whose return type comes first.
        return_type, *types = types
    text = printer.text(name) + printer.arguments(types) + qualifiers
    if return_type is None:
        return text
    left, right = printer.declarator(return_type)
    return f"{left} {text}{right}"


def short_text(tree: Any) -> str:
    """Return the qualified name without arguments and template arguments; raises as `full_text`."""
    if tree.kind in _SPECIAL_NAMES:
        return f"{_SPECIAL_NAMES[tree.kind]} {short_text(tree.value)}"
    name, _ = _unqualified(tree.name if tree.kind == "func" else tree)
    printer = _Printer(())
    if name.kind != "qual_name":
        return printer.text(name)
    return printer.path([part for part in _flat(name.value) if part.kind != "tpl_args"])


def _unqualified(name: Any) -> tuple[Any, str]:
    """Take apart a method's name and the qualifiers that follow its arguments."""
    qualifiers = ""
    while name.kind == "cv_qual" or name.kind in _INDIRECTIONS:
        qualifiers = (_qualifiers(name) if name.kind == "cv_qual" else " " + _INDIRECTIONS[name.kind]) + qualifiers
        name = name.value
    return name, qualifiers


def _qualifiers(node: Any) -> str:
    return "".join(f" {qualifier}" for qualifier in sorted(node.qual))


def _flat(parts: Sequence[Any]) -> list[Any]:
    return [inner for part in parts for inner in (_flat(part.value) if part.kind == "qual_name" else [part])]


class _Printer:
    """Prints types and names in which template parameters stand for the given arguments."""

    def __init__(self, template_arguments: Sequence[Any]) -> None:
        self._template_arguments = template_arguments

    def text(self, node: Any) -> str:
        left, right = self.declarator(node)
        return left + right

    def arguments(self, types: Sequence[Any]) -> str:
        texts = [text for node in types for text in self._expanded(node)]
        return "()" if texts == ["void"] else f"({', '.join(texts)})"

    def path(self, parts: Sequence[Any]) -> str:
        result = ""
        owner = ""
        for part in _flat(parts):
            if part.kind == "tpl_args":
                result += self.text(part)
                continue
            if part.kind in ("ctor", "dtor"):
                text = ("~" if part.kind == "dtor" else "") + owner.partition("[abi:")[0]
            else:
                text = owner = self.text(part)
            result += f"::{text}" if result else text
        return result

    def declarator(self, node: Any) -> tuple[str, str]:
        """Return what stands before and after the declared name: ``("int (*", ")(char)")``."""
        kind = node.kind
        if kind in ("name", "builtin"):
            return node.value.replace("_GLOBAL__N_1", "(anonymous namespace)"), ""
        if kind == "qual_name":
            return self.path(node.value), ""
        if kind in ("tpl_args", "tpl_arg_pack"):
            inner = ", ".join(text for argument in node.value for text in self._expanded(argument))
            return (inner, "") if kind == "tpl_arg_pack" else (f"<{inner}{' ' if inner.endswith('>') else ''}>", "")
        if kind == "tpl_param" and node.value < len(self._template_arguments):
            return _Printer(()).declarator(self._template_arguments[node.value])
        if kind in _INDIRECTIONS:
            return self._indirect(node.value, _INDIRECTIONS[kind])
        if kind == "cv_qual":
            left, right = self.declarator(node.value)
            return left + _qualifiers(node), right
        if kind == "func" and node.name is None:
            return f"{self.text(node.ret_ty)} ", self.arguments(node.arg_tys)
        if kind == "array":
            return f"{self.text(node.ty)} ", f"[{self.text(node.dimension)}]"
        if kind == "method":
            return self._indirect(node.member_ty, f"{self.text(node.cls_ty)}::*")
        if kind == "data":
            return f"{self.text(node.member_ty)} {self.text(node.cls_ty)}::*", ""
        if kind == "literal":
            return self._literal(node), ""
        if kind == "abi":
            return self.text(node.value) + "".join(f"[abi:{tag}]" for tag in sorted(node.qual)), ""
        if kind == "oper":
            return f"operator{' ' if node.value[0].isalpha() else ''}{node.value}", ""
        if kind == "oper_cast":
            return f"operator {self.text(node.value)}", ""
        if kind == "func":
            return full_text(node), ""
        raise NotImplementedError(kind)

    def _indirect(self, pointee: Any, mark: str) -> tuple[str, str]:
        left, right = self.declarator(pointee)
        inner = pointee
        while inner.kind == "cv_qual":
            inner = inner.value
        if inner.kind == "func":
            return f"{left}({mark}", f"){right}"
        if inner.kind == "array":
            return f"{left}({mark}", f") {right}"
        return left + mark, right

    def _expanded(self, node: Any) -> list[str]:
        """Return the types that an argument stands for: several if it is a pack."""
        pack = node.value if node.kind == "expand_arg_pack" else node
        marks = ""
        while node.kind == "expand_arg_pack" and pack.kind in _INDIRECTIONS:
            marks = _INDIRECTIONS[pack.kind] + marks
            pack = pack.value
        if pack.kind == "tpl_param" and pack.value < len(self._template_arguments):
            pack = self._template_arguments[pack.value]
        if pack.kind in ("tpl_arg_pack", "tpl_args"):
            return [text + marks for part in pack.value for text in self._expanded(part)]
        if node.kind == "expand_arg_pack":
            raise NotImplementedError(node.kind)
        return [self.text(node)]

    def _literal(self, node: Any) -> str:
        type_name = self.text(node.ty)
        value = str(node.value)
        value = f"-{value[1:]}" if value.startswith("n") else value
        if type_name == "bool" and value in ("0", "1"):
            return "true" if value == "1" else "false"
        suffix = _LITERAL_SUFFIXES.get(type_name)
        return f"({type_name}){value}" if suffix is None else value + suffix

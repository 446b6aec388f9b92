"""Expressions, conditions and variables of the native hooks' language; see `instsim.dynamics.native_compiler`."""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any, Protocol

from llvmlite import ir

from instsim.dynamics.native_values import TRUTH, WORD, Known, Made, Value, code_of, resized
from instsim.dynamics.native_words import ForeignFunction, View, bit_length

__all__ = ["Expressions", "Surroundings"]

_BINARY: dict[type[ast.operator], tuple[str, Callable[[int, int], int]]] = {
    ast.Add: ("add", operator.add),
    ast.Sub: ("sub", operator.sub),
    ast.Mult: ("mul", operator.mul),
    ast.FloorDiv: ("udiv", operator.floordiv),
    ast.Mod: ("urem", operator.mod),
    ast.BitAnd: ("and_", operator.and_),
    ast.BitOr: ("or_", operator.or_),
    ast.BitXor: ("xor", operator.xor),
    ast.LShift: ("shl", operator.lshift),
    ast.RShift: ("lshr", operator.rshift),
}
"""Of each operator the instruction, and what it does to numbers that are known."""
_COMPARE = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class Surroundings(Protocol):
    """What a function refers to beside its own names."""

    def call(self, builder: Any, function: Callable[..., Any], arguments: Sequence[Value]) -> Value:
        """Call a function, compiling it for such arguments if that has not been done."""

    def table(self, numbers: tuple[int, ...]) -> Any:
        """Return a constant array."""


class Expressions:
    """Writes the code of expressions.

    Parameters
    ----------
    owner : Surroundings
        What holds other functions and constants.
    function : function
        Whose expressions they are, for messages.
    compiled : llvmlite.ir.Function
        Gets the code.
    names : dict
        Whatever is known under a name beforehand.
    """

    def __init__(self, owner: Surroundings, function: FunctionType, compiled: Any, names: dict[str, Any]) -> None:
        self.owner, self.function, self.compiled = owner, function, compiled
        self._names = names
        self._variables: dict[str, Made] = {}
        self._entry = ir.IRBuilder(compiled.append_basic_block("variables"))
        self._builder = ir.IRBuilder(compiled.append_basic_block("start"))

    # -- variables and memory ----------------------------------------------------------------------------------------------------

    def _store(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self._assign(target, target.id, value)
        elif isinstance(target, ast.Subscript):
            place = self._place(target)
            self._builder.store(resized(self._builder, code_of(self._builder, value), place.type.pointee.width), place)
        else:
            raise self._refuse(target)

    def _assign(self, node: ast.AST, name: str, value: Value) -> None:
        made = value if isinstance(value, Made) else Made(code_of(self._builder, value))
        if name not in self._variables:
            self._variables[name] = Made(self._entry.alloca(made.code.type, name=name), made.view)
        slot = self._variables[name]
        if (slot.view, str(slot.code.type.pointee)) != (made.view, str(made.code.type)):
            raise self._refuse(node, f"gives {name} values of several kinds")
        self._builder.store(made.code, slot.code)

    def _place(self, node: ast.Subscript) -> Any:
        """Return the pointer to an element of a view."""
        array, index = self._value(node.value), code_of(self._builder, self._value(node.slice))
        if isinstance(array, Known) or array.view is None:
            raise self._refuse(node)
        start = self._builder.inttoptr(array.code, ir.IntType(array.view.bits).as_pointer())
        return self._builder.gep(start, [index])

    # -- conditions --------------------------------------------------------------------------------------------------------------

    def _branch(self, test: ast.expr, then: Any, otherwise: Any) -> bool | None:
        """Go to one of two places; return which, if it is known."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            known = self._branch(test.operand, otherwise, then)
            return None if known is None else not known
        if isinstance(test, ast.BoolOp):
            is_and = isinstance(test.op, ast.And)
            for part in test.values[:-1]:
                (more,) = self._blocks("more")
                known = self._branch(part, more, otherwise) if is_and else self._branch(part, then, more)
                self._builder.position_at_end(more)
                if known is (not is_and):
                    self._builder.unreachable()
                    return known
            known = self._branch(test.values[-1], then, otherwise)
            return known if known is (not is_and) or len(test.values) == 1 else None
        value = self._value(test)
        if isinstance(value, Known):
            self._builder.branch(then if value.value else otherwise)
            return bool(value.value)
        code = value.code
        if code.type != TRUTH:
            code = self._builder.icmp_unsigned("!=", code, ir.Constant(WORD, 0))
        self._builder.cbranch(code, then, otherwise)
        return None

    def _blocks(self, *names: str) -> Iterator[Any]:
        return iter([self.compiled.append_basic_block(name) for name in names])

    # -- expressions -------------------------------------------------------------------------------------------------------------

    def _value(self, node: ast.expr) -> Value:
        method = getattr(self, f"_get_{type(node).__name__.lower()}", None)
        if method is None:
            raise self._refuse(node)
        value: Value = method(node)
        return value

    def _get_constant(self, node: ast.Constant) -> Value:
        return Known(node.value)

    def _get_name(self, node: ast.Name) -> Value:
        if node.id in self._variables:
            slot = self._variables[node.id]
            return Made(self._builder.load(slot.code), slot.view)
        if node.id not in self._names:
            raise self._refuse(node, f"uses {node.id} before it has a value")
        return Known(self._names[node.id])

    def _get_attribute(self, node: ast.Attribute) -> Value:
        value = self._value(node.value)
        if isinstance(value, Made):
            raise self._refuse(node)
        return Known(getattr(value.value, node.attr))

    def _get_subscript(self, node: ast.Subscript) -> Value:
        array = self._value(node.value)
        if isinstance(array, Known):
            index = self._value(node.slice)
            if isinstance(index, Known):
                return Known(array.value[index.value])
            table = self.owner.table(array.value)
            place = self._builder.gep(table, [ir.Constant(WORD, 0), index.code])
            return Made(self._builder.load(place, typ=WORD))
        return Made(resized(self._builder, self._builder.load(self._place(node)), 64))

    def _get_unaryop(self, node: ast.UnaryOp) -> Value:
        value = self._value(node.operand)
        if isinstance(node.op, ast.Not):
            return self._truth(node)
        if isinstance(value, Known):
            return Known(~value.value if isinstance(node.op, ast.Invert) else -value.value)
        code = code_of(self._builder, value)
        return Made(self._builder.not_(code) if isinstance(node.op, ast.Invert) else self._builder.neg(code))

    def _get_binop(self, node: ast.BinOp) -> Value:
        return self._binary(node, node.op, self._value(node.left), self._value(node.right))

    def _binary(self, node: ast.AST, operation: ast.operator, left: Value, right: Value) -> Value:
        if type(operation) not in _BINARY:
            raise self._refuse(node)
        instruction, calculate = _BINARY[type(operation)]
        if isinstance(left, Known) and isinstance(right, Known):
            return Known(calculate(left.value, right.value))
        return Made(getattr(self._builder, instruction)(code_of(self._builder, left, as_word=True), code_of(self._builder, right, as_word=True)))

    def _get_compare(self, node: ast.Compare) -> Value:
        if isinstance(node.ops[0], ast.In) and isinstance(node.comparators[0], ast.Set):
            return self._membership(node.left, node.comparators[0].elts)
        values = [self._value(part) for part in (node.left, *node.comparators)]
        result: Any = None
        for comparison, left, right in zip(node.ops, values, values[1:], strict=False):
            name = _COMPARE.get(type(comparison))
            if name is None:
                raise self._refuse(node)
            codes = [code_of(self._builder, value, as_word=True) for value in (left, right)]
            found = self._builder.icmp_unsigned(name, *codes)
            result = found if result is None else self._builder.and_(result, found)
        return Made(result)

    def _membership(self, node: ast.expr, members: Sequence[ast.expr]) -> Value:
        wanted = code_of(self._builder, self._value(node))
        found = [self._builder.icmp_unsigned("==", wanted, code_of(self._builder, self._value(member))) for member in members]
        return Made(functools.reduce(self._builder.or_, found))

    def _get_boolop(self, node: ast.BoolOp) -> Value:
        return self._truth(node)

    def _truth(self, node: ast.expr) -> Value:
        """Return the truth value of a condition."""
        yes, no, behind = self._blocks("yes", "no", "behind")
        known = self._branch(node, yes, no)
        for block in (yes, no):
            self._builder.position_at_end(block)
            self._builder.branch(behind)
        self._builder.position_at_end(behind)
        if known is not None:
            return Known(known)
        result = self._builder.phi(TRUTH)
        result.add_incoming(ir.Constant(TRUTH, 1), yes)
        result.add_incoming(ir.Constant(TRUTH, 0), no)
        return Made(result)

    def _get_ifexp(self, node: ast.IfExp) -> Value:
        yes, no, behind = self._blocks("yes", "no", "behind")
        known = self._branch(node.test, yes, no)
        ends = []
        for block, part in ((yes, node.body), (no, node.orelse)):
            self._builder.position_at_end(block)
            if known is None or known == (block is yes):
                value = self._value(part)
                ends.append((value if isinstance(value, Made) else Made(code_of(self._builder, value)), self._builder.block))
                self._builder.branch(behind)
            else:
                self._builder.unreachable()
        self._builder.position_at_end(behind)
        if len({made.kind for made, _ in ends}) != 1:
            raise self._refuse(node, "has values of several kinds")
        result = self._builder.phi(ends[0][0].code.type)
        for made, block in ends:
            result.add_incoming(made.code, block)
        return Made(result, ends[0][0].view)

    def _get_call(self, node: ast.Call) -> Value:
        called = self._value(node.func)
        arguments = [self._value(argument) for argument in node.args]
        if isinstance(called, Made) or node.keywords:
            raise self._refuse(node)
        what = called.value
        if what is len:
            return Known(len(*(value.value for value in arguments if isinstance(value, Known))))
        if isinstance(what, View):
            return Made(code_of(self._builder, arguments[0]), what)
        if isinstance(what, ForeignFunction):
            return self._foreign(what, arguments)
        if what in {min, max}:
            left, right = (code_of(self._builder, value) for value in arguments)
            return Made(self._builder.select(self._builder.icmp_unsigned("<" if what is min else ">", left, right), left, right))
        if what is bit_length:
            zeros = self._builder.ctlz(code_of(self._builder, arguments[0]), ir.Constant(TRUTH, 0))
            return Made(self._builder.sub(ir.Constant(WORD, 64), zeros))
        return self.owner.call(self._builder, what, arguments)

    def _foreign(self, what: ForeignFunction, arguments: Sequence[Value]) -> Value:
        result = ir.IntType(what.result) if what.result else ir.VoidType()
        kind = ir.FunctionType(result, [ir.IntType(bits) for bits in what.arguments])
        address, *codes = (code_of(self._builder, value, as_word=True) for value in arguments)
        passed = [resized(self._builder, code, bits) for code, bits in zip(codes, what.arguments, strict=True)]
        returned = self._builder.call(self._builder.inttoptr(address, kind.as_pointer()), passed)
        return Made(resized(self._builder, returned, 64)) if what.result else Known(None)

    def _refuse(self, node: ast.AST, what: str = "is beyond the language of native hooks") -> SyntaxError:
        path, line = self.function.__code__.co_filename, getattr(node, "lineno", 0)
        return SyntaxError(f"{path}:{line}: {self.function.__name__} {what}")

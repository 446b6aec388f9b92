"""Compiles the native hooks: Python functions on 64-bit words to machine code, through llvmlite.

The language is what hooks need. Every value is an unsigned word of 64 bits, a truth value, or the view of an array in memory
(`instsim.dynamics.native_words`); arithmetic wraps around, and a shift by 64 or more has no meaning. There are ``if``, ``while``,
``for ... in range(...)``, conditional expressions, comparisons, ``in`` a set that is written out, ``and`` and ``or`` (which give truth values),
assignments to names, pairs of them and elements of views, calls of other such functions, ``min``, ``max`` and ``len``. Whatever is known beforehand
(globals, variables of an enclosing function, members of enumerations, tuples of numbers) is a constant; a branch that a constant rules out is not
compiled. A function whose name begins with ``seldom_`` stays out of line and takes no registers from what calls it.

Compiling a hook takes a few tenths of a second: a general compiler of Python takes that for its import alone.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

from llvmlite import binding, ir

from instsim.dynamics.native_words import ForeignFunction, View, bit_length

__all__ = ["EntryPoint", "compile_to_object"]

_WORD, _TRUTH = ir.IntType(64), ir.IntType(1)
_WORD_MASK = (1 << 64) - 1
_OPTIMIZATION = 3
_SELDOM = "seldom_"

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


@dataclass(frozen=True)
class EntryPoint:
    """A function to be called from C.

    Attributes
    ----------
    function : callable
        Its source.
    parameters : tuple of int
        Bits of each parameter; pointers are words of 64.
    result : int
        Bits of the result, 0 for none.
    """

    function: Callable[..., Any]
    parameters: tuple[int, ...]
    result: int = 0


def compile_to_object(entries: dict[str, EntryPoint], machine: Any) -> bytes:
    """Return the object code of functions under their names in C.

    Parameters
    ----------
    entries : dict
        By name.
    machine : llvmlite.binding.TargetMachine
        What to compile for.

    Raises
    ------
    SyntaxError
        If a function goes beyond the language; it names file and line.
    """
    compiler = _Module()
    for name, entry in entries.items():
        compiler.export(name, entry)
    compiler.module.triple, compiler.module.data_layout = machine.triple, str(machine.target_data)
    module = binding.parse_assembly(str(compiler.module))
    passes = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=_OPTIMIZATION))
    passes.getModulePassManager().run(module, passes)
    code: bytes = machine.emit_object(module)
    return code


@dataclass(frozen=True)
class _Known:
    """A value at compile time: a number, a truth value, a tuple, or whatever can be called or asked for attributes."""

    value: Any


@dataclass(frozen=True)
class _Made:
    """A value at run time.

    Attributes
    ----------
    code : llvmlite.ir.Value
        A word (an address, if it is a view) or a truth value.
    view : View or None
        How memory is seen there.
    """

    code: Any
    view: View | None = None

    @property
    def kind(self) -> object:
        """What has to agree where two values meet in one variable."""
        return self.view or str(self.code.type)


_Value = _Known | _Made


class _Module:
    """All functions of one object."""

    def __init__(self) -> None:
        self.module = ir.Module()
        self._sources: dict[str, dict[tuple[str, int], ast.FunctionDef]] = {}
        self._functions: dict[object, tuple[Any, str]] = {}
        self._tables: dict[tuple[int, ...], Any] = {}

    def export(self, name: str, entry: EntryPoint) -> None:
        """Compile a function and what it calls, and make an entry for C."""
        result = ir.IntType(entry.result) if entry.result else ir.VoidType()
        outer = ir.Function(self.module, ir.FunctionType(result, [ir.IntType(bits) for bits in entry.parameters]), name)
        builder = ir.IRBuilder(outer.append_basic_block())
        arguments = [_Made(_resize(builder, argument, 64)) for argument in outer.args]
        returned = self.call(builder, entry.function, arguments)
        if entry.result:
            builder.ret(_resize(builder, _code(builder, returned), entry.result))
        else:
            builder.ret_void()

    def call(self, builder: Any, function: Callable[..., Any], arguments: Sequence[_Value]) -> _Value:
        """Call a function, compiling it for such arguments if that has not been done."""
        if not isinstance(function, FunctionType):
            raise TypeError(f"{function!r} is no function of the hooks' language")
        values = [value if isinstance(value, _Made) else _Made(_code(builder, value)) for value in arguments]
        key = (function, *(value.kind for value in values))
        if key not in self._functions:
            kind = ir.FunctionType(_WORD, [value.code.type for value in values])
            compiled = ir.Function(self.module, kind, f"{function.__name__}.{len(self._functions)}")
            compiled.linkage = "internal"
            if function.__name__.lstrip("_").startswith(_SELDOM):
                compiled.attributes.add("noinline")
                compiled.attributes.add("cold")
            elif "out_of_line" in vars(function):
                compiled.attributes.add("noinline")
            source = _Function(self, function, self._source(function), compiled)
            self._functions[key] = compiled, source.compile([value.view for value in values])
        compiled, returns = self._functions[key]
        code = builder.call(compiled, [value.code for value in values])
        if returns == "none":
            return _Known(None)
        return _Made(builder.trunc(code, _TRUTH) if returns == str(_TRUTH) else code)

    def table(self, numbers: tuple[int, ...]) -> Any:
        """Return a constant array."""
        if numbers not in self._tables:
            kind = ir.ArrayType(_WORD, len(numbers))
            table = ir.GlobalVariable(self.module, kind, f"table.{len(self._tables)}")
            table.linkage, table.global_constant = "internal", True
            table.initializer = ir.Constant(kind, [number & _WORD_MASK for number in numbers])
            self._tables[numbers] = table
        return self._tables[numbers]

    def _source(self, function: FunctionType) -> ast.FunctionDef:
        """Return a function's syntax tree; each file is parsed once."""
        path = function.__code__.co_filename
        if path not in self._sources:
            tree = ast.parse(Path(path).read_text(encoding="utf-8"), path)
            self._sources[path] = {
                (node.name, min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])): node
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef)
            }
        return self._sources[path][function.__name__, function.__code__.co_firstlineno]


@dataclass
class _Function:
    """One function, for arguments of given kinds."""

    owner: _Module
    function: FunctionType
    source: ast.FunctionDef
    compiled: Any
    _names: dict[str, Any] = field(default_factory=dict)
    _variables: dict[str, _Made] = field(default_factory=dict)
    _loops: list[tuple[Any, Any]] = field(default_factory=list)
    _returns: str = ""

    def compile(self, views: Sequence[View | None]) -> str:
        """Write the body; return the kind of what it returns."""
        self._names = {**vars(builtins), **self.function.__globals__, **inspect.getclosurevars(self.function).nonlocals}
        self._entry = ir.IRBuilder(self.compiled.append_basic_block("variables"))
        self._builder = ir.IRBuilder(self.compiled.append_basic_block("start"))
        start = self._builder.block
        for parameter, argument, view in zip(self.source.args.args, self.compiled.args, views, strict=True):
            self._assign(parameter, parameter.arg, _Made(argument, view))
        self._statements(self.source.body)
        if not self._builder.block.is_terminated:
            self._builder.ret(ir.Constant(_WORD, 0))
        self._entry.branch(start)
        return self._returns or "none"

    # -- statements --------------------------------------------------------------------------------------------------------------

    def _statements(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if self._builder.block.is_terminated:
                return
            method = getattr(self, f"_do_{type(statement).__name__.lower()}", None)
            if method is None:
                raise self._refuse(statement)
            method(statement)

    def _do_pass(self, _: ast.Pass) -> None:
        pass

    def _do_expr(self, statement: ast.Expr) -> None:
        self._value(statement.value)

    def _do_assign(self, statement: ast.Assign) -> None:
        if len(statement.targets) != 1:
            raise self._refuse(statement)
        target = statement.targets[0]
        if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
            values = [self._value(part) for part in statement.value.elts]
            for part, value in zip(target.elts, values, strict=True):
                self._store(part, value)
        else:
            self._store(target, self._value(statement.value))

    def _do_augassign(self, statement: ast.AugAssign) -> None:
        if isinstance(statement.target, ast.Subscript):
            place = self._place(statement.target)
            before: _Value = _Made(_resize(self._builder, self._builder.load(place), 64))
            after = self._binary(statement, statement.op, before, self._value(statement.value))
            self._builder.store(_resize(self._builder, _code(self._builder, after), place.type.pointee.width), place)
        else:
            read = ast.copy_location(ast.Name(statement.target.id, ast.Load()), statement) if isinstance(statement.target, ast.Name) else None
            if read is None:
                raise self._refuse(statement)
            self._store(statement.target, self._binary(statement, statement.op, self._value(read), self._value(statement.value)))

    def _do_if(self, statement: ast.If) -> None:
        then, otherwise, behind = self._blocks("then", "else", "behind")
        known = self._branch(statement.test, then, otherwise)
        for block, body in ((then, statement.body), (otherwise, statement.orelse)):
            self._builder.position_at_end(block)
            if known is None or known == (block is then):
                self._statements(body)
            if not self._builder.block.is_terminated:
                self._builder.branch(behind)
        self._builder.position_at_end(behind)

    def _do_while(self, statement: ast.While) -> None:
        test, body, behind = self._blocks("test", "body", "behind")
        self._builder.branch(test)
        self._builder.position_at_end(test)
        self._branch(statement.test, body, behind)
        self._loop(body, statement.body, test, behind)
        self._builder.position_at_end(behind)

    def _do_for(self, statement: ast.For) -> None:
        call, target = statement.iter, statement.target
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range" and isinstance(target, ast.Name)):
            raise self._refuse(statement)
        bounds = [_code(self._builder, self._value(argument)) for argument in call.args]
        first, stop = bounds if len(bounds) > 1 else (ir.Constant(_WORD, 0), bounds[0])
        counter = self._entry.alloca(_WORD)
        self._builder.store(first, counter)
        test, body, step, behind = self._blocks("test", "body", "step", "behind")
        self._builder.branch(test)
        self._builder.position_at_end(test)
        self._builder.cbranch(self._builder.icmp_unsigned("<", self._builder.load(counter), stop), body, behind)
        self._builder.position_at_end(body)
        self._store(target, _Made(self._builder.load(counter)))
        self._loop(body, statement.body, step, behind)
        self._builder.position_at_end(step)
        self._builder.store(self._builder.add(self._builder.load(counter), ir.Constant(_WORD, 1)), counter)
        self._builder.branch(test)
        self._builder.position_at_end(behind)

    def _loop(self, block: Any, body: Sequence[ast.stmt], again: Any, behind: Any) -> None:
        self._builder.position_at_end(block)
        self._loops.append((again, behind))
        self._statements(body)
        self._loops.pop()
        if not self._builder.block.is_terminated:
            self._builder.branch(again)

    def _do_break(self, _: ast.Break) -> None:
        self._builder.branch(self._loops[-1][1])

    def _do_continue(self, _: ast.Continue) -> None:
        self._builder.branch(self._loops[-1][0])

    def _do_return(self, statement: ast.Return) -> None:
        value = _Known(None) if statement.value is None else self._value(statement.value)
        if value == _Known(None):
            kind, code = "none", ir.Constant(_WORD, 0)
        else:
            truth = isinstance(value.value, bool) if isinstance(value, _Known) else value.code.type == _TRUTH
            kind, code = str(_TRUTH if truth else _WORD), _code(self._builder, value, as_word=True)
        if self._returns not in {"", kind}:
            raise self._refuse(statement, "returns values of several kinds")
        self._returns = kind
        self._builder.ret(code)

    # -- variables and memory ----------------------------------------------------------------------------------------------------

    def _store(self, target: ast.expr, value: _Value) -> None:
        if isinstance(target, ast.Name):
            self._assign(target, target.id, value)
        elif isinstance(target, ast.Subscript):
            place = self._place(target)
            self._builder.store(_resize(self._builder, _code(self._builder, value), place.type.pointee.width), place)
        else:
            raise self._refuse(target)

    def _assign(self, node: ast.AST, name: str, value: _Value) -> None:
        made = value if isinstance(value, _Made) else _Made(_code(self._builder, value))
        if name not in self._variables:
            self._variables[name] = _Made(self._entry.alloca(made.code.type, name=name), made.view)
        slot = self._variables[name]
        if (slot.view, str(slot.code.type.pointee)) != (made.view, str(made.code.type)):
            raise self._refuse(node, f"gives {name} values of several kinds")
        self._builder.store(made.code, slot.code)

    def _place(self, node: ast.Subscript) -> Any:
        """Return the pointer to an element of a view."""
        array, index = self._value(node.value), _code(self._builder, self._value(node.slice))
        if isinstance(array, _Known) or array.view is None:
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
        if isinstance(value, _Known):
            self._builder.branch(then if value.value else otherwise)
            return bool(value.value)
        code = value.code
        if code.type != _TRUTH:
            code = self._builder.icmp_unsigned("!=", code, ir.Constant(_WORD, 0))
        self._builder.cbranch(code, then, otherwise)
        return None

    def _blocks(self, *names: str) -> Iterator[Any]:
        return iter([self.compiled.append_basic_block(name) for name in names])

    # -- expressions -------------------------------------------------------------------------------------------------------------

    def _value(self, node: ast.expr) -> _Value:
        method = getattr(self, f"_get_{type(node).__name__.lower()}", None)
        if method is None:
            raise self._refuse(node)
        value: _Value = method(node)
        return value

    def _get_constant(self, node: ast.Constant) -> _Value:
        return _Known(node.value)

    def _get_name(self, node: ast.Name) -> _Value:
        if node.id in self._variables:
            slot = self._variables[node.id]
            return _Made(self._builder.load(slot.code), slot.view)
        if node.id not in self._names:
            raise self._refuse(node, f"uses {node.id} before it has a value")
        return _Known(self._names[node.id])

    def _get_attribute(self, node: ast.Attribute) -> _Value:
        value = self._value(node.value)
        if isinstance(value, _Made):
            raise self._refuse(node)
        return _Known(getattr(value.value, node.attr))

    def _get_subscript(self, node: ast.Subscript) -> _Value:
        array = self._value(node.value)
        if isinstance(array, _Known):
            index = self._value(node.slice)
            if isinstance(index, _Known):
                return _Known(array.value[index.value])
            table = self.owner.table(array.value)
            place = self._builder.gep(table, [ir.Constant(_WORD, 0), index.code])
            return _Made(self._builder.load(place, typ=_WORD))
        return _Made(_resize(self._builder, self._builder.load(self._place(node)), 64))

    def _get_unaryop(self, node: ast.UnaryOp) -> _Value:
        value = self._value(node.operand)
        if isinstance(node.op, ast.Not):
            return self._truth(node)
        if isinstance(value, _Known):
            return _Known(~value.value if isinstance(node.op, ast.Invert) else -value.value)
        code = _code(self._builder, value)
        return _Made(self._builder.not_(code) if isinstance(node.op, ast.Invert) else self._builder.neg(code))

    def _get_binop(self, node: ast.BinOp) -> _Value:
        return self._binary(node, node.op, self._value(node.left), self._value(node.right))

    def _binary(self, node: ast.AST, operation: ast.operator, left: _Value, right: _Value) -> _Value:
        if type(operation) not in _BINARY:
            raise self._refuse(node)
        instruction, calculate = _BINARY[type(operation)]
        if isinstance(left, _Known) and isinstance(right, _Known):
            return _Known(calculate(left.value, right.value))
        return _Made(getattr(self._builder, instruction)(_code(self._builder, left, as_word=True), _code(self._builder, right, as_word=True)))

    def _get_compare(self, node: ast.Compare) -> _Value:
        if isinstance(node.ops[0], ast.In) and isinstance(node.comparators[0], ast.Set):
            return self._membership(node.left, node.comparators[0].elts)
        values = [self._value(part) for part in (node.left, *node.comparators)]
        result: Any = None
        for comparison, left, right in zip(node.ops, values, values[1:], strict=False):
            name = _COMPARE.get(type(comparison))
            if name is None:
                raise self._refuse(node)
            codes = [_code(self._builder, value, as_word=True) for value in (left, right)]
            found = self._builder.icmp_unsigned(name, *codes)
            result = found if result is None else self._builder.and_(result, found)
        return _Made(result)

    def _membership(self, node: ast.expr, members: Sequence[ast.expr]) -> _Value:
        wanted = _code(self._builder, self._value(node))
        found = [self._builder.icmp_unsigned("==", wanted, _code(self._builder, self._value(member))) for member in members]
        return _Made(functools.reduce(self._builder.or_, found))

    def _get_boolop(self, node: ast.BoolOp) -> _Value:
        return self._truth(node)

    def _truth(self, node: ast.expr) -> _Value:
        """Return the truth value of a condition."""
        yes, no, behind = self._blocks("yes", "no", "behind")
        known = self._branch(node, yes, no)
        for block in (yes, no):
            self._builder.position_at_end(block)
            self._builder.branch(behind)
        self._builder.position_at_end(behind)
        if known is not None:
            return _Known(known)
        result = self._builder.phi(_TRUTH)
        result.add_incoming(ir.Constant(_TRUTH, 1), yes)
        result.add_incoming(ir.Constant(_TRUTH, 0), no)
        return _Made(result)

    def _get_ifexp(self, node: ast.IfExp) -> _Value:
        yes, no, behind = self._blocks("yes", "no", "behind")
        known = self._branch(node.test, yes, no)
        ends = []
        for block, part in ((yes, node.body), (no, node.orelse)):
            self._builder.position_at_end(block)
            if known is None or known == (block is yes):
                value = self._value(part)
                ends.append((value if isinstance(value, _Made) else _Made(_code(self._builder, value)), self._builder.block))
                self._builder.branch(behind)
            else:
                self._builder.unreachable()
        self._builder.position_at_end(behind)
        if len({made.kind for made, _ in ends}) != 1:
            raise self._refuse(node, "has values of several kinds")
        result = self._builder.phi(ends[0][0].code.type)
        for made, block in ends:
            result.add_incoming(made.code, block)
        return _Made(result, ends[0][0].view)

    def _get_call(self, node: ast.Call) -> _Value:
        called = self._value(node.func)
        arguments = [self._value(argument) for argument in node.args]
        if isinstance(called, _Made) or node.keywords:
            raise self._refuse(node)
        what = called.value
        if what is len:
            return _Known(len(*(value.value for value in arguments if isinstance(value, _Known))))
        if isinstance(what, View):
            return _Made(_code(self._builder, arguments[0]), what)
        if isinstance(what, ForeignFunction):
            return self._foreign(what, arguments)
        if what in {min, max}:
            left, right = (_code(self._builder, value) for value in arguments)
            return _Made(self._builder.select(self._builder.icmp_unsigned("<" if what is min else ">", left, right), left, right))
        if what is bit_length:
            zeros = self._builder.ctlz(_code(self._builder, arguments[0]), ir.Constant(_TRUTH, 0))
            return _Made(self._builder.sub(ir.Constant(_WORD, 64), zeros))
        return self.owner.call(self._builder, what, arguments)

    def _foreign(self, what: ForeignFunction, arguments: Sequence[_Value]) -> _Value:
        result = ir.IntType(what.result) if what.result else ir.VoidType()
        kind = ir.FunctionType(result, [ir.IntType(bits) for bits in what.arguments])
        address, *codes = (_code(self._builder, value, as_word=True) for value in arguments)
        passed = [_resize(self._builder, code, bits) for code, bits in zip(codes, what.arguments, strict=True)]
        returned = self._builder.call(self._builder.inttoptr(address, kind.as_pointer()), passed)
        return _Made(_resize(self._builder, returned, 64)) if what.result else _Known(None)

    def _refuse(self, node: ast.AST, what: str = "is beyond the language of native hooks") -> SyntaxError:
        path, line = self.function.__code__.co_filename, getattr(node, "lineno", 0)
        return SyntaxError(f"{path}:{line}: {self.function.__name__} {what}")


def _code(builder: Any, value: _Value, *, as_word: bool = False) -> Any:
    """Return a value as code: a number, a truth value or an address."""
    if isinstance(value, _Known):
        if isinstance(value.value, bool) and not as_word:
            return ir.Constant(_TRUTH, int(value.value))
        if not isinstance(value.value, int):
            raise TypeError(f"{value.value!r} is no number")
        return ir.Constant(_WORD, int(value.value) & _WORD_MASK)
    return builder.zext(value.code, _WORD) if as_word and value.code.type == _TRUTH else value.code


def _resize(builder: Any, code: Any, bits: int) -> Any:
    """Return a number with so many bits, cut or filled with zeros."""
    kind = ir.IntType(bits)
    if code.type.width == bits:
        return code
    return builder.trunc(code, kind) if code.type.width > bits else builder.zext(code, kind)

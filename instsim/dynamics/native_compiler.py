"""Compiles the native hooks: Python functions on 64-bit words to machine code, through llvmlite.

The language is what hooks need. Every value is an unsigned word of 64 bits, a truth value, or the view of an array in memory
(`instsim.dynamics.native_words`); arithmetic wraps around, and a shift by 64 or more has no meaning. There are ``if``, ``while``,
``for ... in range(...)``, conditional expressions, comparisons, ``in`` a set that is written out, ``and`` and ``or`` (which give truth values),
assignments to names, pairs of them and elements of views, calls of other such functions, ``min``, ``max`` and ``len``. Whatever is known beforehand
(globals, variables of an enclosing function, members of enumerations, tuples of numbers) is a constant; a branch that a constant rules out is not
compiled. What a function is marked as
(`instsim.dynamics.native_words.out_of_line`, ``seldom``) says whether it stays out of line.

Compiling a hook takes a few tenths of a second: a general compiler of Python takes that for its import alone.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from llvmlite import binding, ir

from instsim.dynamics.native_expressions import Expressions
from instsim.dynamics.native_values import TRUTH, WORD, WORD_MASK, Known, Made, Value, code_of, resized
from instsim.dynamics.native_words import ATTRIBUTES, View

__all__ = ["EntryPoint", "compile_to_object"]

_OPTIMIZATION = 3


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
        arguments = [Made(resized(builder, argument, 64)) for argument in outer.args]
        returned = self.call(builder, entry.function, arguments)
        if entry.result:
            builder.ret(resized(builder, code_of(builder, returned), entry.result))
        else:
            builder.ret_void()

    def call(self, builder: Any, function: Callable[..., Any], arguments: Sequence[Value]) -> Value:
        """Call a function, compiling it for such arguments if that has not been done."""
        if not isinstance(function, FunctionType):
            raise TypeError(f"{function!r} is no function of the hooks' language")
        values = [value if isinstance(value, Made) else Made(code_of(builder, value)) for value in arguments]
        key = (function, *(value.kind for value in values))
        if key not in self._functions:
            kind = ir.FunctionType(WORD, [value.code.type for value in values])
            compiled = ir.Function(self.module, kind, f"{function.__name__}.{len(self._functions)}")
            compiled.linkage = "internal"
            for attribute in vars(function).get(ATTRIBUTES, ()):
                compiled.attributes.add(attribute)
            source = _Function(self, function, self._source(function), compiled)
            self._functions[key] = compiled, source.compile([value.view for value in values])
        compiled, returns = self._functions[key]
        code = builder.call(compiled, [value.code for value in values])
        if returns == "none":
            return Known(None)
        return Made(builder.trunc(code, TRUTH) if returns == str(TRUTH) else code)

    def table(self, numbers: tuple[int, ...]) -> Any:
        """Return a constant array."""
        if numbers not in self._tables:
            kind = ir.ArrayType(WORD, len(numbers))
            table = ir.GlobalVariable(self.module, kind, f"table.{len(self._tables)}")
            table.linkage, table.global_constant = "internal", True
            table.initializer = ir.Constant(kind, [number & WORD_MASK for number in numbers])
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


class _Function(Expressions):
    """One function, for arguments of given kinds."""

    def __init__(self, owner: _Module, function: FunctionType, source: ast.FunctionDef, compiled: Any) -> None:
        names = {**vars(builtins), **function.__globals__, **inspect.getclosurevars(function).nonlocals}
        super().__init__(owner, function, compiled, names)
        self._source = source
        self._loops: list[tuple[Any, Any]] = []
        self._returns = ""

    def compile(self, views: Sequence[View | None]) -> str:
        """Write the body; return the kind of what it returns."""
        start = self._builder.block
        for parameter, argument, view in zip(self._source.args.args, self.compiled.args, views, strict=True):
            self._assign(parameter, parameter.arg, Made(argument, view))
        self._statements(self._source.body)
        if not self._builder.block.is_terminated:
            self._builder.ret(ir.Constant(WORD, 0))
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
            before: Value = Made(resized(self._builder, self._builder.load(place), 64))
            after = self._binary(statement, statement.op, before, self._value(statement.value))
            self._builder.store(resized(self._builder, code_of(self._builder, after), place.type.pointee.width), place)
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
        bounds = [code_of(self._builder, self._value(argument)) for argument in call.args]
        first, stop = bounds if len(bounds) > 1 else (ir.Constant(WORD, 0), bounds[0])
        counter = self._entry.alloca(WORD)
        self._builder.store(first, counter)
        test, body, step, behind = self._blocks("test", "body", "step", "behind")
        self._builder.branch(test)
        self._builder.position_at_end(test)
        self._builder.cbranch(self._builder.icmp_unsigned("<", self._builder.load(counter), stop), body, behind)
        self._builder.position_at_end(body)
        self._store(target, Made(self._builder.load(counter)))
        self._loop(body, statement.body, step, behind)
        self._builder.position_at_end(step)
        self._builder.store(self._builder.add(self._builder.load(counter), ir.Constant(WORD, 1)), counter)
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
        value = Known(None) if statement.value is None else self._value(statement.value)
        if value == Known(None):
            kind, code = "none", ir.Constant(WORD, 0)
        else:
            truth = isinstance(value.value, bool) if isinstance(value, Known) else value.code.type == TRUTH
            kind, code = str(TRUTH if truth else WORD), code_of(self._builder, value, as_word=True)
        if self._returns not in {"", kind}:
            raise self._refuse(statement, "returns values of several kinds")
        self._returns = kind
        self._builder.ret(code)

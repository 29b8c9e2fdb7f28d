"""Which functions a derivation is made of, and that they are what their files say.

A file is read as a whole: its top level may import NumPy and the primitives, define functions and name literals, each
name once. A function is then what is written there if compiling the file gives its code, its defaults are those
written, and it sees the names of that file. Everything else is Unread.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import decode_source
from operator import attrgetter
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NoReturn

import numpy as np

from backproof.models import primitives
from backproof.proofs.refusals import Unread
from backproof.proofs.subset import Body, Kind, check_body
from backproof.proofs.tensors import ARRAY_FUNCTIONS, UFUNCS

IMPORTED = ("__future__", "numpy", "backproof.models.primitives")
DESCRIPTIVE = ("__all__", "__author__", "__version__")  # all other names of two underscores are Python's or ours
ANNOTATION = (ast.Name, ast.Attribute, ast.Constant, ast.Subscript, ast.Tuple, ast.BinOp, ast.BitOr, ast.Load)
PRIMITIVES = ("sigmoid", "untapped")  # proved or seen through by the prover; found again in their own file


def read_functions(*roots: Callable[..., Any]) -> list[tuple[FunctionType, File]]:
    """These functions and all that they call, with the files that they stand in. Unread where one is not read."""
    files: dict[str, File] = {}
    done: dict[FunctionType, File] = {}

    def visit(function: Any, callers: tuple[Any, ...]) -> None:
        path = _plain(function).__code__.co_filename
        if function in callers:
            raise Unread(f"{function.__name__} calls itself")
        if function in done:
            return
        file = files.get(path) or files.setdefault(path, File(path))
        for callee in file.check(function):
            visit(callee, (*callers, function))
        done[function] = file

    for root in roots:
        visit(root, ())
    return list(done.items())


def _plain(function: Any) -> FunctionType:
    """A function of Python itself that closes over nothing; what a class or a decorator made is Unread."""
    if type(function) is not FunctionType:
        raise Unread(f"{getattr(function, '__name__', type(function).__name__)} is not a function written in Python")
    if function.__closure__:
        raise Unread(f"{function.__name__} closes over variables")
    return function


@dataclass
class File:
    """One file of equations, read from disk."""

    path: str

    @cached_property
    def source(self) -> bytes:
        try:
            return Path(self.path).read_bytes()
        except OSError:
            raise Unread(f"the source {self.path} cannot be read") from None

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """What each top-level name is bound by; Unread where the top level does anything else."""
        bound: dict[str, ast.stmt] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = ast.parse(self.source)
            except (SyntaxError, ValueError) as error:
                raise Unread(f"{Path(self.path).name} is not Python: {error}") from None
        for statement in tree.body:
            for name in _bound(statement):
                if name.startswith("__") and name not in DESCRIPTIVE:
                    _refuse(statement, f"the file binds {name}")
                if name in bound:
                    raise Unread(f"{name} is bound twice, at lines {bound[name].lineno} and {statement.lineno}")
                bound[name] = statement
        return bound

    @cached_property
    def codes(self) -> dict[str, CodeType]:
        """What the functions of this file compile to, by name."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = compile(self.source, self.path, "exec", dont_inherit=True)
        return {code.co_name: code for code in whole.co_consts if isinstance(code, CodeType)}

    @property
    def numbers(self) -> list[str]:
        """The names of the top level that stand for a number."""
        bound = self.definitions.items()
        return [name for name, each in bound if isinstance(each, ast.Assign) and _number(each.value) is not None]

    def check(self, function: FunctionType) -> list[Any]:
        """The functions that this one calls."""
        name = function.__code__.co_name
        definition = self.definitions.get(name)
        if not isinstance(definition, ast.FunctionDef) or function.__name__ != name:
            raise Unread(f"{function.__name__} is not defined in {Path(self.path).name}")

        def known(name: str) -> Kind:
            return self.kind(name, function)

        callees = check_body(Body(decode_source(self.source), definition, known))
        if self.codes.get(name) != function.__code__:
            raise Unread(f"{name} is not what its file says")
        if attrgetter("__builtins__")(function).get("dict") is not dict:
            raise Unread(f"the builtins of {name} are not Python's")
        _check_defaults(definition, function)
        return callees

    def kind(self, name: str, function: FunctionType) -> Kind:
        """What a global name of `function` stands for."""
        scope = function.__globals__
        if name not in self.definitions and name not in scope:
            return Kind("dict") if name == "dict" else Kind("other")
        value, statement = scope.get(name), self.definitions.get(name)
        if isinstance(statement, ast.FunctionDef):
            ours = type(value) is FunctionType and value.__globals__ is scope and value.__code__.co_name == name
            return Kind("function", value) if ours else Kind("other")
        if isinstance(statement, ast.Assign):
            return Kind("number") if _is_number(statement.value, value) else Kind("other")
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            return Kind("other")
        if value is np:
            return Kind("namespace")
        if any(value is each for each in (*UFUNCS, *ARRAY_FUNCTIONS)) or _is_primitive(value):
            return Kind("primitive")
        return Kind("other")


def _is_number(literal: ast.expr, value: Any) -> bool:
    """Does this number stand in the file, and is it still the value?"""
    return type(value) in (int, float) and _number(literal) == value


def _number(literal: ast.expr) -> int | float | None:
    match literal:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    return None


def _is_primitive(value: Any) -> bool:
    """One of ours, and still what its own file says."""
    if not any(value is getattr(primitives, name) for name in PRIMITIVES):
        return False
    code = _plain(value).__code__
    return code.co_filename == primitives.__file__ and File(code.co_filename).codes.get(code.co_name) == code


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a statement of the top level binds; Unread where it is not one of those allowed."""
    match statement:
        case ast.Expr(value=ast.Constant()):
            return []
        case ast.Import(names=names) if all(each.name in IMPORTED for each in names):
            return [each.asname or each.name.partition(".")[0] for each in names]
        case ast.ImportFrom(module=module, names=names, level=0) if module in IMPORTED:
            if all(each.name != "*" for each in names):
                return [each.asname or each.name for each in names]
        case ast.FunctionDef(name=name):
            _check_definition(statement)
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_literal(value):
            return [name]
    return _refuse(statement, "the file does more than import NumPy, define functions and name literals")


def _is_literal(e: ast.expr) -> bool:
    match e:
        case ast.Constant() | ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return True
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return all(map(_is_literal, parts))
        case ast.Dict(keys=keys, values=values):
            return all(key is not None and _is_literal(key) for key in keys) and all(map(_is_literal, values))
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return all(each.arg is not None and _is_literal(each.value) for each in keywords)
    return False


def _check_definition(definition: ast.FunctionDef) -> None:
    """What runs when a function is defined: no decorators, and defaults and annotations that only name things."""
    arguments, name = definition.args, definition.name
    if definition.decorator_list or getattr(definition, "type_params", []):
        _refuse(definition, f"{name} is decorated")
    if arguments.vararg or arguments.kwarg:
        _refuse(definition, f"{name} takes any arguments")
    for default in _defaults(arguments):
        if not (isinstance(default, ast.Name) or _is_literal(default)):
            _refuse(default, f"{name} computes a default")
    annotated = [each.annotation for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    for node in (node for each in (*annotated, definition.returns) if each is not None for node in ast.walk(each)):
        if not isinstance(node, ANNOTATION):
            _refuse(node, f"{name} computes an annotation")


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)]


def _check_defaults(definition: ast.FunctionDef, function: FunctionType) -> None:
    """Defaults are numbers, NumPy or a primitive, and still those that are written."""
    written = _defaults(definition.args)
    kept = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    if len(written) != len(kept):
        _refuse(definition, f"the defaults of {definition.name} are not those written")
    for literal, value in zip(written, kept, strict=True):
        named = isinstance(literal, ast.Name) and function.__globals__.get(literal.id) is value
        if not (_is_number(literal, value) or (named and (value is np or _is_primitive(value)))):
            _refuse(literal, f"{definition.name} has a default that is not a number: {ast.unparse(literal)}")


def _refuse(node: ast.AST, what: str) -> NoReturn:
    raise Unread(f"{what}, at line {getattr(node, 'lineno', 0)}")

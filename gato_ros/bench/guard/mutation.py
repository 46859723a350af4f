"""Mutants of a module: every small change of its code that tests have to notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Mutant:
    """One change."""

    room: str
    number: int
    """Among the changes of that room."""
    line: int
    what: str


_COMPARE = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


_ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


_CALLS = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "all": "any", "any": "all"}


def changes(tree: ast.AST) -> Iterator[tuple[ast.AST, str, object, str]]:
    """Every (node, field, new value, description) that makes a mutant of a module; texts and shapes of data stay."""
    types = {id(part) for node in ast.walk(tree) for part in _types_of(node)}
    for node in ast.walk(tree):
        if id(node) in types:
            continue
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
            new = _COMPARE[type(node.ops[0])]()
            yield node, "ops", [new], f"{type(node.ops[0]).__name__} -> {type(new).__name__}"
        elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in _ARITHMETIC:
            new = _ARITHMETIC[type(node.op)]()
            yield node, "op", new, f"{type(node.op).__name__} -> {type(new).__name__}"
        elif isinstance(node, ast.BoolOp):
            new = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node, "op", new, f"{type(node.op).__name__} -> {type(new).__name__}"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
            kept = ast.UAdd() if isinstance(node.op, ast.USub) else None
            if kept is not None:
                yield node, "op", kept, "minus dropped"
            else:
                yield node, "operand", ast.UnaryOp(ast.Not(), node.operand), "not dropped"
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, "value", node.value + 1, f"{node.value} -> {node.value + 1}"
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            yield node, "value", not node.value, f"{node.value} -> {not node.value}"
        elif isinstance(node, ast.Call) and _called(node) in _CALLS:
            yield node, "func", _renamed(node.func), f"{_called(node)} -> {_CALLS[_called(node)]}"
        elif isinstance(node, ast.IfExp):
            yield node, "test", ast.UnaryOp(ast.Not(), node.test), "condition turned round"
        elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            yield node, "value", ast.Constant(None), "return None"


def _types_of(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of the annotations of an argument, a function or a name."""
    for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
        if annotation is not None:
            yield from ast.walk(annotation)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _renamed(func: ast.expr) -> ast.expr:
    new = copy.deepcopy(func)
    if isinstance(new, ast.Name):
        new.id = _CALLS[new.id]
    else:
        new.attr = _CALLS[new.attr]
    return new


def path_of(room: str) -> Path:
    """The file of a room of core."""
    return ROOT / "gato_ros" / "core" / f"{room.replace(chr(46), chr(47))}.py"


def mutants(room: str) -> list[Mutant]:
    """All mutants of one room."""
    tree = ast.parse(path_of(room).read_text())
    return [Mutant(room, i, node.lineno, what) for i, (node, _, _, what) in enumerate(changes(tree))]


def mutated(mutant: Mutant) -> ast.Module:
    """The room's syntax tree with that one change."""
    tree = ast.parse(path_of(mutant.room).read_text())
    node, name, value, _ = list(changes(tree))[mutant.number]
    setattr(node, name, value)
    return ast.fix_missing_locations(tree)

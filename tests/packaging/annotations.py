"""How many of the package's public functions say the type of every argument and of what they return.

`python -m tests.packaging.annotations` prints the share, and the functions that lack something.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("gato_ros", "models", "sim")


def public_functions(path: Path) -> Iterator[tuple[str, bool]]:
    """Name and whether all of it is annotated, of every function and method without a leading underscore.

    Constructors and operators (`__init__`, `__call__`) count; what is defined inside a function does not.
    """
    yield from _of_body(ast.parse(path.read_text()).body, "")


def _of_body(body: list[ast.stmt], within: str) -> Iterator[tuple[str, bool]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _of_body(node.body, f"{within}{node.name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node.name.startswith("__") or not node.name.startswith("_"):
                yield f"{within}{node.name}", annotated(node, bool(within))
        elif isinstance(node, (ast.If, ast.Try)):
            yield from _of_body([*node.body, *node.orelse], within)


def annotated(function: ast.FunctionDef | ast.AsyncFunctionDef, method: bool) -> bool:
    """Whether every argument and the result has a type; `self` and the result of `__init__` need none."""
    arguments = function.args
    taken = [*arguments.posonlyargs, *arguments.args]
    static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list)
    taken = taken[1:] if method and not static else taken
    rest = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    returns = function.returns is not None or function.name == "__init__"
    return returns and all(one.annotation is not None for one in (*taken, *arguments.kwonlyargs, *rest))


def package_functions() -> dict[str, bool]:
    """`file:function` -> whether it is annotated, of the whole package."""
    files = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return {f"{path.relative_to(ROOT)}:{name}": whole for path in files for name, whole in public_functions(path)}


def main() -> None:
    """The share, and what lacks types."""
    found = package_functions()
    for name in sorted(name for name, whole in found.items() if not whole):
        print(name)
    print(f"{sum(found.values())} of {len(found)} public functions annotated ({sum(found.values()) / len(found):.1%})")


if __name__ == "__main__":
    main()

"""The bars of the rooms: no import circle, small folders, small files, short verbs, and verbs that call no verb."""

import ast
import os
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES_OF_A_FOLDER, LINES_OF_A_FILE, LINES_OF_CLI = 20, 350, 4000


def _modules() -> dict[str, Path]:
    """Name of every module -> its file; `models` and `sim` count by their names in the package."""
    found = {}
    for folder, _, names in os.walk(ROOT / "gato_ros", followlinks=True):
        for path in (Path(folder, name) for name in names if name.endswith(".py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = _modules()


def _imported(path: Path) -> set[str]:
    """The modules of the package that a file imports anywhere: at its top, in a function, or for its annotations."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else module for name in inner}
    return found & set(MODULES)


GRAPH = {name: _imported(path) - {name} for name, path in MODULES.items()}


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of the graph, its first name repeated at the end; nothing where there is none."""
    left = {name: set(others) for name, others in graph.items()}
    while ends := {name for name, others in left.items() if not others & set(left)}:
        left = {name: others - ends for name, others in left.items() if name not in ends}
    if not left:
        return []
    walk = [min(left)]
    while walk[-1] not in walk[:-1]:
        walk.append(min(left[walk[-1]] & set(left)))
    return walk[walk.index(walk[-1]) :]


def test_a_circle_is_found_and_a_tree_has_none():
    tree = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert _circle(tree) == []
    assert _circle({**tree, "c": {"b"}}) == ["b", "c", "b"]


def test_no_module_imports_itself_by_way_of_others():
    assert len(GRAPH) > 250 and "gato_ros.sim.task" in GRAPH["gato_ros.evaluation.collection"], "lazy imports count"
    assert _circle(GRAPH) == []


def test_a_folder_holds_few_files():
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in MODULES.values())
    assert {folder: count for folder, count in counts.items() if count > FILES_OF_A_FOLDER} == {}


def test_a_file_is_short():
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > LINES_OF_A_FILE} == {}


def test_the_verbs_are_short_in_all():
    lines = sum(len(path.read_text().splitlines()) for path in (ROOT / "gato_ros/cli").rglob("*.py"))
    assert 1000 < lines <= LINES_OF_CLI


def test_no_verb_calls_another():
    from gato_ros.cli import VERBS

    verbs = {f"gato_ros.cli.{name}" for name in VERBS}
    assert verbs <= set(GRAPH)
    callers = {name: others & verbs for name, others in GRAPH.items() if others & verbs}
    assert callers == {}, "what verbs share is a function below gato_ros.cli"


@pytest.mark.parametrize("room", ["gato_ros.cli", "gato_ros.evaluation", "gato_ros.training", "gato_ros.nodes"])
def test_a_room_says_what_it_is(room):
    for name, path in MODULES.items():
        if name.startswith(room):
            assert ast.get_docstring(ast.parse(path.read_text())), name

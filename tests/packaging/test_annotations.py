"""Public functions say their types, and no room is taken out of the type checker."""

import re

import pytest

from tests.packaging.annotations import ROOT, package_functions, public_functions

CHECKED = ("gato_ros/core", "gato_ros/embodiments", "gato_ros/data", "gato_ros/domains", "models")
RULED = re.compile(r"# pyright: ignore\[report\w+(, report\w+)*\]")
LEAST = 0.95


def test_public_functions_are_annotated():
    found = package_functions()
    assert len(found) > 1000
    bare = sorted(name for name, whole in found.items() if not whole)
    assert 1 - len(bare) / len(found) >= LEAST, bare


@pytest.mark.parametrize(
    "source, whole",
    [
        ("def f(x: int) -> int: ...", True),
        ("def f(x) -> int: ...", False),
        ("def f(x: int): ...", False),
        ("def f(*, x) -> int: ...", False),
        ("def f(*x) -> int: ...", False),
        ("def f(**x) -> int: ...", False),
        ("class A:\n    def f(self, x: int) -> int: ...", True),
        ("class A:\n    def f(self, x) -> int: ...", False),
        ("class A:\n    def __init__(self, x: int): ...", True),
        ("class A:\n    @staticmethod\n    def f(x) -> int: ...", False),
        ("def _f(x): ...", None),
        ("class _A:\n    def f(self, x): ...", None),
    ],
)
def test_what_counts_as_annotated(tmp_path, source, whole):
    (tmp_path / "module.py").write_text(source)
    assert [annotated for _, annotated in public_functions(tmp_path / "module.py")] == (
        [] if whole is None else [whole]
    )


def test_no_file_leaves_the_type_checker():
    for path in (path for room in CHECKED for path in (ROOT / room).rglob("*.py")):
        for line in path.read_text().splitlines():
            if "# pyright:" in line or "# basedpyright:" in line:
                assert RULED.search(line), f"{path.relative_to(ROOT)}: {line.strip()}"

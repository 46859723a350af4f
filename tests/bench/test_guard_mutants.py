"""Mutants of the guard's mathematics: they are made, they run, and they die."""

import ast
import json
import subprocess
import sys

import pytest

from gato_ros.bench.guard.mutants import ROOT, TESTS, WHOLE
from gato_ros.bench.guard.mutation import changes, mutants, mutated

OF_ONE_ROOM = """
import ast, sys
from gato_ros.bench.guard import mutants as guard_mutants
guard_mutants.WHOLE = ()
if sys.argv[2] == "unchanged":
    guard_mutants.mutated = lambda mutant: ast.parse(guard_mutants.path_of(mutant.room).read_text())
from gato_ros.cli import main
main(["guard", "mutants", "--rooms", "guard.gripper_hold", "--sample", "2", "--seed", "1", "--json", sys.argv[1]])
"""


@pytest.mark.parametrize(
    "source, what",
    [
        ("a < b", {"Lt -> LtE"}),
        ("a == b", {"Eq -> NotEq"}),
        ("a + b", {"Add -> Sub"}),
        ("a * b", {"Mult -> Div"}),
        ("a and b", {"And -> Or"}),
        ("not a", {"not dropped"}),
        ("-a", {"minus dropped"}),
        ("2.5", {"2.5 -> 3.5"}),
        ("True", {"True -> False"}),
        ("min(a, b)", {"min -> max"}),
        ("np.maximum(a, b)", {"maximum -> minimum"}),
        ("a if b else c", {"condition turned round"}),
        ("x: A | None", set()),
        ("'text'", set()),
        ("None", set()),
    ],
)
def test_each_kind_of_change(source, what):
    assert {change[3] for change in changes(ast.parse(source))} == what


def test_every_mutant_is_another_program_that_compiles():
    for room in TESTS:
        found = mutants(room)
        assert len(found) >= 10 and [mutant.number for mutant in found] == list(range(len(found)))
        whole = ast.unparse(ast.parse((ROOT / "gato_ros" / "core" / f"{room.replace('.', '/')}.py").read_text()))
        for mutant in found[::5]:
            assert ast.unparse(mutated(mutant)) != whole
            compile(mutated(mutant), room, "exec")


def test_the_named_tests_exist():
    for name in (*WHOLE, *(name for names in TESTS.values() for name in names)):
        assert (ROOT / "tests" / "core" / name).is_file()


@pytest.mark.parametrize("kind, killed", [("mutated", 2), ("unchanged", 0)])
def test_mutants_of_a_room_die_and_what_is_no_change_lives(tmp_path, kind, killed):
    done = subprocess.run(
        [sys.executable, "-c", OF_ONE_ROOM, str(tmp_path / "mutants.json"), kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    result = json.loads((tmp_path / "mutants.json").read_text())
    assert (result["mutants"], result["killed"], len(result["survivors"])) == (2, killed, 2 - killed), done.stdout
    assert done.returncode == (0 if killed == 2 else 1) and result["ok"] == (killed == 2)

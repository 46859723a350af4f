"""Mutants of the guard's mathematics: they are made, they run, and they die."""

import ast
import json
import subprocess
import sys

import pytest

from gato_ros.cli.guard_mutants import ROOT, TESTS, WHOLE, changes, mutants, mutated

TWO_OF_A_ROOM = """
import sys
from pathlib import Path
from gato_ros.cli import guard_mutants
guard_mutants.WHOLE = ()
from gato_ros.cli import main
main(["guard", "mutants", "--rooms", "gripper_hold", "--sample", "3", "--seed", "1", "--json", sys.argv[1]])
"""


@pytest.mark.parametrize("source, what", [
    ("a < b", {"Lt -> LtE"}), ("a == b", {"Eq -> NotEq"}), ("a + b", {"Add -> Sub"}), ("a * b", {"Mult -> Div"}),
    ("a and b", {"And -> Or"}), ("not a", {"not dropped"}), ("-a", {"minus dropped"}), ("2.5", {"2.5 -> 3.5"}),
    ("True", {"True -> False"}), ("min(a, b)", {"min -> max"}), ("np.maximum(a, b)", {"maximum -> minimum"}),
    ("a if b else c", {"condition turned round"}), ("x: A | None", set()), ("'text'", set()), ("None", set())])
def test_each_kind_of_change(source, what):
    assert {change[3] for change in changes(ast.parse(source))} == what


def test_every_mutant_is_another_program_that_compiles():
    for room in TESTS:
        found = mutants(room)
        assert len(found) > 10 and [mutant.number for mutant in found] == list(range(len(found)))
        whole = ast.unparse(ast.parse((ROOT / "gato_ros" / "core" / f"{room}.py").read_text()))
        for mutant in found[::5]:
            assert ast.unparse(mutated(mutant)) != whole
            compile(mutated(mutant), room, "exec")


def test_the_named_tests_exist():
    for name in (*WHOLE, *(name for names in TESTS.values() for name in names)):
        assert (ROOT / "tests" / "core" / name).is_file()


def test_mutants_of_a_room_are_run_and_counted(tmp_path):
    done = subprocess.run([sys.executable, "-c", TWO_OF_A_ROOM, str(tmp_path / "mutants.json")], cwd=ROOT,
                          capture_output=True, text=True, timeout=300)
    result = json.loads((tmp_path / "mutants.json").read_text())
    assert result["mutants"] == 3 and result["killed"] + len(result["survivors"]) == 3, done.stdout
    assert done.returncode == (0 if result["ok"] else 1)
    assert result["killed"] >= 2, result["survivors"]

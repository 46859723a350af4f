"""The catalogue itself: every row has a test or a reason, and the page for people is what is generated."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from gato_ros.bench.guard.fault_catalogue import FILE, load_catalogue, summary
from gato_ros.cli import main
from gato_ros.cli.faults import safety_page
from gato_ros.core.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
ROWS = load_catalogue()


def marked_rows() -> set[str]:
    """The rows that tests name, read from their source: what is selected for this run does not matter."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                calls = [item for item in node.decorator_list if isinstance(item, ast.Call)]
                found |= {
                    argument.value
                    for call in calls
                    if ast.unparse(call.func) == "pytest.mark.fault"
                    for argument in call.args
                }
    return found


def test_every_row_has_a_test_or_a_reason_and_none_has_both():
    marked = marked_rows()
    assert len(ROWS) == 92
    assert marked <= set(ROWS)
    assert {name for name, row in ROWS.items() if not row.untested} == marked


if UNTESTED := [row for row in ROWS.values() if row.untested]:  # none: no skip without a reason

    @pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in UNTESTED])
    def test_a_row_without_a_test(row):
        pytest.skip(f"{row.id}, {row.fault}: {row.untested}")


def test_the_page_for_people_is_what_the_command_writes(tmp_path):
    with pytest.raises(SystemExit, match="0"):
        main(["faults", "--page", str(tmp_path / "safety.md")])
    assert (tmp_path / "safety.md").read_text() == (ROOT / "docs/reference/safety.md").read_text(), (
        "python -m gato_ros faults --page docs/reference/safety.md"
    )
    assert f"lists {len(load_catalogue())} faults" in (ROOT / "README.md").read_text()
    assert all(f"| {name} |" in safety_page(ROWS) for name in ROWS)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Z1: {group: a, fault: b, detection: c, reaction: D, bound: d, injcted: e}", "did you mean 'injected'"),
        ("Z1: {group: a, fault: b, detection: c, reaction: D, bound: d}", "neither"),
        ("Z1: {group: a, fault: b, detection: c, reaction: D, bound: d, injected: e, untested: f}", "both"),
        ("Z1: {group: a, fault: b, reaction: D, bound: d, injected: e}", "detection of Z1"),
    ],
)
def test_a_row_that_is_not_complete_is_refused(tmp_path, line, words):
    path = tmp_path / "faults.yaml"
    path.write_text(f"{FILE.read_text()}{line}\n")
    with pytest.raises(SetupError, match=words):
        load_catalogue(path)


def test_a_summary_counts_what_was_measured_and_names_what_was_not():
    rows = {name: ROWS[name] for name in ("S1", "P1", "T2", "F1")}
    rows["M6"] = replace(ROWS["M6"], untested="not built")
    outcomes = {"S1": ["passed", "passed"], "P1": ["passed", "failed"], "T2": ["skipped"], "F1": ["passed"]}
    injections = [
        {"row": "S1", "ms": 190.0},
        {"row": "S1", "ms": 210.0},
        {"row": "P1", "ms": 90.0},
        {"row": "P1", "ms": None},
    ]
    found = summary(rows, outcomes, injections)
    assert (found["injections"], found["rows_total"], found["rows_tested"]) == (4, 5, 2)
    assert (found["worst_ms"], found["worst_ms_of_robot"], found["without_reaction"]) == (90.0, 210.0, 1)
    assert set(found["rows_skipped"]) == {"P1", "T2", "M6"} and found["rows_skipped"]["M6"] == "not built"
    assert found["rows_failed"] == ["P1"]
    assert found["rows"]["S1"]["within_bound"] == 1 and found["rows"]["P1"]["without_reaction"] == 1


@pytest.mark.parametrize("row", ["Z9", *(row.id for row in ROWS.values() if row.untested)])
def test_a_test_of_an_unknown_or_untested_row_fails_the_run(tmp_path, row):
    import shutil
    import subprocess
    import sys

    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "conftest.py")
    (tmp_path / "test_it.py").write_text(f'import pytest\n@pytest.mark.fault("{row}")\ndef test_it():\n    pass\n')
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0 and row in done.stdout + done.stderr and "faults.yaml" in done.stdout + done.stderr

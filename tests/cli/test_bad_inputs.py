"""A sample of the wrong inputs of `make bad-inputs`, and that its judge notices what it is for."""

import json
import subprocess
import sys

import pytest

from tests.evidence.bad_input_cases import Case, cases, fields, verbs
from tests.evidence.bad_inputs import AT_LEAST, BEGAN_WORK, judged

SAMPLE = 150


@pytest.mark.slow
def test_a_sample_of_wrong_inputs_is_refused_in_one_line(tmp_path):
    command = [sys.executable, "-m", "tests.evidence.bad_inputs", "--sample", str(SAMPLE), "--json"]
    done = subprocess.run([*command, str(tmp_path / "result.json")], capture_output=True, text=True)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["offending"] == [] and done.returncode == 0, done.stdout
    assert (result["tried"], result["tracebacks"], result["silent"], result["timeouts"]) == (SAMPLE, 0, 0, 0)


def test_every_option_of_every_verb_has_wrong_inputs():
    found = cases(0, AT_LEAST)
    assert len(found) >= AT_LEAST and found == cases(0, AT_LEAST)
    commands = [" ".join(case.arguments) for case in found]
    for verb, options in verbs().items():
        mine = [command for command in commands if command.startswith(verb)]
        for field in fields(options):
            assert field.positional or any(field.flag in command for command in mine), (verb, field)


@pytest.mark.parametrize(
    "code, out, error, verdict",
    [
        (2, "", "gato_ros verb: expected a; got b; c\n", ""),
        (2, "", "╭─ Value error ─╮\n", ""),
        (1, "1 problem\n", "", ""),
        (0, "done", "", "silent"),
        (BEGAN_WORK, "", "", "silent"),
        (2, "", "", "silent"),
        (2, "", "gato_ros verb: one\ngato_ros verb: two\n", "silent"),
        (1, "", "Traceback (most recent call last):\nKeyError: 1\n", "traceback"),
        (70, "", "gato_ros verb: this is a fault of gato_ros: KeyError\n", "traceback"),
        (-11, "", "", "traceback"),
    ],
)
def test_the_judge_sees_what_went_wrong(code, out, error, verdict):
    assert judged(Case(("verb",)), code, out, error, [], False) == verdict


def test_the_judge_sees_half_files_and_time():
    line = "gato_ros verb: expected a; got b; c\n"
    assert judged(Case(("verb",)), 2, "", line, ["new.json.partial"], False) == "left"
    assert judged(Case(("verb",)), 2, "", line, [], True) == "timeout"
    assert judged(Case(("verb",), "full_output"), 0, "", "", [], False) == "silent"
    assert judged(Case(("verb",), "few_files"), 0, "", "", [], False) == ""

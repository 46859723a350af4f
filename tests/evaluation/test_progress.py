"""What a log file shows of something long."""

import subprocess
import sys

import pytest

PROGRAM = """
from gato_ros.evaluation.progress import counted
with counted("collect", 4, 1, quiet={quiet}, log_every_s={every}) as advance:
    for number in (2, 3, 4):
        advance(f"note {{number}}")
"""


@pytest.mark.parametrize(
    "every, quiet, lines",
    [
        (0.0, False, ["collect: 2 of 4; note 2", "collect: 3 of 4; note 3", "collect: 4 of 4; note 4"]),
        (60.0, False, []),
        (0.0, True, []),
    ],
)
def test_a_log_has_a_line_now_and_then(every, quiet, lines):
    program = PROGRAM.format(every=every, quiet=quiet)
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert [line for line in out.splitlines() if line.startswith("collect: ")] == lines
    assert (out == "") == quiet

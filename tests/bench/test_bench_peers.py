"""The peer itself lives in another environment; here: its shape is equal to ours, and it is missed in one line."""

import json
import stat
import sys

import pytest

from gato_ros.bench.peers.step_peers import peer_shape
from gato_ros.cli import main
from gato_ros.embodiments import load_embodiment
from gato_ros.models.analysis.flops import core_parameters
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS


@pytest.mark.parametrize("name", ["gato_79m", "gato_364m", "debug"])
def test_the_peer_has_as_many_parameters(name):
    config = PRESETS[name]
    shape = peer_shape(config, token_layout(load_embodiment().spec, config))
    layer = 4 * shape["width"] ** 2 + 2 * shape["width"] * shape["inner"]
    assert shape["layers"] * layer == pytest.approx(core_parameters(config), rel=0.01)


@pytest.mark.parametrize(("program", "words"), [(None, "make bench-peers"), ("import nothing_of_that_name", "answers")])
def test_a_peer_that_is_not_there_is_said_in_one_line(tmp_path, capsys, program, words):
    python = tmp_path / "python"
    if program:
        python.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{program}'\n")
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "peers", "--peer-python", str(python), "--preset", "debug"])
    assert words in capsys.readouterr().err


def test_both_sides_are_measured_in_turn(tmp_path):
    """With a stand-in that answers what the program answers."""
    python = tmp_path / "python"
    about, answer = '{"core_parameters": 1}', '{"cached": 7.0}'
    python.write_text(f"#!/bin/sh\necho '{about}'\nwhile read line; do echo '{answer}'; done\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(SystemExit, match="0"):
        main(
            [
                "bench",
                "peers",
                "--peer-python",
                str(python),
                "--preset",
                "debug",
                "--steps",
                "3",
                "--json",
                str(tmp_path / "p.json"),
            ]
        )
    result = json.loads((tmp_path / "p.json").read_text())
    assert set(result["sides"]) == {"ours/streaming/float32", "ours/full_recompute/float32", "peer/cached"}
    ours = result["sides"]["ours/streaming/float32"]["p50"]
    assert result["times_as_long_as_our_streaming"]["peer/cached"] == pytest.approx(7.0 / ours)

"""The peer itself lives in another environment; here: its shape is equal to ours, and it is missed in one line."""

import json
import stat
import sys
from pathlib import Path

import pytest

from gato_ros.bench.ladder import ladder
from gato_ros.bench.peers.step_peers import peer_shape
from gato_ros.cli import main
from gato_ros.embodiments import load_embodiment
from gato_ros.models.analysis.flops import core_parameters
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS

ONNXRUNTIME = Path(__file__).parents[2] / ".venv-ort/bin/python"


@pytest.mark.parametrize("name", ["gato_79m", "gato_364m", "debug", "core_19.5m"])
def test_the_peer_has_as_many_parameters(name):
    config = {**PRESETS, **ladder()}[name]
    shape = peer_shape(config, token_layout(load_embodiment().spec, config))
    layer = 4 * shape["width"] ** 2 + 2 * shape["width"] * shape["inner"]
    assert shape["layers"] * layer == pytest.approx(core_parameters(config), rel=0.01)


@pytest.mark.parametrize(
    ("runtime", "program", "words"),
    [
        ("transformers", None, "`make bench-peers`"),
        ("onnxruntime", None, "`make bench-peers-onnxruntime`"),
        ("onnxruntime", "import nothing_of_that_name", "answers"),
    ],
)
def test_a_peer_that_is_not_there_is_said_in_one_line(tmp_path, capsys, runtime, program, words):
    python = tmp_path / "python"
    if program:
        python.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{program}'\n")
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "peers", "--peer-python", str(python), "--preset", "debug", "--runtime", runtime])
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--preset", "sawyer_small"), "an autoregressive preset"),
        (("--precision", "float3"), "float32"),
        (("--sides", "recompute"), "`cached`"),
        (("--sides",), "--sides"),
        (("--steps", "2"), "steps"),
        (("--runtime", "onnx"), "onnxruntime"),
    ],
)
def test_options_without_a_measurement_are_refused(capsys, options, words):
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "peers", "--peer-python", sys.executable, "--preset", "debug", *options])
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
    slowest = result["sides"]["ours/streaming/float32"]["p99"]
    assert result["times_as_long_as_our_streaming_p99"]["peer/cached"] == pytest.approx(7.0 / slowest)


@pytest.mark.skipif(not ONNXRUNTIME.exists(), reason="no .venv-ort: `make bench-peers-onnxruntime` makes it")
def test_onnxruntime_decodes_with_a_cache_that_is_right(tmp_path):
    out = tmp_path / "p.json"
    options = ["--runtime", "onnxruntime", "--peer-python", str(ONNXRUNTIME), "--preset", "debug", "--steps", "3"]
    with pytest.raises(SystemExit, match="0"):
        main(["bench", "peers", *options, "--json", str(out)])
    result = json.loads(out.read_text())
    peers = {"peer/cached", "peer/cached_last_only", "peer/recompute"}
    assert set(result["sides"]) == {"ours/streaming/float32", "ours/full_recompute/float32", *peers}
    assert result["peer"]["core_parameters"] == pytest.approx(result["core_parameters"], rel=0.01)
    assert result["peer"]["largest_difference_of_cache"] < 1e-4

"""Tables in a pipe: every value whole, for every verb, whatever COLUMNS says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.embodiments import load_embodiment

ROOT = Path(__file__).resolve().parents[2]
NAME = "an_episode_whose_name_is_longer_than_a_narrow_terminal_is_wide_by_far"
PROGRAM = """
import json, sys
from gato_ros.cli import main
for arguments in json.loads(sys.argv[1]):
    print("==", *arguments, flush=True)
    try:
        main(arguments)
    except SystemExit as exit_:
        print("exit code", exit_.code, flush=True)
"""


@pytest.fixture(scope="module")
def piped(tmp_path_factory):
    """Verb -> what it writes into a pipe, and the JSON of `tokens`; one process for all, as imports take the time."""
    folder, robot = tmp_path_factory.mktemp("episodes"), load_embodiment()
    values = {
        key: np.asarray(channel.lower, np.float32)
        if channel.kind == "continuous"
        else np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
        for key, channel in robot.observations.items()
    }
    writer, action = EpisodeWriter(folder, NAME, robot, {}), ArmAction(np.array([0.01, -0.02, 0.03, 0.5]), 0.085)
    for i in range(2):
        writer.add(i, Observation(values, 0.05 * (i + 1)), action, action)
    path = writer.close({"success": True})
    ids = folder.parent / "tokens.json"
    calls = {
        "tokens": ["tokens", str(path), "--json", str(ids)],
        "ls": ["episodes", "ls", str(folder)],
        "verify": ["episodes", "verify", str(folder)],
        "stats": ["episodes", "stats", str(folder)],
        "contract": ["contract"],
        "presets": ["presets"],
        "faults": ["faults"],
    }
    environment = {**os.environ, "COLUMNS": "30", "FORCE_COLOR": "", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(list(calls.values()))],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    written = dict(zip(calls, done.stdout.split("== ")[1:], strict=True))
    return written, json.loads(ids.read_text())["tokens"]


def test_ids_of_tokens_are_whole_in_a_pipe(piped):
    written, rows = piped
    words = set(re.findall(r"\d+", written["tokens"]))
    assert {str(row["id"]) for row in rows if row["id"] is not None} <= words
    assert "33024" in words and all(row["key"] in written["tokens"] for row in rows)


@pytest.mark.parametrize("verb", ["tokens", "ls", "verify", "stats", "contract", "presets", "faults"])
def test_nothing_is_cut_in_a_pipe(piped, verb):
    written = piped[0][verb]
    assert "exit code 0" in written and "…" not in written
    heads = {"ls": NAME, "verify": NAME, "contract": "acceleration [rad/s2]", "presets": "gato_1_18b", "faults": "A1"}
    assert heads.get(verb, "") in written


def test_every_verb_prints_on_the_one_console():
    rooms = ("cli", "bench", "evaluation")  # training/dashboard.py shows nothing but on a terminal
    files = [path for room in rooms for path in (ROOT / "gato_ros" / room).rglob("*.py") if path.name != "console.py"]
    assert len(files) > 50
    for path in files:
        found = re.findall(r"rich\.console import .*Console|rich import print|rich\.get_console", path.read_text())
        assert not found, f"{path.name}: use gato_ros.evaluation.console.make_console"

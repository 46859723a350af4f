"""`python -m gato_ros sim`: the whole loop from one command."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from gato_ros.cli import main
from gato_ros.evaluation.loop.loop_record import EpisodeRecord, jerk_figures

COMMAND = [sys.executable, "-m", "gato_ros", "sim"]


def nodes_of(parent: int) -> list[int]:
    """Process ids of the nodes that this `sim` started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == parent and b"gato_ros.nodes" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except (OSError, IndexError):
            continue
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_one_episode_leaves_a_report(tmp_path):
    out, extra = tmp_path / "out", tmp_path / "result.json"
    result = subprocess.run(
        [
            *COMMAND,
            "--episodes",
            "1",
            "--policy",
            "hold",
            "--max-steps",
            "40",
            "--out",
            str(out),
            "--json",
            str(extra),
            "--objects",
            "triplet3",
            "--seed",
            "900007",
            "--strip",
            str(out / "strip.png"),
        ],
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads((out / "report.json").read_text())
    assert report == json.loads(extra.read_text())
    assert report["ok"] and report["episodes"] == 1 and report["stacked"] == 0 and report["policy"] == "hold"
    # A busy machine may lose ticks, or end some late; a loop that does not run cannot reach half of them.
    assert 20 <= report["ticks"] <= 50 and report["missed_ticks"] <= report["ticks"] / 2
    assert 10.0 < report["control_rate_hz"] < 30.0
    assert 0.0 < report["camera_to_command_ms"]["p50"] <= report["camera_to_command_ms"]["p99"]
    row = report["episode_rows"][0]
    assert row["seed"] == 900007 and len(row["objects"]) == 3 and sum(row["verdicts"].values()) > 50
    page = (out / "report.html").read_text()
    assert "data:video/mp4;base64," in page and "<svg" in page and "triplet3" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    ).replace("https://matplotlib.org", "")
    assert not list(out.glob("*.partial"))
    # Eight moments of two cameras, none of them blank.
    strip = cv2.imread(str(out / "strip.png"))
    assert strip.shape[1] == 8 * 164 and strip.shape[0] > 2 * 160
    assert all(
        strip[row : row + 150, column : column + 150].std() > 10
        for row in (5, 170)
        for column in range(5, strip.shape[1] - 150, 164)
    )


def test_another_arm_runs_in_its_own_namespace(tmp_path):
    result = subprocess.run(
        [
            *COMMAND,
            "--embodiment",
            "panda_rgb_stacking",
            "--episodes",
            "1",
            "--policy",
            "hold",
            "--max-steps",
            "20",
            "--no-incidents",
            "--out",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["embodiment"]["name"] == "panda_rgb_stacking" and report["ticks"] >= 10
    # It was carried out: the guard's verdicts came from /panda, where nobody else is.
    assert sum(report["episode_rows"][0]["verdicts"].values()) > 25 and report["camera_to_command_ms"]["p50"] > 0.0


def test_a_manager_brings_the_loop_up_and_the_loop_is_the_same(tmp_path):
    result = subprocess.run(
        [
            *COMMAND,
            "--episodes",
            "1",
            "--policy",
            "hold",
            "--max-steps",
            "40",
            "--managed",
            "--out",
            str(tmp_path / "out"),
        ],
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["ok"] and 20 <= report["ticks"] <= 44 and not report["lost_nodes"]


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--objects", "triplet9"], "triplet"),
        (["--episodes", "0"], "episodes"),
        (["--policy", "/nonexistent"], "a folder with weights"),
        (["--seed", "-1"], "seed"),
        (["--max-steps", "0"], "max-steps"),
        (["--task", "blue_on_gren"], "did you mean 'blue_on_green'"),
        (["--embodiment", "sawyer_tld"], "an embodiment"),
        (["--parameters", "BAD"], "did you mean 'rate_hz'"),
        (["--parameters", "/nonexistent.yaml"], "parameter file"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(tmp_path, capsys, arguments, complaint):
    bad = tmp_path / "bad.yaml"
    bad.write_text("/**/guard_node:\n  ros__parameters:\n    rate_hs: 100.0\n")
    arguments = [str(bad) if argument == "BAD" else argument for argument in arguments]
    policy = [] if "--policy" in arguments else ["--policy", "hold"]
    with pytest.raises(SystemExit) as end:
        main(["sim", *arguments, *policy, "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert complaint in said and len(said.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.fixture
def long_run(tmp_path):
    """A run in its first seconds, and its nodes' process numbers; killed afterwards, whatever the test found."""
    process = subprocess.Popen(
        [*COMMAND, "--episodes", "50", "--policy", "hold", "--out", str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end_s = time.monotonic() + 60.0
        while len(nodes := nodes_of(process.pid)) < 3:
            assert time.monotonic() < end_s and process.poll() is None
            time.sleep(0.05)
        time.sleep(3.0)  # somewhere in discovery or in the first episode
        yield process, nodes
    finally:
        process.kill()
        process.communicate()


def assert_gone(nodes: list[int]) -> None:
    end_s = time.monotonic() + 60.0
    while left := [pid for pid in nodes if alive(pid)]:
        assert time.monotonic() < end_s, f"still running: {left}"
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_node_outlives_the_run(long_run, number):
    process, nodes = long_run
    process.send_signal(number)
    process.communicate(timeout=60)
    assert_gone(nodes)
    if number == signal.SIGINT:
        assert process.returncode == 130


def test_a_node_that_dies_ends_the_run_with_its_name(long_run, tmp_path):
    process, nodes = long_run
    guard = next(pid for pid in nodes if b"guard_node" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(guard, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (1, 2)
    said = errors
    if process.returncode == 1:
        said = json.loads((tmp_path / "out" / "report.json").read_text())["failure"]
    assert "guard_node" in said
    assert_gone(nodes)


def test_figures_are_made_from_stamps():
    record, period_ns, start = EpisodeRecord(seed=1), 50_000_000, 10**18
    proposals = [start + i * period_ns for i in range(100) if i not in (10, 11, 50)]
    record.observed_ns = {stamp: stamp - 20_000_000 for stamp in proposals} | {start - period_ns: start - 2 * period_ns}
    record.commanded_ns = {stamp: stamp + 5_000_000 for stamp in proposals}
    record.ended_ns = proposals[-1] + 2 * period_ns + 1000
    row = record.row(0.05)
    assert row["steps"] == 102 and row["missed_ticks"] == 5
    assert row["control_rate_hz"] == pytest.approx(96 / (99 * 0.05), abs=1e-3)
    assert row["camera_to_command_ms"] == {"p50": 25.0, "p99": 25.0}
    # Joint speeds that grow with the square of the time have one jerk throughout, whenever they were sent.
    rng, start_ns = np.random.default_rng(0), start + 20 * period_ns
    record.commands = [
        (int(start_ns + at * 1e9), np.array([0.0, 3.0 * at**2])) for at in np.cumsum(rng.uniform(0.008, 0.012, 40))
    ]
    record.ended_ns = start_ns + 10**9
    jerk = record.joint_jerk().reshape(-1, 2)
    assert (jerk[:, 0] == 0).all() and jerk[:, 1].mean() == pytest.approx(6.0, rel=0.02)
    assert jerk_figures(np.array([3.0, 4.0]))["rms"] == pytest.approx(3.54) and len(EpisodeRecord(1).joint_jerk()) == 0
    assert EpisodeRecord(seed=1).row(0.05)["camera_to_command_ms"] == {"p50": None, "p99": None}
    assert np.isfinite(record.latencies_ms()).all()

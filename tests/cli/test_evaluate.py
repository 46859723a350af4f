"""The real command, as a user runs it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from gato_ros.cli import evaluate
from gato_ros.core.policy import HoldPolicy
from gato_ros.embodiments import load_embodiment
from gato_ros.training.evaluation import EpisodeOutcome


def gato_ros(*arguments, cwd, timeout=500):
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    return subprocess.run([sys.executable, "-m", "gato_ros", *map(str, arguments)], cwd=cwd, env=environment,
                          capture_output=True, text=True, timeout=timeout)


@pytest.mark.parametrize(("arguments", "expected"), [
    (["--set", "triplet9"], "did you mean 'triplet"),
    (["--policy", "nowhere"], "no such folder"),
    (["--policy", "."], "a folder without params.safetensors"),
    (["--episodes", "0"], "--episodes of at least 1"),
    (["--workers", "0"], "--workers of at least 1"),
    (["--seed", "-1"], "--seed in [0"),
    (["--json", "."], "a file that can be written"),
])
def test_bad_input_is_one_line_exit_2_and_nothing_written(tmp_path, arguments, expected):
    json_arguments = [] if "--json" in arguments else ["--json", "result.json"]
    done = gato_ros("evaluate", "--policy", "hold", "--episodes", 1, *arguments, *json_arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("gato_ros ")]
    assert len(lines) == 1 and expected in lines[0]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_result_has_the_promised_keys_and_does_not_depend_on_the_workers(tmp_path):
    results = []
    for workers in (1, 2):
        path = tmp_path / f"{workers}.json"
        done = gato_ros("evaluate", "--policy", "expert", "--set", "triplet1", "--episodes", 2, "--seed", 950000,
                        "--workers", workers, "--json", path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(path.read_text()))
    assert results[0] == results[1]
    assert (results[0]["policy"], results[0]["seed"]) == ("expert", 950000)
    row = results[0]["sets"]["triplet1"]
    assert {"episodes", "successes", "rate", "wilson95", "mean_steps", "failures"} <= row.keys()
    assert row["episodes"] == 2 and len(row["wilson95"]) == 2


def test_triplets_are_the_five_sets_and_their_mean():
    options = evaluate.Options(policy="hold", set="triplets", episodes=4)
    names = evaluate._check(options)
    assert names == tuple(f"triplet{number}" for number in range(1, 6))
    outcomes = {name: [EpisodeOutcome(k, k < successes, 100, None) for k in range(4)]
                for successes, name in enumerate(names)}
    result = evaluate._result(options, outcomes)
    assert [row["rate"] for row in result["sets"].values()] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert result["mean_rate"] == 0.5


def test_a_policy_sees_only_what_it_names():
    from gato_ros.cli.policy_source import make_environment, make_policy

    embodiment = load_embodiment()
    environment = make_environment("cubes", HoldPolicy(), embodiment)
    try:
        environment.reset(seed=0)
        observation = environment.observe()
        assert set(observation.values) == {"gripper/opening"} and observation.privileged == {}
    finally:
        environment.close()
    assert any(key.startswith("privileged/") for key in make_policy("expert", embodiment).observation_keys)


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_ends_every_process_and_writes_nothing(tmp_path, signals):
    command = [sys.executable, "-m", "gato_ros", "evaluate", "--policy", "hold", "--episodes", "50", "--workers", "2",
               "--json", "result.json"]
    # A session of its own, as a terminal's foreground job has a group of its own.
    child = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()}, text=True,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while len(psutil.Process(child.pid).children()) < 3 and time.monotonic() < deadline:  # workers and a tracker
            time.sleep(0.1)
        assert child.poll() is None, child.stderr.read()
        for _ in range(signals):
            child.send_signal(signal.SIGINT)  # to the parent only: the harder case
            time.sleep(0.3)
        assert child.wait(timeout=120) == 130
        assert child.stderr.read().splitlines()[-1] == "gato_ros evaluate: interrupted"
        with pytest.raises(ProcessLookupError):
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                os.killpg(child.pid, 0)
                time.sleep(0.1)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []

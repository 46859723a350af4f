"""`train` by two processes, killed and started again, beside one; and its precision, profile and goodput."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.embodiments import load_embodiment
from gato_ros.models.weights import load_weights

STEPS, KEPT = 20, 5
ROBOT = load_embodiment()
# Flat: two sums in another order differ by rounding, and a warm optimiser divides that by the gradient's own size.
RATES = ("--training.learning-rate", "1e-4", "--training.warmup-steps", "1", "--training.batch", "8")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four episodes of eight steps with pictures of noise."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for number in range(4):
        facts = {"task": "red_on_blue", "object_set": "cubes", "driver": "expert"}
        with EpisodeWriter(folder, f"{number}", ROBOT, facts) as writer:
            for step in range(8):
                values = {
                    key: rng.integers(0, 255, channel.shape, np.uint8)
                    if channel.kind == "image"
                    else rng.uniform(0, 0.1, channel.shape).astype(np.float32)
                    for key, channel in ROBOT.observations.items()
                }
                values[ROBOT.key_of("gripper_grasp")] = np.array([step % 2], np.float32)
                action = ArmAction(rng.uniform(-0.05, 0.05, 4), 0.085)
                writer.add(step, Observation(values, step / 20), action, action)
            writer.close({"success": True})
    return folder


def begin(data, out, *more):
    command = [sys.executable, "-m", "gato_ros", "train", "--preset", "debug_one_pass", "--data", data, "--out", out]
    command += ["--training.steps", STEPS, "--checkpoint-every", KEPT, *RATES, *more]
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=1", "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        list(map(str, command)), env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(*processes):
    for process in processes:
        out, _ = process.communicate(timeout=400)
        assert process.returncode == 0, out[-3000:]


def rows(out):
    path = out / "curves.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def begin_both(data, out):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        coordinator = f"localhost:{free.getsockname()[1]}"
    mesh = ("--mesh", "fsdp=2", "--coordinator", coordinator, "--processes", 2)
    return [begin(data, out, *mesh, "--process", number) for number in range(2)]


@pytest.mark.slow
def test_two_processes_killed_and_resumed_end_with_the_weights_of_one(data, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    alone = begin(data, one, "--profile")
    finish(alone)
    both = begin_both(data, two)
    kept = two / "checkpoint" / "manifest.json"
    until = time.monotonic() + 300
    while not kept.exists() and time.monotonic() < until and both[0].poll() is None:
        time.sleep(0.02)
    for process in both:
        process.send_signal(signal.SIGKILL)
    assert [process.wait() for process in both] == [-signal.SIGKILL] * 2
    before = json.loads((two / "last" / "config.json").read_text())["extra"]["step"]
    assert 0 < before < STEPS
    finish(*begin_both(data, two))
    wanted, found = (safetensors.numpy.load_file(out / "last" / "params.safetensors") for out in (one, two))
    assert max(float(np.abs(found[name] - wanted[name]).max()) for name in wanted) < 1e-5
    # Beside it: what the single process wrote. Compiling and checkpoints are no steps.
    assert all(0 < row["goodput"] < 1 for row in rows(one) if row["kind"] == "train")
    assert list((one / "tensorboard" / "plugins" / "profile").glob("*/*.xplane.pb"))
    assert not (two / "tensorboard" / "plugins").exists()


@pytest.mark.slow
def test_another_precision_trains_and_deploys_as_the_preset_does(data, tmp_path):
    finish(begin(data, tmp_path, "--compute", "bfloat16", "--attention", "fused", "--rematerialise", False))
    config = load_weights(tmp_path / "last", ROBOT).config
    assert (config.compute, config.attention) == ("float32", "plain")
    record = json.loads((tmp_path / "checkpoint" / "manifest.json").read_text())
    assert '"bfloat16"' in json.dumps(record) and '"fused"' in json.dumps(record)

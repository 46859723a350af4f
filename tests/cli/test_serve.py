"""`serve` as a process: it says where, serves, ends by a signal, and refuses in one line."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from gato_ros.core.observation import Observation
from gato_ros.embodiments import load_embodiment

SERVE = (sys.executable, "-m", "gato_ros", "serve", "--policy", "hold")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_ends_well(tmp_path, number):
    pytest.importorskip("grpc", reason="needs gRPC: pip install -r requirements/remote.txt")
    from gato_ros.remote.policy import RemotePolicy

    command = [*SERVE, "--address", "127.0.0.1:0", "--json", str(tmp_path / "served.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        try:
            line = served.stdout.readline()
            found = re.fullmatch(r"serving hold \(no weights\) for sawyer_rgb_stacking on (127\.0\.0\.1:\d+)\n", line)
            assert found, (line, served.poll() is not None and served.stderr.read())
            policy = RemotePolicy(f"grpc://{found[1]}", load_embodiment(), 20.0)
            decision = policy.act(Observation({"gripper/opening": np.array([0.04], np.float32)}))
            policy.close()
            assert decision.action.as_vector().tolist() == pytest.approx([0, 0, 0, 0, 0.04])
            os.kill(served.pid, number)
            assert served.wait(60) == 0, served.stderr.read()
            assert json.loads((tmp_path / "served.json").read_text())["address"] == found[1]
        finally:
            served.kill()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--address", "127.0.0.1"), "expected HOST:PORT for --address"),
        (("--address", "192.0.2.1:7412"), "expected --keys for 192.0.2.1:7412, which other machines reach"),
        (("--address", "127.0.0.1:0", "--keys", "no_such"), "expected agent.key, agent.crt, driver.crt in no_such"),
        (("--address", "127.0.0.1:0", "--precision", "int8"), "expected weights with --precision"),
        (("--address", "127.0.0.1:0", "--embodiment", "no_such"), "no_such"),
    ],
)
def test_what_it_cannot_serve_is_refused_in_one_line(arguments, words):
    pytest.importorskip("grpc", reason="needs gRPC: pip install -r requirements/remote.txt")
    done = subprocess.run([*SERVE, *arguments], capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done.stderr
    assert words in done.stderr

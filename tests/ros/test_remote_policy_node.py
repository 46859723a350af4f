"""policy_node with its policy on a server: without JAX here, it proposes what the weights would propose here."""

import json
import re
import subprocess
import sys

import pytest
from std_msgs.msg import String
from std_srvs.srv import Trigger

from gato_ros.embodiments import load_embodiment
from gato_ros.models.presets import PRESETS
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import JOURNAL
from tests.absent_jax import absent_jax
from tests.ros.test_policy_node import Scene, random_weights

pytest.importorskip("grpc", reason="needs gRPC: pip install -r requirements/remote.txt")
ROBOT = load_embodiment()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A tiny Gato with random weights."""
    return random_weights(tmp_path_factory.mktemp("weights"), PRESETS["debug_one_pass"], ROBOT)


@pytest.fixture(scope="module")
def address(weights):
    """Of `serve` with those weights."""
    command = [sys.executable, "-m", "gato_ros", "serve", "--policy", str(weights), "--address", "127.0.0.1:0"]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = served.stdout.readline()
    yield f"grpc://{re.search(r' on (127[.0-9]+:[0-9]+)$', line)[1]}"
    served.kill()
    served.wait()


def test_it_proposes_without_jax_what_the_weights_decide(processes, probe, tmp_path, monkeypatch, address, weights):
    from gato_ros.models.weights import load_weights

    monkeypatch.setenv("PYTHONPATH", absent_jax(tmp_path))
    assert subprocess.run([sys.executable, "-c", "import jax"], capture_output=True).returncode != 0
    journal = probe.listen(String, "policy_node/journal", JOURNAL)
    digest = load_weights(weights, ROBOT).digest
    scene = Scene(processes, probe, address, "-p", f'weights_digest:="{digest[:8]}"', "-p", "propose_at_start:=true")
    probe.wait(lambda: len(scene.proposals) > 5, "proposals", meanwhile=scene.sense)
    assert values_of(scene.status[-1][1])["weights_digest"] == digest
    probe.wait(lambda: any('"about"' in message.data for _, message in journal), "the journal", meanwhile=scene.sense)
    about = next(one for one in map(_read, journal) if "about" in one)["about"]
    assert (about["policy"], about["weights"], about["server"]) == (str(weights), digest, address)
    assert "jax" in about["versions"] and _read(journal[-1])["patches_crc32"] is not None
    assert probe.call(Trigger, "policy_node/reset", Trigger.Request()).success


def _read(received):
    return json.loads(received[1].data)

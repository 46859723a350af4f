"""What a policy server costs the loop: the policy that is measured with, and the figures that are made."""

import numpy as np
import pytest

from gato_ros.bench.remote import cost
from gato_ros.bench.remote.observing_policy import ObservingPolicy
from gato_ros.core.observation import Observation
from gato_ros.embodiments import load_embodiment

pytest.importorskip("grpc", reason="needs gRPC: pip install -r requirements/remote.txt")


def test_the_policy_reads_the_whole_observation_on_its_server_too():
    from gato_ros.remote.policy import RemotePolicy

    robot = load_embodiment()
    values = {
        key: np.zeros(robot.channel(key).shape, np.uint8 if robot.channel(key).kind == "image" else np.float32)
        for key in robot.observation_keys
    }
    left_is_bright = values[robot.image_keys[0]].copy()
    left_is_bright[:, :64] = 200
    with cost.running_server("hold") as address:
        remote, here = RemotePolicy(address, robot, 60.0), ObservingPolicy(robot)
        assert remote.observation_keys == here.observation_keys == robot.observation_keys
        for picture, side in ((left_is_bright, 0.02), (left_is_bright[:, ::-1], -0.02)):
            seen = Observation({**values, robot.image_keys[0]: picture})
            assert remote.act(seen).action == here.act(seen).action
            assert here.act(seen).action.twist[1] == side
        remote.close()


@pytest.mark.parametrize(
    ("server_ms", "proposals", "ok"), [(9.5, 50, True), (10.5, 50, False), (9.0, 48, False), (9.0, 49, True)]
)
def test_the_bars_are_the_added_time_and_the_rate(monkeypatch, server_ms, proposals, ok):
    rows = {
        name: [{"latencies": np.full(50, ms), "missed": 1, "proposals": count, "seconds": 2.5}] * 2
        for name, ms, count in (("here", 8.0, 50), ("server", server_ms, proposals))
    }
    monkeypatch.setattr(cost, "measure", lambda options, policy: rows)
    result = cost.run(cost.Options())
    assert result["added_p50_ms"] == result["added_p99_ms"] == pytest.approx(server_ms - 8.0)
    assert result["ok"] is ok and result["server"]["rate_hz"] == pytest.approx(proposals / 2.5)
    assert result["here"]["missed_ticks"] == 2 and result["p99_differs_between_halves_here_ms"] == 0.0

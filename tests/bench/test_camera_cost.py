"""What a camera costs the loop: the two contracts, the policy that looks, and the figures that are made."""

from types import SimpleNamespace

import numpy as np
import pytest

from gato_ros.bench.camera import cost
from gato_ros.embodiments import load_embodiment


@pytest.mark.parametrize(("kind", "size", "type_"), [("raw", (128, 128), "Image"), ("jpeg", (480, 640), "Compressed")])
def test_both_cameras_show_the_policy_pictures_of_one_size(tmp_path, kind, size, type_):
    from gato_ros.bench.camera.policy_node import LookingPolicy
    from gato_ros.bench.recorder.sample_robot import pictures
    from gato_ros.embodiments.pictures.reader import PictureReader
    from gato_ros.nodes.messages.image import jpeg_from_rgb, message_from_rgb

    robot = load_embodiment(cost.contract_with(kind, tmp_path))
    channel = robot.cameras[robot.image_keys[0]]
    assert type_ in channel.type and channel.quality == "sensor" and channel.shape == (128, 128, 3)
    packed = jpeg_from_rgb if kind == "jpeg" else message_from_rgb
    seen = PictureReader(channel).picture(packed(pictures(*size)[0], channel.frame_id))
    assert seen.shape == (128, 128, 3)
    policy = LookingPolicy(robot)
    dark_left = np.hstack([np.zeros_like(seen[:, :64]), np.full_like(seen[:, :64], 200)])
    sides = [
        policy.act(SimpleNamespace(values={robot.image_keys[0]: one})).action for one in (dark_left, dark_left[:, ::-1])
    ]
    assert sides[0].twist[1] == -sides[1].twist[1] == -0.02


def blocks(raw_ms: float, jpeg_ms: float, proposals: int) -> dict:
    rows = {
        name: {"latencies": np.full(50, ms), "missed": 1, "proposals": count, "seconds": 2.5}
        for name, ms, count in (("raw", raw_ms, 50), ("jpeg", jpeg_ms, proposals))
    }
    return {name: [row, row] for name, row in rows.items()}


@pytest.mark.parametrize(
    ("jpeg_ms", "proposals", "ok"), [(17.0, 50, True), (18.5, 50, False), (9.0, 48, False), (9.0, 49, True)]
)
def test_the_bars_are_the_added_time_and_the_rate(monkeypatch, jpeg_ms, proposals, ok):
    monkeypatch.setattr(cost, "measure", lambda options: (blocks(8.0, jpeg_ms, proposals), 20.0))
    result = cost.run(cost.Options())
    assert result["added_p99_ms"] == pytest.approx(jpeg_ms - 8.0) and result["ok"] is ok
    assert result["jpeg"]["rate_hz"] == pytest.approx(proposals / 2.5) and result["raw"]["missed_ticks"] == 2
    assert result["jpeg"]["p50_ms"] == jpeg_ms and result["p99_differs_between_raw_halves_ms"] == 0.0

"""Contracts of rosetta in the words of ours. These are written by its reference; none of its own files is here."""

import pytest
import yaml

from gato_ros.cli import contract
from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.imports.rosetta import from_rosetta
from gato_ros.embodiments.yaml_file import yaml_of

QOS = {"reliability": "best_effort", "depth": 10}
HOLD = {"strategy": "hold", "timeline": "header"}


def camera(**changes):
    return {
        "channel": {"topic": "/eye/compressed", "type": "sensor_msgs/msg/CompressedImage", "qos": QOS},
        "align": HOLD,
        "apply": [{"resize": [224, 200]}],
        **changes,
    }


def joints(fields, align=HOLD, **changes):
    channel = {"topic": "/joint_states", "type": "sensor_msgs/msg/JointState", **changes.pop("channel", {})}
    return {"channel": channel, "align": align, "select": fields, **changes}


CONTRACT = {
    "robot_type": "my robot",
    "robot_interface": "ros2",
    "fps": 20,
    "observations": {
        "observation.images.wrist.left": camera(),
        "observation.state": [
            joints(["position.a", "position.b"], apply=["rad2deg", {"clamp": {"min": -90, "max": 90}}]),
            joints(["velocity.a"], {"strategy": "drop", "timeline": "receive"}, channel={"qos": QOS}),
        ],
        "observation.imu": {
            "channel": {"topic": "/imu", "type": "sensor_msgs/msg/Imu"},
            "align": {"strategy": "asof", "timeline": "header", "tolerance_ms": 30},
            "select": ["orientation.x", "orientation.y", "orientation.z", "orientation.w"],
            "kind": "quaternion",
        },
        "observation.scan": {"channel": {"topic": "/scan", "type": "sensor_msgs/msg/LaserScan"}, "align": HOLD},
        "observation.own": joints(["position.a"], channel={"decoder": "mine:read"}),
    },
    "actions": {"action": joints(["position.a"])},
    "tasks": {"task": {"channel": {"topic": "/task", "type": "std_msgs/msg/String", "qos": QOS}}},
    "adjunct": [
        {"channel": {"topic": "/tf_static", "type": "tf2_msgs/msg/TFMessage", "qos": {"durability": "transient_local"}}}
    ],
    "rewards": {"next.reward": {"channel": {"topic": "/reward", "type": "std_msgs/msg/Float64"}, "align": HOLD}},
}


@pytest.fixture
def file(tmp_path):
    def written(content):
        path = tmp_path / "theirs.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return written


def test_observations_alignment_and_quality_are_taken_over(file):
    made = from_rosetta(file(CONTRACT)).content
    assert made["name"] == "my_robot" and made["control_rate_hz"] == 20.0
    seen = made["observations"]
    assert set(seen) == {"imu", "wrist_left/pixels", "state/0", "state/1", "task/text"}
    eye = seen["wrist_left/pixels"]
    assert (eye["height"], eye["width"], eye["quality"], eye["align"]) == (224, 192, "sensor", "hold")
    first, second = seen["state/0"], seen["state/1"]
    assert first["fields"] == ["position.a", "position.b"] and first["units"] == ["deg", "deg"]
    assert first["apply"] == [{"kind": "degrees"}, {"kind": "clamp", "lower": -90.0, "upper": 90.0}]
    assert (first["quality"], second["quality"]) == ("reliable", "sensor"), "ROS's default is reliable"
    assert (second["align"], second["timeline"], second["max_age_s"]) == ("drop", "receipt", 0.05)
    imu = seen["imu"]
    assert (imu["fields"], imu["rotation"], imu["align"], imu["max_age_s"]) == (
        ["orientation"],
        "quaternion",
        "newest_before",
        0.03,
    )
    assert made["recorded"] == {
        "/tf_static": {"type": "tf2_msgs/msg/TFMessage", "quality": "transient_local"},
        "/reward": {"type": "std_msgs/msg/Float64", "quality": "reliable"},
    }


def test_what_it_lacks_and_what_was_left_out_is_said(file, capsys):
    result = contract.run(contract.Options(from_rosetta=file(CONTRACT)))
    printed = capsys.readouterr().out
    assert result["yaml"] == printed and yaml.safe_load(printed)["schema"] == 2
    for section in (
        "limits",
        "guard",
        "wire",
        "actions",
        "wrist_left/pixels.camera",
        "state/0: lower and upper, 2 each",
    ):
        assert any(section in line for line in result["lacks"]) and section in printed
    assert "LaserScan" in result["left_out"]["observations.observation.scan, scan"]
    assert "a decoder of its own" in result["left_out"]["observations.observation.own, own"]
    assert "actions" in result["left_out"] and "rosetta takes the nearest one" in printed


def test_with_what_is_missing_it_is_a_contract_of_ours(file, tmp_path):
    """A guard's robot under the same observations: each of them loads."""
    made = from_rosetta(file(CONTRACT)).content
    for channel in made["observations"].values():
        if channel["kind"] == "image":
            channel["camera"] = {"height": 480, "width": 640}
        elif channel["kind"] == "continuous":
            channel["lower"], channel["upper"] = ([sign * 99.0] * len(channel["units"]) for sign in (-1, 1))
    path = tmp_path / "my_robot.yaml"
    path.write_text(yaml_of({"extends": "sawyer_rgb_stacking", **made}))
    robot = load_embodiment(path)
    assert set(made["observations"]) <= set(robot.observations) and set(robot.recorded) == {"/tf_static", "/reward"}


@pytest.mark.parametrize(
    "content, said",
    [
        ({"fps": 30, "observations": {}}, "robot_type"),
        ({**CONTRACT, "fps": 0}, "fps above 0"),
        ("robot_type: [", "YAML"),
    ],
)
def test_what_is_no_contract_of_theirs_is_refused(file, content, said):
    with pytest.raises(SetupError, match=said):
        from_rosetta(file(content))


def test_their_anchors_are_read_and_ours_stay_refused(file):
    text = "x-qos: &q {reliability: best_effort}\n" + yaml_of(CONTRACT).replace("topic: /imu,", "topic: /imu, qos: *q,")
    made = from_rosetta(file(text)).content["observations"]
    assert made["imu"]["quality"] == ("sensor" if "*q" in text else "reliable") and "*q" in text
    with pytest.raises(SetupError, match="anchor"):
        load_embodiment(file(text))

"""guard_node beside another arm: real processes, one for each robot."""

import math
import signal

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64
from std_srvs.srv import Trigger

from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import COMMAND, REPORT, STATE_OUT
from tests.ros.guard_scene import Scene

CONTRACT = {
    "extends": "sawyer_rgb_stacking",
    "schema": 2,
    "name": "left",
    "guard": {
        "neighbours": {
            "right": {
                "contract": "right.yaml",
                # Opposite: both hands are 15 cm from each other, axis to axis, when nobody turns aside.
                "base": {"xyz_m": [1.35, 0.0, 0.0], "rpy_rad": [0.0, 0.0, math.pi]},
                "clearance_m": 0.05,
            }
        }
    },
}


def contracts(folder):
    left, right = CONTRACT, {"extends": "sawyer_rgb_stacking", "schema": 2, "name": "right"}
    other = left["guard"]["neighbours"]["right"]
    right["wire"] = {"namespace": "other"}
    right["guard"] = {"neighbours": {"left": {**other, "contract": "left.yaml"}}}
    for name, content in (("left", left), ("right", right)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return folder / "left.yaml"


@pytest.fixture
def beside(processes, probe, tmp_path):
    """The guard, its own robot, and another one that stands aside."""
    other = processes.start("tests/ros/neighbour_robot.py")
    scene = Scene(processes, probe, "-p", f"embodiment:={contracts(tmp_path)}")
    scene.other, scene.to = other, probe.node.create_publisher(Float64, "/other/neighbour_robot/aside", COMMAND)
    return scene


def move_again(scene):
    if scene.level() == "latched":
        scene.reset()


@pytest.mark.fault("B1")
def test_another_arm_that_falls_silent_stops_this_one_by_its_name(beside):
    beside.start_policy()
    beside.other.send_signal(signal.SIGSTOP)
    beside.probe.wait(lambda: "stale_neighbour:right" in beside.reasons(), "the reason")
    beside.probe.wait(lambda: beside.largest() == 0.0, "zero velocity")
    beside.probe.wait(lambda: beside.level() == "latched", "the latch")
    refused = beside.probe.call(Trigger, "guard_node/reset", Trigger.Request())
    assert not refused.success and refused.message == "refused: stale_neighbour:right"
    beside.other.send_signal(signal.SIGCONT)
    beside.probe.wait(
        lambda: beside.largest() > 0.01 and beside.level() in ("ok", "limited"),
        "motion when it is there again",
        meanwhile=lambda: move_again(beside),
    )


@pytest.mark.fault("B2")
def test_another_arm_that_comes_near_holds_this_one_up_and_lets_it_go(beside):
    beside.start_policy()
    before = beside.largest()
    # The policy goes on towards it, and turns about the vertical, which takes the hand nowhere.
    beside.probe.wait(
        lambda: "neighbour:right" in beside.reasons().split(",") and beside.largest() < 0.3 * before,
        "the limit",
        meanwhile=lambda: (beside.to.publish(Float64(data=0.0)), move_again(beside)),
    )
    assert beside.level() == "limited"
    beside.probe.wait(
        lambda: "neighbour" not in beside.reasons() and beside.largest() > 0.9 * before,
        "motion when it has gone",
        meanwhile=lambda: (beside.to.publish(Float64(data=1.3)), move_again(beside)),
    )


def test_states_of_other_joints_are_refused_and_counted(processes, probe, tmp_path):
    said = probe.listen(DiagnosticArray, "/diagnostics", REPORT)
    processes.start("tests/ros/still_robot.py")
    processes.node("guard_node", "-p", f"embodiment:={contracts(tmp_path)}", "-p", "start_armed:=true")
    values = lambda: next(
        (values_of(item) for _, message in reversed(said) for item in message.status if "guard_node" in item.name), {}
    )
    with probe.publisher(JointState, "/other/joint_states", STATE_OUT) as wrong:
        probe.wait(
            lambda: int(values().get("refused_states_of_right", 0)) > 3,
            "the count",
            meanwhile=lambda: wrong.publish(JointState(name=["head"], position=[0.0])),
        )
    assert "states_of_right: no right_j0" in values()["last_refusal"]
    # On a busy machine it counts before it has armed itself.
    probe.wait(lambda: "missing_neighbour:right" in values()["reasons"], "the reason")
    refused = probe.call(Trigger, "guard_node/reset", Trigger.Request())
    assert not refused.success and "missing_neighbour:right" in refused.message

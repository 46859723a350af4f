"""The guard is gone while the simulated arm moves: the robot's own timeout holds it."""

import signal
import time

import pytest
from sensor_msgs.msg import JointState

from gato_ros.bench.guard.fault_catalogue import load_catalogue
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.qos import STATE_IN
from tests.ros.guard_scene import Scene

ROBOT = load_embodiment()
STANDS_RAD_S = 0.01
BOUND_MS = {row: fault.bound_ms for row, fault in load_catalogue().items()}


def standing_since(probe, joints, received: int):
    """The first joint state after those that says that the arm stands."""
    stands = lambda: next((one for one in joints[received:] if max(map(abs, one[1].velocity)) < STANDS_RAD_S), None)
    probe.wait(lambda: stands() is not None, "the arm to stand", every_s=0.01)
    return stands()


@pytest.mark.fault("P2", "T6")
@pytest.mark.parametrize(("row", "number"), [("P2", signal.SIGKILL), ("T6", signal.SIGSTOP)])
def test_the_robot_holds_still_when_commands_end(
    processes, probe, record_injection, fault_repeat, timed, stalls, row, number
):
    joints = probe.listen(JointState, ROBOT.wire.joint_states.topic, STATE_IN)
    scene = Scene(processes, probe, robot=processes.node("sim_node"))
    scene.start_policy()
    for _ in range(1 if number == signal.SIGKILL else min(fault_repeat, 3)):
        probe.wait(lambda: scene.largest() > 0.05 and joints and max(map(abs, joints[-1][1].velocity)) > 0.05, "motion")
        kept_waiting = stalls(robot=scene.robot.pid)
        at_s, received = time.monotonic(), len(joints)
        scene.guard.send_signal(number)
        kept_waiting.has_done("the test")
        stood = standing_since(probe, joints, received)
        record_injection(row, number.name, 1e3 * (stood[0] - at_s))
        took_s, most_s = stood[0] - at_s, 1.0
        if not timed:
            took_s, most_s = stood.sent_s - at_s, kept_waiting.limit_s(1e-3 * BOUND_MS[row])
        assert took_s < most_s, f"{took_s:.3f} s, {most_s:.3f} are allowed; {kept_waiting}"
        if number == signal.SIGSTOP:
            scene.guard.send_signal(signal.SIGCONT)
    if number == signal.SIGSTOP:
        return
    scene.guard.wait()
    probe.wait(lambda: time.monotonic() - scene.arm[-1][0] > 0.5, "its last words to be received, all of them")
    # Its successor starts latched, with the same policy still proposing.
    since = len(scene.arm)
    scene.processes.node("guard_node")
    probe.wait(lambda: len(scene.arm) > since + 30, "the next guard")
    assert not any(any(message.velocity) for _, message in scene.arm[since:])

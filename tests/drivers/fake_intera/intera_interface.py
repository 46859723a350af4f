"""Stands in for the Intera SDK: the calls the agent makes, and those it must never make, as the SDK does them.

Its topics go over `wire`: fake_ros/wire.py (datagrams) or ros1/wire.py (a real ROS 1).
"""

import errno
import itertools
import time

import wire
from intera_core_msgs.msg import RobotAssemblyState

CHECK_VERSION = True


def _wait(done, limit_s, text, meanwhile=lambda: None):
    end_s = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > end_s:
            raise OSError(errno.ETIMEDOUT, text)
        meanwhile()
        time.sleep(0.01)


class _Heard:
    """The last message of a topic, a new object each time."""

    def __init__(self, topic):
        self.last = None
        wire.receive(topic, self._on)

    def _on(self, fields):
        self.last = dict(fields)


class Limb:
    """Checks nothing, as the real one: neither names nor limits nor finiteness."""

    def __init__(self, limb="right"):
        self._collision = _Heard(f"/robot/limb/{limb}/collision_detection_state")
        self._topic = f"/robot/limb/{limb}/joint_command"

    def joint_names(self):
        return [f"right_j{i}" for i in range(7)]

    def has_collided(self):
        return bool(self._collision.last and self._collision.last["collision_state"])

    def set_command_timeout(self, timeout):
        wire.send(f"{self._topic}_timeout", {"data": timeout})

    def set_joint_velocities(self, velocities):
        wire.send(self._topic, {"mode": 2, "names": list(velocities), "velocity": list(velocities.values())})

    def set_joint_positions(self, positions):
        wire.send(self._topic, {"mode": 1, "names": list(positions), "position": list(positions.values())})

    def set_joint_torques(self, torques):
        wire.send(self._topic, {"mode": 3, "names": list(torques), "effort": list(torques.values())})

    def set_joint_trajectory(self, names, positions, velocities, accelerations):
        wire.send(self._topic, {"mode": 4, "names": names, "position": positions, "velocity": velocities})


class RobotEnable:
    def __init__(self, versioned=False):
        self._state = _Heard("/robot/state")
        _wait(lambda: self._state.last, 10.0, "Failed to get robot state")

    def state(self):
        return RobotAssemblyState(**self._state.last)

    def enable(self):
        if self.state().stopped:
            self.reset()
        _wait(
            lambda: self.state().enabled,
            5.0,
            "Failed to enable robot",
            lambda: wire.send("/robot/set_super_enable", {"data": True}),
        )

    def reset(self):
        state = self.state()
        if not state.stopped:
            raise OSError(errno.EREMOTEIO, "Failed to Reset due to lack of Error State.")
        if state.estop_button == state.ESTOP_BUTTON_PRESSED:
            raise OSError(errno.EREMOTEIO, "Failed to Reset: E-Stop Engaged")
        _wait(
            lambda: not self.state().stopped,
            5.0,
            "Failed to reset robot",
            lambda: wire.send("/robot/set_super_reset", {}),
        )


class Cuff:
    def __init__(self, limb="right"):
        self._state = _Heard("/io/robot/cuff/state")

    def cuff_button(self):
        return bool(self._state.last and self._state.last["right_cuff"])


class _Io:
    def __init__(self, received):
        self._received = received

    @property
    def state(self):
        return self._received.last


class Gripper:
    MAX_POSITION, MIN_POSITION = 0.041667, 0.0

    def __init__(self, ee_name="right_gripper", calibrate=True):
        self._topic = f"/io/end_effector/{ee_name}"
        self._state = _Heard(f"{self._topic}/state")
        self.gripper_io = _Io(self._state)
        self._numbers = itertools.count(int(time.monotonic() * 1e6))
        _wait(lambda: self._state.last, 5.0, "Failed to get gripper. No gripper attached on the robot.")
        if calibrate and not self.is_calibrated():
            self.calibrate()

    def _set(self, **signals):
        """Repeats the command until it is acknowledged, as the real one."""
        number = next(self._numbers)
        end_s = time.monotonic() + 5.0
        while number not in self._state.last["acknowledged"] and time.monotonic() < end_s:
            wire.send(f"{self._topic}/command", {"set": signals, "number": number})
            time.sleep(0.1)

    def is_calibrated(self):
        return self._state.last["is_calibrated"]

    def calibrate(self):
        self._set(calibrate=True)
        return self.is_calibrated()

    def get_position(self):
        return self._state.last["position_response_m"]

    def get_force(self):
        return self._state.last["force_response_n"]

    def set_position(self, position):
        self._set(position_m=position)

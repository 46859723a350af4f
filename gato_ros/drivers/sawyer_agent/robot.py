"""The robot through the Intera SDK."""

from __future__ import annotations

import math
import threading
import time
from typing import NamedTuple

from .frames import BUTTON, CUFF, ENABLED, ERROR, HOMED, READY, STATE_KNOWN, STOPPED

LIMB = "right"
ROBOT_SILENT_S = 1.0
READY_LIMIT_S, HOME_LIMIT_S = 5.0, 60.0


class Condition(NamedTuple):
    """What the robot said last."""

    flags: int
    fault: str
    joints_age_s: float
    joints_count: int
    position: tuple[float, ...]
    velocity: tuple[float, ...]


class Fingers(NamedTuple):
    """What the gripper said last."""

    opening_m: float
    force_n: float
    age_s: float
    count: int


class Sawyer:
    """The robot through the Intera SDK: the only class that knows it."""

    def __init__(self, gripper_name: str, joint_silence_s: float) -> None:
        import intera_interface
        import rospy
        from intera_core_msgs.msg import HomingCommand, HomingState, RobotAssemblyState
        from sensor_msgs.msg import JointState

        self._rospy, self._homing, self._joint_silence_s = rospy, HomingCommand, joint_silence_s
        rospy.init_node("gato_ros_sawyer_agent", disable_signals=True)
        # Kept as they come: the SDK's own accessors repeat the last value for ever and do not say how old it is.
        self._joints = self._assembly = None
        self.names = ()
        self._homes = {}
        self._homed_state, self._count = HomingState.HOMED, 0
        rospy.Subscriber("/robot/joint_states", JointState, self._on_joints, queue_size=1, tcp_nodelay=True)
        rospy.Subscriber("/robot/state", RobotAssemblyState, self._on_assembly, queue_size=1)
        rospy.Subscriber("/robot/homing_states", HomingState, self._on_homing, queue_size=1)
        self._home = rospy.Publisher("/robot/set_homing_mode", HomingCommand, queue_size=10)
        self._enable = intera_interface.RobotEnable(intera_interface.CHECK_VERSION)
        self._limb = intera_interface.Limb(LIMB)
        self.names = tuple(self._limb.joint_names())
        self._cuff = intera_interface.Cuff(LIMB)
        # Not calibrated here: that moves the fingers, and nobody has requested motion yet.
        self._gripper = intera_interface.Gripper(gripper_name, calibrate=False) if gripper_name != "none" else None
        self._io, self._io_s, self._io_count = None, 0.0, 0
        self._goal, self._wanted = None, threading.Event()
        if self._gripper is not None:
            threading.Thread(target=self._follow_goal, name="gripper", daemon=True).start()

    def _on_joints(self, message):
        # The head's joint comes in the same message, and the order is nobody's promise.
        found = {name: (q, dq) for name, q, dq in zip(message.name, message.position, message.velocity)}
        if self.names and all(name in found for name in self.names):
            self._count = (self._count + 1) % 2**32
            self._joints = (time.monotonic(), self._count, [found[name] for name in self.names])

    def _on_assembly(self, message):
        self._assembly = (time.monotonic(), message)

    def _on_homing(self, message):
        self._homes = dict(zip(message.name, message.state))

    @property
    def alive(self) -> bool:
        return not self._rospy.is_shutdown()

    @property
    def stroke_m(self) -> float:
        """Of the gripper [m]; 0 without one."""
        return 0.0 if self._gripper is None else float(self._gripper.MAX_POSITION)

    def set_timeout(self, seconds: float) -> None:
        """How long the robot goes on without a command before it holds by itself [s]."""
        self._limb.set_command_timeout(seconds)

    def move(self, velocity: dict[str, float]) -> None:
        self._limb.set_joint_velocities(velocity)

    def grip(self, opening_m: float) -> None:
        """Only the newest goal counts: the SDK waits seconds for an acknowledgement."""
        self._goal = opening_m
        self._wanted.set()

    def release_goal(self) -> None:
        """Forget a goal that has not been passed on yet."""
        self._wanted.clear()

    def _follow_goal(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._gripper.set_position(self._goal)
            except Exception as error:  # the SDK raises OSError and more; the arm's loop must not know
                self._rospy.logwarn(f"the gripper got no command: {error!r}")

    def fingers(self) -> Fingers | None:
        """What a calibrated gripper said last; None without one. To be called often: it notices new messages."""
        if self._gripper is None or not self._gripper.is_calibrated():
            return None
        message, now_s = self._gripper.gripper_io.state, time.monotonic()
        if message is not self._io:
            self._io, self._io_s, self._io_count = message, now_s, (self._io_count + 1) % 2**32
        opening_m, force_n = self._gripper.get_position(), self._gripper.get_force()
        if opening_m is None:
            return None
        return Fingers(float(opening_m), float(force_n or 0.0), now_s - self._io_s, self._io_count)

    def condition(self) -> Condition | None:
        """What is known now; None until all joints have been received."""
        joints, assembly, now_s = self._joints, self._assembly, time.monotonic()
        if joints is None:
            return None
        age_s = now_s - joints[0]
        known = assembly is not None and now_s - assembly[0] < ROBOT_SILENT_S
        flags = STATE_KNOWN if known else 0
        if known:
            state = assembly[1]
            flags |= (
                ENABLED * state.enabled
                | READY * state.ready
                | HOMED * state.homed
                | STOPPED * state.stopped
                | ERROR * state.error
                | BUTTON * (state.estop_button == state.ESTOP_BUTTON_PRESSED)
            )
        flags |= CUFF * self._cuff.cuff_button()
        return Condition(flags, self._fault(flags, age_s), age_s, joints[1], *map(tuple, zip(*joints[2])))

    def _fault(self, flags: int, joints_age_s: float) -> str:
        """Why the arm may not be moved, or nothing."""
        for bad, text in (
            (not flags & STATE_KNOWN, "no robot state"),
            (flags & BUTTON, "emergency stop"),
            (flags & STOPPED, "emergency stop released, not reset"),
            (flags & ERROR, "robot error"),
            (flags & CUFF, "cuff held"),
            (not flags & ENABLED, "motors off"),
            (not flags & HOMED, "joints not homed"),
            (not flags & READY, "robot not ready"),
            (joints_age_s > self._joint_silence_s, "no joint states"),
            (self._limb.has_collided(), "collision"),
        ):
            if bad:
                return text
        return ""

    def make_ready(self, home: bool) -> str:
        """Reset, motors on, homed where that is requested, fingers calibrated. Blocks; the reason if it fails."""
        condition = self.condition()
        if condition is None or not condition.flags & STATE_KNOWN:
            return "the robot says nothing"
        if condition.flags & BUTTON:
            return "the emergency stop is pressed: release it first"
        if condition.flags & CUFF:
            return "the cuff is held: let it go first"
        try:
            if condition.flags & STOPPED:
                self._enable.reset()
            if condition.flags & STOPPED or not condition.flags & ENABLED:
                self._enable.enable()
            if not self._wait(lambda flags: flags & HOMED, 0.5):
                if not home:
                    return "the joints are not homed: ask for homing, which moves them"
                if not self._wait(lambda flags: flags & HOMED, HOME_LIMIT_S, self._say_home):
                    return f"the joints did not find home within {HOME_LIMIT_S:.0f} s"
            if not self._wait(lambda flags: flags & READY, READY_LIMIT_S):
                return f"the robot did not become ready within {READY_LIMIT_S:.0f} s"
            if self._gripper is not None and not self._gripper.is_calibrated() and not self._gripper.calibrate():
                return "the gripper could not be calibrated"
        except Exception as error:  # OSError for a refused reset or a timeout, and whatever else the SDK raises
            return " ".join(str(error).split()) or repr(error)
        return ""

    def _say_home(self) -> None:
        away = [name for name, state in self._homes.items() if state != self._homed_state]
        self._home.publish(self._homing(name=away, command=[self._homing.AUTO] * len(away)))

    def _wait(self, done, limit_s, meanwhile=None):
        end_s, said_s = time.monotonic() + limit_s, -math.inf
        while time.monotonic() < end_s:
            condition = self.condition()
            if condition is not None and done(condition.flags):
                return True
            if meanwhile is not None and time.monotonic() - said_s > 1.0:
                said_s = time.monotonic()
                meanwhile()
            time.sleep(0.02)
        return False

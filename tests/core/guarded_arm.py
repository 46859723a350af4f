"""An arm that does what the guard commands, for the tests of the guard."""

import numpy as np

from gato_ros.core.guard.proposal import Proposal, RobotState
from gato_ros.core.guard.settings import GuardSettings
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.guard import make_guard
from gato_ros.embodiments.kinematics import Kinematics, differential_ik

TICK_S = 0.01
CLOCK_AHEAD_S = 1.7e9  # the stamping clock and the steady clock have nothing in common
ROBOT = load_embodiment()
KINEMATICS = Kinematics(ROBOT)
LIMITS = ROBOT.motion_limits
SPEED = ROBOT.joint_limits[2]
JOINT_ACCELERATION = np.array(ROBOT.guard.joint_acceleration_rad_s2)
POSTURE = np.array(ROBOT.arm.posture_rad)
SETTINGS = GuardSettings(stroke_m=ROBOT.gripper.stroke_m)


def at(seconds: float) -> Instant:
    return Instant(seconds, CLOCK_AHEAD_S + seconds)


def robot_state(q: np.ndarray, seconds: float) -> RobotState:
    return KINEMATICS.state(q, np.zeros(7), CLOCK_AHEAD_S + seconds, seconds)


def proposal(seconds: float, twist=(0.05, 0.0, 0.0, 0.0), opening_m=0.02, source="policy") -> Proposal:
    return Proposal(np.array(twist, np.float64), opening_m, CLOCK_AHEAD_S + seconds, seconds, source)


def _inside_the_box() -> np.ndarray:
    ik, q = differential_ik(ROBOT), POSTURE.copy()
    centre = (LIMITS.workspace_lower + LIMITS.workspace_upper) / 2
    for _ in range(2000):
        tool = KINEMATICS.tool(q)
        q = q + 0.01 * ik.joint_velocity(q, tool.jacobian, tool.rotation, np.append(centre - tool.position, 0.0))
    assert np.abs(KINEMATICS.tool(q).position - centre).max() < 0.02
    return q


START = _inside_the_box()


class Arm:
    """Joint angles that follow the commands, and a guard stepped at 100 Hz."""

    def __init__(self, q=START, **changes):
        self.guard = make_guard(ROBOT, **changes)
        self.q, self.now_s = np.array(q), 10.0
        self.commands, self.verdicts = [], []
        self.tick()  # the first step has no time before it to reckon with

    def arm(self):
        assert self.guard.reset(robot_state(self.q, self.now_s), at(self.now_s)) is None
        return self

    def tick(self, proposed=None, state="own"):
        self.now_s += TICK_S
        state = robot_state(self.q, self.now_s) if isinstance(state, str) else state
        command, verdict = self.guard.step(proposed, state, at(self.now_s))
        self.q = self.q + command.joint_velocity * TICK_S
        self.commands.append(command)
        self.verdicts.append(verdict)
        return command, verdict

    def follow(self, ticks: int, **what):
        for _ in range(ticks):
            command, verdict = self.tick(proposal(self.now_s + TICK_S, **what))
        return command, verdict

    def tool_speed(self, command) -> float:
        return float(np.linalg.norm(KINEMATICS.tool(self.q).jacobian[:3] @ command.joint_velocity))

"""Arms that are commanded in other ways than the shipped ones, and arms with fewer joints, under a guard."""

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import yaml

from gato_ros.bench.guard.variants import variant
from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.embodiments.guard import make_guard, tool_room
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.versions.yaml_text import yaml_text
from gato_ros.embodiments.yaml_file import yaml_of

TICK_S, CLOCK_AHEAD_S = 0.01, 1.7e9
INSIDE = {7: [0.1371, -0.9177, -0.6417, 1.5575, 0.4264, 1.0745, -0.0847]}
"""Joints -> angles inside the workspace, gripper down; of arms with fewer joints that is their posture."""
FIXED = {6: ["right_j2"], 5: ["right_j2", "right_j4"]}
POSTURE = {"right_j0": 0.0, "right_j1": -1.18, "right_j3": 2.18, "right_j4": 0.0, "right_j5": 0.57, "right_j6": 0.0}


@cache
def arm_of(kind: str, joints: int = 7) -> Embodiment:
    """The Sawyer with that kind of action; with six joints, or five as the SO-101 has them, where some are fixed."""
    return variant(load_embodiment() if joints == 7 else _with_fewer(joints), kind)


def _with_fewer(joints: int) -> Embodiment:
    folder = Path(mkdtemp())
    base = load_embodiment()
    urdf = base.urdf_path.read_text()
    content = yaml.safe_load(yaml_text(base))
    for name in FIXED[joints]:
        assert f'<joint name="{name}" type="revolute">' in urdf
        urdf = urdf.replace(f'<joint name="{name}" type="revolute">', f'<joint name="{name}" type="fixed">')
    (folder / "fewer.urdf").write_text(urdf)
    names = [name for name in base.arm.joints if name not in FIXED[joints]]
    content["arm"] |= {"joints": names, "posture_rad": [POSTURE[name] for name in names]}
    content["guard"]["joint_acceleration_rad_s2"] = [20.0] * joints
    # Low over the table and folded up, as these postures are, the shipped geometry would hold them up.
    content["guard"]["clearance"] |= {"table_height_m": -0.5, "apart": [["hand", "pedestal"]]}
    del content["simulation"]
    if joints == 5:  # too few for a tool that points down whatever it does
        content["actions"] = {
            "arm": {
                "kind": "joint_velocity",
                "topic": "proposal/joint_velocity",
                "joints": names,
                "units": ["rad/s"] * 5,
                "lower": [-1.0] * 5,
                "upper": [1.0] * 5,
            },
            "gripper": content["actions"]["gripper"],
        }
    content |= {"name": "fewer", "urdf": "fewer.urdf"}
    content["observations"] = {key: content["observations"][key] for key in ("gripper/opening", "sawyer/pinch/pose")}
    (folder / "fewer.yaml").write_text(yaml_of(json.loads(json.dumps(content))))
    tool = Kinematics(load_embodiment(folder / "fewer.yaml")).tool(np.array(content["arm"]["posture_rad"]))
    content["limits"]["workspace_lower_m"] = (tool.position - 0.1).tolist()
    content["limits"]["workspace_upper_m"] = (tool.position + 0.1).tolist()
    (folder / "fewer.yaml").write_text(yaml_of(json.loads(json.dumps(content))))
    return load_embodiment(folder / "fewer.yaml")


class OtherArm:
    """Joint angles that follow the commands of an armed guard at 100 Hz."""

    def __init__(self, kind: str, joints: int = 7, robot: Embodiment | None = None, **settings):
        self.robot = robot or arm_of(kind, joints)
        self.kinematics, self.guard = Kinematics(self.robot), make_guard(self.robot, **settings)
        self.room = tool_room(self.robot)
        self.q = np.array(INSIDE.get(joints, self.robot.arm.posture_rad), np.float64)
        self.now_s, self.verdict, self.command = 10.0, None, None
        self.size = len(self.robot.arm_part.lower)
        self.guard.step({}, self.state(), self.instant())
        assert self.guard.reset(self.state(), self.instant()) is None

    def instant(self) -> Instant:
        return Instant(self.now_s, CLOCK_AHEAD_S + self.now_s)

    def state(self):
        return self.kinematics.state(self.q, np.zeros_like(self.q), CLOCK_AHEAD_S + self.now_s, self.now_s)

    def tool(self):
        return self.kinematics.tool(self.q)

    def twist(self) -> np.ndarray:
        """[6] of the tool by the last command."""
        return self.tool().jacobian @ self.command.joint_velocity

    def propose(self, values, source="policy", opening_m=0.02) -> Proposal:
        return Proposal(np.array(values, np.float64), opening_m, CLOCK_AHEAD_S + self.now_s, self.now_s, source)

    def tick(self, **proposals):
        self.now_s += TICK_S
        self.command, self.verdict = self.guard.step(proposals, self.state(), self.instant())
        self.q = self.q + self.command.joint_velocity * TICK_S
        return self.command, self.verdict

    def follow(self, ticks: int, values, source="policy", every=5):
        """`values` proposed at the control rate, or a function of the tick that gives them."""
        proposal = None
        for number in range(ticks):
            if number % every == 0:
                self.now_s += TICK_S
                proposal = self.propose(values(number) if callable(values) else values, source)
                self.now_s -= TICK_S
            self.tick(**{source: proposal})
        return self.command, self.verdict

    def is_inside(self, wall_m=1e-3, angle_rad=0.01) -> bool:
        tool, limits = self.tool(), self.room.orientation
        box = (tool.position > self.room.lower - wall_m).all() and (tool.position < self.room.upper + wall_m).all()
        attitude = limits.at(tool.rotation)
        turned = limits.yaw_lower - angle_rad < attitude.yaw < limits.yaw_upper + angle_rad
        return bool(box and turned and attitude.tilt < limits.cone_rad + angle_rad)

"""What a contract's numbers come to: whether the arm reaches its workspace, and how near it comes to its own bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.core.guard.proposal import RobotState
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.guard import guard_limits
from gato_ros.embodiments.kinematics import Kinematics, joints_for_tool

STEPS = (5, 5, 3)
"""Grid over the workspace, walls included."""
YAWS_DEG: tuple[int, ...] = (0, -30, 30, -60, 60, -90, 90)
"""Turns of the tool at each of them."""
UPRIGHT_RAD = 0.3


@dataclass(frozen=True)
class Survey:
    """Of all poses of the tool in the workspace, gripper down."""

    tilt_rad: float
    """Of the tool in the contract's posture, from pointing down, or from the middle of its cone."""
    tool: np.ndarray
    """[3] where the posture holds the tool [m]."""
    places: int
    reached: dict[int, int]
    """Turn [degrees] -> at how many places the arm reaches it."""
    singular_value: float
    """Smallest of the tool's Jacobian."""
    gap_m: float | None
    """Smallest between capsules, and from them to the table; None without capsules."""
    joint_room_rad: float
    """Smallest distance of a joint to its end."""
    speed_share: float
    """Largest share of a joint's speed that the largest action takes."""

    def problems(self, embodiment: Embodiment) -> Iterator[str]:
        """What is wrong with the contract, a sentence each."""
        yield from camera_problems(embodiment)
        lower, upper = embodiment.motion_limits.workspace_lower, embodiment.motion_limits.workspace_upper
        orientation = embodiment.limits.orientation
        most_rad = UPRIGHT_RAD if orientation is None else orientation.cone_rad
        if _points_down(embodiment) and self.tilt_rad > most_rad:
            middle = "down" if orientation is None else "limits.orientation.tool_z"
            yield (
                f"in arm.posture_rad the gripper points {np.rad2deg(self.tilt_rad):.0f} degrees away from {middle}: "
                "give the joint angles of the tool over the workspace, pointing there"
            )
        if not (np.all(self.tool[:2] > lower[:2]) and np.all(self.tool[:2] < upper[:2])):
            yield (
                f"in arm.posture_rad the tool is at x y {self.tool[0]:.3f} {self.tool[1]:.3f} m, not over the workspace"
            )
        if _points_down(embodiment) and orientation is None and self.reached[0] < self.places:
            yield (
                f"the arm reaches {self.reached[0]} of {self.places} places of the workspace with the gripper down: "
                "make limits.workspace_* smaller"
            )
        slow = embodiment.guard.singularity.slow
        if self.singular_value < slow:
            yield (
                f"guard.singularity.slow is {slow:g}, and the smallest singular value in the workspace is "
                f"{self.singular_value:.3f}: the guard would slow down there"
            )
        room = embodiment.guard.clearance and embodiment.guard.clearance.distance_m
        if self.gap_m is not None and room is not None and self.gap_m < room:
            yield (
                f"guard.clearance.distance_m is {room:g} m, and in the workspace parts come as near as "
                f"{self.gap_m:.3f} m: the guard would stop there"
            )
        if self.speed_share > 1:
            yield (
                f"the largest action takes {self.speed_share:.1f} times a joint's speed: the guard would slow it down"
            )


def _points_down(embodiment: Embodiment) -> bool:
    """Whether its tool has an orientation that a posture can miss: down, or the middle of a cone."""
    return getattr(embodiment.arm_part, "others", "") == "down" or embodiment.limits.orientation is not None


def _largest_velocities(embodiment: Embodiment, state: RobotState) -> np.ndarray:
    """[n joints] what the largest actions ask of the joints [rad/s]; nothing of joint positions, which take their time.

    A twist: every corner of its range, without what the null space adds.
    """
    part, jacobian = embodiment.arm_part, state.jacobian
    most = np.abs([part.lower, part.upper]).max(0)
    if part.kind == "joint_velocity":
        velocity = np.zeros(len(embodiment.arm.joints))
        velocity[[embodiment.arm.joints.index(name) for name in part.names]] = most
        return velocity[None]
    if part.kind == "joint_position":
        return np.zeros((1, len(embodiment.arm.joints)))
    rows = [COMPONENTS.index(name) for name in part.names]
    if part.frame == "tool":
        axes = state.tool_rotation.T
        jacobian = np.concatenate([axes @ jacobian[:3], axes @ jacobian[3:]])
    corners = np.array(list(product((-1, 1), repeat=len(rows)))) * most
    if part.others == "free":
        return corners @ np.linalg.pinv(jacobian[rows]).T
    wanted = np.zeros((len(corners), len(COMPONENTS)))
    wanted[:, rows] = corners
    return wanted @ np.linalg.pinv(jacobian).T


def camera_problems(embodiment: Embodiment) -> Iterator[str]:
    """What of the cameras keeps policies from being trained, a sentence each."""
    sizes = {"{1}x{0}".format(*embodiment.observations[key].shape) for key in embodiment.image_keys}
    if not sizes:
        yield "no camera among the observations: `train` needs one; add a channel of kind image"
    if len(sizes) > 1:
        yield (
            f"cameras of {len(sizes)} sizes ({', '.join(sorted(sizes))}): `train` takes one; give every channel of "
            "kind image the same height and width: what its driver sends is made smaller to that"
        )


def survey(embodiment: Embodiment) -> Survey:
    """Look at a grid of the workspace, each place with the tool turned by YAWS_DEG, by inverse kinematics."""
    kinematics, limits, clearance = Kinematics(embodiment), embodiment.motion_limits, guard_limits(embodiment).clearance
    lower, upper, speed = embodiment.joint_limits
    axes = [np.linspace(low, high, n) for low, high, n in zip(limits.workspace_lower, limits.workspace_upper, STEPS)]
    places = [np.array(place) for place in product(*axes)]
    reached, values, gaps, room, shares = dict.fromkeys(YAWS_DEG, 0), [], [], [], []
    for place, yaw in product(places, YAWS_DEG):
        try:
            q = joints_for_tool(embodiment, kinematics, place, np.deg2rad(yaw))
        except ValueError:
            continue
        reached[yaw] += 1
        state = kinematics.state(q, np.zeros_like(q), 0.0, 0.0)
        values.append(np.linalg.svd(state.jacobian, compute_uv=False)[-1])
        if clearance is not None and state.capsule_ends is not None:
            gaps.append(clearance.gaps(state.capsule_ends).min())
        room.append(np.minimum(q - lower, upper - q).min())
        shares.append((np.abs(_largest_velocities(embodiment, state)) / speed).max())
    tool = kinematics.tool(np.array(embodiment.arm.posture_rad))
    stated = embodiment.limits.orientation
    middle = np.array([0.0, 0.0, -1.0] if stated is None else stated.tool_z)
    return Survey(
        float(np.arccos(np.clip(tool.rotation[:, 2] @ middle, -1, 1))),
        tool.position,
        len(places),
        reached,
        float(min(values, default=0.0)),
        float(min(gaps)) if gaps else None,
        float(min(room, default=0.0)),
        float(max(shares, default=0.0)),
    )

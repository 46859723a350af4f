"""Another arm in the same world: the plug that a world of its own would have, in its own base frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.sim import camera, task
from gato_ros.sim.robot import SimulatedArm

if TYPE_CHECKING:
    from gato_ros.sim.world import PropState, StackingWorld


Look = Callable[[camera.Camera, str, int, int], np.ndarray]


class ArmBeside:
    """What the world's first arm has of it, for an arm that stands elsewhere; `SharedWorld` makes it.

    Whoever holds the world resets and advances it. Both cells have to be one basket.
    """

    def __init__(self, world: StackingWorld, embodiment: Embodiment, base: np.ndarray, look: Look):
        """An arm in `world`.

        Args:
            base: [4 4] where its base frame stands in the first one's.
            look: what a camera sees that stands there, of that name, width and height.
        """
        self._look = look
        self.embodiment, self.kinematics, self._world, self._base = embodiment, Kinematics(embodiment), world, base
        self._turn, self._place = Rotation.from_matrix(base[:3, :3]), base[:3, 3]
        self._arm: SimulatedArm | None = None
        self._check_basket()

    def _check_basket(self) -> None:
        own, first = self.embodiment.simulated.cell, self._world.cell
        middle = self._turn.apply(own.basket_m) + self._place
        if np.abs(middle - first.basket_m).max() > 1e-3 or own.scale != first.scale:
            raise SetupError(
                expected=f"the basket of {self.embodiment.name} where that of {self._world.embodiment.name} stands",
                got=f"{np.round(middle, 4).tolist()} and {list(first.basket_m)} m, in the latter's base frame",
                fix="change simulation.cell of one of the two, or where it stands in guard.neighbours",
            )

    # --- what the world does with it ---

    @property
    def arm(self) -> SimulatedArm:
        """Its bodies."""
        assert self._arm is not None  # `load` comes first
        return self._arm

    def load(self, client) -> None:
        """Put it into an empty client."""
        self._arm = SimulatedArm(client, self.embodiment, self._place, self._turn.as_quat())

    def place(self, q: np.ndarray) -> None:
        """At rest at joint angles q [joints] [rad], the gripper open."""
        self.arm.place(q, self.embodiment.gripper.stroke_m)

    # --- the robot's plug ---

    @property
    def joint_positions(self) -> np.ndarray:
        """[joints] [rad], in the contract's order."""
        return self.arm.joint_positions

    @property
    def joint_velocities(self) -> np.ndarray:
        """[joints] [rad/s]."""
        return self.arm.joint_velocities

    @property
    def gripper_opening_m(self) -> float:
        """Distance between the pads [m]."""
        return self.arm.opening_m

    @property
    def gripper_effort_n(self) -> float:
        """Grip force [N]."""
        return self.arm.grip_force_n

    def set_joint_velocity(self, velocity: np.ndarray) -> None:
        """Joint velocities [joints] [rad/s] until the next call."""
        self.arm.command(joint_velocity=velocity)

    def set_gripper(self, opening_m: float) -> None:
        """Wanted opening [m]."""
        self.arm.command(opening_m=opening_m)

    def film(self, key: str) -> np.ndarray:
        """uint8 [height width 3] from the camera of an image key, which stands about the basket as this arm sees it."""
        name, driver = key.split("/")[0], self.embodiment.cameras[key].camera
        stands = camera.placed(camera.CAMERAS[name], self.embodiment.simulated.cell)
        stands = replace(
            stands,
            position=tuple((self._turn.apply(stands.position) + self._place).tolist()),
            forward=tuple(self._turn.apply(stands.forward).tolist()),
            up=tuple(self._turn.apply(stands.up).tolist()),
        )
        return self._look(stands, name, driver.width, driver.height)

    # --- ground truth ---

    @property
    def object_names(self) -> tuple[str, str, str]:
        """Of the red, the green and the blue prop."""
        return self._world.object_names

    def prop(self, colour: str) -> PropState:
        """Pose of a prop in this arm's base frame."""
        seen, back = self._world.prop(colour), self._turn.inv()
        return replace(
            seen,
            position=back.apply(seen.position - self._place),
            quat_xyzw=(back * Rotation.from_quat(seen.quat_xyzw)).as_quat(),
        )

    def touches(self, colour: str) -> set[str]:
        """As the world's: "robot" is any of the arms."""
        return self._world.touches(colour)

    def stacked(self, wanted: task.StackTask) -> bool:
        """As the world's: it does not depend on who looks."""
        return self._world.stacked(wanted)

    def pad_contacts(self, colour: str) -> tuple[bool, bool]:
        """Whether this arm's left and right finger touch a prop."""
        return self._world.pads_of(self.arm, colour)

"""The stacking world after whose start MuJoCo computes what moves; PyBullet draws it and knows where links are."""

from __future__ import annotations

import numpy as np

from gato_ros.embodiments import Embodiment
from gato_ros.sim import task
from gato_ros.sim.held_out.mujoco.check import check_robot
from gato_ros.sim.held_out.mujoco.physics import MujocoPhysics
from gato_ros.sim.robot import SimulatedArm
from gato_ros.sim.world import PhysicsError, PropState, StackingWorld


class MujocoWorld(StackingWorld):
    """A start is that of the plain world, made by PyBullet. From the first time step on PyBullet takes none: it is put
    where MuJoCo has everything, so what asks for a pose or a picture asks as before. Contacts are MuJoCo's."""

    def __init__(self, embodiment: Embodiment | None = None, gui: bool = False):
        super().__init__(embodiment, gui)
        self._physics: MujocoPhysics | None = None
        """None: nothing has moved since PyBullet's state was made."""
        self._started = False

    def _check_embodiment(self) -> None:
        super()._check_embodiment()
        check_robot(self.embodiment)

    def clear(self) -> None:
        super().clear()
        self._physics, self._started = None, False
        self._velocity, self._opening_m = np.zeros(len(self.embodiment.arm.joints)), self.embodiment.gripper.stroke_m

    def reset(self, rng: np.random.Generator, objects: str = "cubes") -> None:
        super().reset(rng, objects)
        self._started = True

    def _run(self, steps: int) -> None:
        if not self._started:
            return super()._run(steps)
        self._physics = self._physics or self._take_over()
        for _ in range(steps):
            self._physics.step(self._velocity, self._opening_m)
        self._steps += steps
        if not self._physics.sound:
            raise PhysicsError("MuJoCo warns of its own numbers: this episode is void")
        self._mirror(self._physics)

    def _take_over(self) -> MujocoPhysics:
        """MuJoCo goes on from what PyBullet holds."""
        masses = [self._client.getDynamicsInfo(self._props[colour], -1)[0] for colour in task.COLOURS]
        physics = MujocoPhysics(self.embodiment, self.object_names, masses)
        physics.place_arm(self._robot.joint_positions, self._robot.opening_m)
        for colour, body in self._props.items():
            prop, motion = self.prop(colour), self._client.getBaseVelocity(body)
            physics.place_prop(colour, prop.position, prop.quat_xyzw, *motion)
        return physics

    def _mirror(self, physics: MujocoPhysics) -> None:
        """PyBullet puts everything where MuJoCo has it."""
        self._robot.mirror(*physics.arm())
        for colour, body in self._props.items():
            position, quat_xyzw, velocity, turning = (part.tolist() for part in physics.prop(colour))
            self._client.resetBasePositionAndOrientation(body, position, quat_xyzw)
            self._client.resetBaseVelocity(body, velocity, turning)

    # --- the robot's plug ---

    @property
    def gripper_effort_n(self) -> float:
        """Grip force [N]: the smaller of the two fingers' loads."""
        return super().gripper_effort_n if self._physics is None else min(self._physics.finger_forces_n())

    def set_joint_velocity(self, velocity: np.ndarray) -> None:
        """Joint velocities [joints] [rad/s] until the next call."""
        self._velocity = np.array(velocity, np.float64)

    def set_gripper(self, opening_m: float) -> None:
        """Wanted opening [m]; the fingers move at the contract's speed."""
        self._opening_m = opening_m

    # --- putting things somewhere without physics: MuJoCo takes over anew ---

    def lay(self, names: tuple[str, str, str], poses: dict[str, PropState]) -> None:
        super().lay(names, poses)
        self._physics = None

    def put_prop(self, colour: str, position: np.ndarray, quat_xyzw: np.ndarray) -> None:
        super().put_prop(colour, position, quat_xyzw)
        self._physics = None

    def put_tool(self, position: np.ndarray, yaw_rad: float, opening_m: float) -> bool:
        reached = super().put_tool(position, yaw_rad, opening_m)
        if reached:
            self._physics, self._opening_m = None, opening_m
            self._velocity = np.zeros_like(self._velocity)
        return reached

    # --- ground truth ---

    def touches(self, colour: str) -> set[str]:
        return super().touches(colour) if self._physics is None else self._physics.touches(colour)

    def pads_of(self, arm: SimulatedArm, colour: str) -> tuple[bool, bool]:
        return super().pads_of(arm, colour) if self._physics is None else self._physics.pads(colour)

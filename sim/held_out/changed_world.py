"""The stacking world as a held-out world has it: another renderer, another gripper, an arm that obeys less well."""

from __future__ import annotations

import numpy as np

from gato_ros.embodiments import Embodiment
from gato_ros.sim import camera, scene, task
from gato_ros.sim.bullet import pybullet
from gato_ros.sim.held_out.conditions import SIDES, Distractor, Fingers, HeldOutConditions
from gato_ros.sim.held_out.gripper import gripper_with, robot_with
from gato_ros.sim.held_out.lens import through
from gato_ros.sim.held_out.opengl import OpenGlStage
from gato_ros.sim.randomisation import Conditions
from gato_ros.sim.robot import SimulatedArm
from gato_ros.sim.world import StackingWorld

DRIFT_S = 2.0
"""So long the tool creeps in one direction."""
CLOSED_M = 0.002
"""Fingers that are not further apart press on each other."""
COVERED_S, COVERED_EVERY_S = 2.0, 5.0
"""So long cameras that are covered see nothing, and from one time to the next."""
DRIFT, NOISE = 0, 1
"""What is drawn within an episode."""


class ChangedWorld(StackingWorld):
    """A start is that of the plain world; `set_conditions` with HeldOutConditions changes what comes after it."""

    def __init__(self, embodiment: Embodiment | None = None, gui: bool = False, opengl: bool = False):
        super().__init__(embodiment, gui)
        self._stage = OpenGlStage(self.embodiment) if opengl else None
        self._changes, self._wanted_m = HeldOutConditions(), self.embodiment.gripper.stroke_m
        self._began_s = 0.0

    def clear(self) -> None:
        super().clear()
        self._changes, self._wanted_m = HeldOutConditions(), self.embodiment.gripper.stroke_m

    def set_conditions(self, conditions: Conditions) -> None:
        """As the plain world's, and what only held-out worlds have."""
        super().set_conditions(conditions)
        if not isinstance(conditions, HeldOutConditions):
            return
        self._changes, self._began_s = conditions, self.time_s
        if conditions.fingers:
            self._change_fingers(conditions.fingers)
        for one in conditions.distractors:
            self._lay_distractor(one)
        if self._stage:
            self._stage.set_props(self.object_names, task.COLOURS)

    def _change_fingers(self, fingers: Fingers) -> None:
        """Another gripper on the arm where it stands, open."""
        q, robot = self._robot.joint_positions, robot_with(self.embodiment, fingers)
        self._client.removeBody(self._robot.body)
        self._robot = SimulatedArm(self._client, robot, make_gripper=gripper_with(fingers))
        self._robot.place(q, robot.gripper.stroke_m)

    def _lay_distractor(self, one: Distractor) -> None:
        outward = np.array(SIDES[one.side])
        along = np.array([-outward[1], outward[0]])
        height = scene.slope_height_m(one.out_m) + one.size_m
        point = np.append(scene.BASKET_CENTRE + one.out_m * outward + one.along_m * along, height)
        half = self.cell.scale * one.size_m
        kinds = {
            "box": (pybullet.GEOM_BOX, {"halfExtents": [half, 1.5 * half, half]}),
            "sphere": (pybullet.GEOM_SPHERE, {"radius": half}),
            "cylinder": (pybullet.GEOM_CYLINDER, {"radius": 0.7 * half, "length": 2 * half}),
        }
        kind, size = kinds[one.shape]
        visual = self._client.createVisualShape(kind, rgbaColor=(*one.rgb, 1.0), **size)
        # Seen, not felt: no collision shape.
        turned = pybullet.getQuaternionFromEuler((0.0, 0.0, one.turn_rad))
        self._client.createMultiBody(0, -1, visual, self.cell.to_base(point).tolist(), turned)

    # --- the robot's plug ---

    @property
    def gripper_effort_n(self) -> float:
        """Grip force [N]; where the gripper is a real one, of closed fingers that press on each other as well."""
        effort, fingers = super().gripper_effort_n, self._changes.fingers
        if fingers and fingers.flag_when_empty and self._wanted_m < CLOSED_M and self.gripper_opening_m < CLOSED_M:
            return max(effort, self.embodiment.gripper.force_n * fingers.force)
        return effort

    def set_gripper(self, opening_m: float) -> None:
        self._wanted_m = opening_m
        super().set_gripper(opening_m)

    def set_joint_velocity(self, velocity: np.ndarray) -> None:
        """As the plain world's; the joints do less of it, and the tool creeps."""
        changes = self._changes
        if changes.motion_gain != 1.0:
            velocity = changes.motion_gain * np.asarray(velocity)
        if changes.drift_m_s:
            jacobian = self.kinematics.tool(self.joint_positions).jacobian
            velocity = velocity + np.linalg.pinv(jacobian) @ np.append(self._drift(), np.zeros(3))
        super().set_joint_velocity(velocity)

    def _drift(self) -> np.ndarray:
        """[3] of the tool point [m/s]."""
        direction = self._chance(DRIFT, int(self.time_s // DRIFT_S)).normal(size=3)
        return self._changes.drift_m_s * direction / np.linalg.norm(direction)

    def _chance(self, *what: int) -> np.random.Generator:
        return np.random.default_rng([self._changes.entropy, *what])

    # --- what is seen ---

    def look(self, stands: camera.Camera, name: str, width: int, height: int) -> np.ndarray:
        """uint8 [height width 3] from a camera of that name which stands there."""
        if self._covered:
            return np.zeros((height, width, 3), np.uint8)
        if self._stage:
            self._stage.mirror(self._client, self._robot.body, [self._props[colour] for colour in task.COLOURS])
            pixels = self._stage.look(stands, width, height, self.conditions.light_direction)
        else:
            pixels = super().look(stands, name, width, height)
        if self._changes.lens is None:
            return pixels
        # By the time and the camera: who looks twice sees the same.
        eyes = [key.split("/")[0] for key in self.embodiment.image_keys]
        return through(self._changes.lens, pixels, self._chance(NOISE, self._steps, eyes.index(name)))

    @property
    def _covered(self) -> bool:
        first = self._changes.covered_from_s
        since = -1.0 if first is None else self.time_s - self._began_s - first
        return since >= 0.0 and since % COVERED_EVERY_S < COVERED_S

    def close(self) -> None:
        if self._stage:
            self._stage.close()
        super().close()

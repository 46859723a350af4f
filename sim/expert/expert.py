"""What every scripted expert of the cell has: it reads ground truth, and comes down to a prop's best grasp.

Every action is a function of what can be observed now: poses, opening, contacts. There is no phase
counter; phases are funnels, continuous in the error, with gates wide against perception error, speeds
that do not vanish before a gate, and an action for every jam.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.core.rotation import matrix_from_quat_xyzw
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.embodiments.actions.of_twist import ActionOfTwist
from gato_ros.embodiments.contract import OPENING
from gato_ros.sim.expert.funnels import Funnels
from gato_ros.sim.expert.pushing import push
from gato_ros.sim.expert.scene import CLOSED_M, Body, Gates, Scene
from gato_ros.sim.expert.shifting import best_shift
from gato_ros.sim.grasp import Grasp, best_grasp, find_grasps, in_cell, standing_point, surface_points
from gato_ros.sim.ground_truth import CONTACTS_KEY, PRIVILEGED_KEYS
from gato_ros.sim.task import COLOURS, OBJECT_NAMES, Task

AnyTask = TypeVar("AnyTask", bound=Task)
PLAN_KEY = f"{PRIVILEGED_PREFIX}plan"
PLAN_NAMES = (
    "grasp_x",
    "grasp_y",
    "grasp_z",
    "grasp_sin2",
    "grasp_cos2",
    "place_x",
    "place_y",
    "place_z",
    "underside_z",
    "approaching",
)
"""What `with_plan` adds: where the tool should be when the fingers close and twice its yaw there (a parallel gripper
repeats itself after half a turn), where the top object should stand, its lowest point now [m], and whether a grasp is
still sought. Zeros where none is, and for the place of a lift. The place of a push is on the floor."""


class Expert(ABC, Generic[AnyTask]):
    """Does a task from privileged state. A `Policy`; its only memory is a cache of the possible grasps."""

    info = PolicyInfo()

    def __init__(self, embodiment: Embodiment | None, task: AnyTask):
        self.task = task
        self._embodiment = embodiment or load_embodiment()
        self._cell = self._embodiment.simulated.cell
        self._scale = self._cell.scale
        self._fingers = in_cell(self._embodiment.simulated.fingers, self._scale)
        self._pose_key = self._embodiment.key_of("tool_pose")
        self._said = ActionOfTwist(self._embodiment)
        joints = filter(None, [self._said.joints_key])
        self.observation_keys = (OPENING, self._pose_key, *joints, *PRIVILEGED_KEYS)
        self._gates = gates = Gates()
        limits = self._embodiment.motion_limits
        lower, upper = (self._cell.to_cell(end) for end in (limits.workspace_lower, limits.workspace_upper))
        self._lower, self._upper = lower, upper
        self._floor, self._ceiling = float(lower[2]), float(upper[2])
        wait_m = self._cell.wait_m
        self._home = None if wait_m is None else self._cell.to_cell(np.array(wait_m))
        speed = self._said.upper / [self._scale, self._scale, self._scale, 1.0]
        self._open = self._embodiment.gripper.stroke_m / self._scale
        self._funnels = Funnels(gates, speed, self._open, self._ceiling, self._scale, self._fingers.pad_below_m)
        self._plan: tuple[np.ndarray, list[Grasp]] | None = None

    def reset(self, prompt: Prompt | None = None) -> None:
        self._plan = None

    def act(self, observation: Observation) -> Decision:
        return Decision(self.in_contract(self.wish(observation), observation))

    def wish(self, observation: Observation) -> ArmAction:
        """What it wants: vx vy vz wz of a tool that points down, and an opening, whatever the contract's action is."""
        return self._wish(self._unpack(observation))

    def in_contract(self, wish: ArmAction, observation: Observation) -> Action:
        """The contract's action that does what is wished."""
        rotation = matrix_from_quat_xyzw(np.asarray(observation.values[self._pose_key][3:], np.float64))
        joints = observation.values[self._said.joints_key] if self._said.joints_key else None
        return self._said.action(wish, rotation, joints)

    @abstractmethod
    def _wish(self, scene: Scene) -> ArmAction:
        """What it wants in that scene."""

    # --- what the expert thinks, for whoever arranges situations for it or learns from it ---

    def with_plan(self, observation: Observation) -> Observation:
        """The observation with PLAN_KEY [len(PLAN_NAMES)] among its privileged values."""
        scene = self._unpack(observation)
        approaching, grasp = self._approaching(scene), np.zeros(5)
        if approaching:
            at, yaw = self._sought(scene)
            grasp = np.array([*self._cell.to_base(at), np.sin(2 * yaw), np.cos(2 * yaw)])
        plan = np.array([*grasp, *self._place_planned(observation), float(approaching)], np.float32)
        return Observation(observation.values, observation.stamp_s, {**observation.privileged, PLAN_KEY: plan})

    def plan(self, observation: Observation, yaw_rad: float) -> Grasp:
        """The grasp it would choose for the target where it lies, if the tool's yaw were `yaw_rad`."""
        grasp = best_grasp(self._grasps(self._unpack(observation)), yaw_rad)
        return replace(grasp, offset=self._scale * grasp.offset)

    def width(self, observation: Observation, yaw_rad: float) -> float:
        """Extent of the target along the closing direction of a gripper with that yaw [m]."""
        across = np.array([np.sin(yaw_rad), -np.cos(yaw_rad), 0.0])
        return self._scale * float(np.ptp(self._unpack(observation).top.surface @ across))

    def _approaching(self, scene: Scene) -> bool:
        """Whether a grasp is still sought."""
        return not scene.held

    def _sought(self, scene: Scene) -> tuple[np.ndarray, float]:
        """Where the tool should be when the fingers close [3], in the peer's numbers [m], and its yaw there [rad]."""
        best = best_grasp(self._grasps(scene), scene.yaw)
        return scene.top.centre + best.offset, best.yaw_rad

    def _place_planned(self, observation: Observation) -> tuple[float, float, float, float]:
        """Where on the base the target should stand, and its own lowest point [m]."""
        return 0.0, 0.0, 0.0, 0.0

    # --- reading the observation ---

    def _unpack(self, observation: Observation) -> Scene:
        bodies = {}
        for colour in COLOURS:
            pose = np.array(observation.privileged[f"privileged/{colour}/pose"], np.float64)
            pose[:3] = self._cell.to_cell(pose[:3])
            name = OBJECT_NAMES[int(observation.privileged[f"privileged/{colour}/object"][0])]
            rotation = matrix_from_quat_xyzw(pose[3:])
            bodies[colour] = Body(name, pose[:3], rotation, surface_points(name) @ rotation.T + pose[:3])
        base, other = (bodies[colour] for colour in self.task.others)
        stand = standing_point(base.name, base.rotation, base.surface - base.centre) + base.centre[:2]
        pose = np.asarray(observation.values[self._pose_key], np.float64)
        rotation = matrix_from_quat_xyzw(pose[3:])
        left, right, on_base, on_ground = (bool(x) for x in observation.privileged[CONTACTS_KEY])
        return Scene(
            self._cell.to_cell(pose[:3]),
            float(np.arctan2(rotation[1, 0], rotation[0, 0])),
            float(observation.values[OPENING][0]) / self._scale,
            bodies[self.task.target],
            base,
            other,
            left,
            right,
            on_base,
            on_ground,
            stand,
        )

    def _grasps(self, scene: Scene) -> list[Grasp]:
        """All grasps of the target where it lies; computed anew when anything has moved."""
        corners = scene.corners()
        if self._plan is not None:
            before, grasps = self._plan
            if np.abs(before - corners).max() < self._gates.replan_m:
                return grasps
        red = scene.top.surface
        obstacles = np.concatenate([scene.other.surface, scene.base.surface])
        grasps = find_grasps(
            scene.top.name, scene.top.rotation, scene.top.centre, red, obstacles, self._floor, self._fingers
        )
        self._plan = (corners, grasps)
        return grasps

    # --- the way to a grasp ---

    def _approach(self, scene: Scene) -> ArmAction:
        gates, grasp = self._gates, best_grasp(self._grasps(scene), scene.yaw)
        if grasp.blocked and (scene.opening < CLOSED_M or not (scene.left or scene.right)):
            way = best_shift(scene, self._lower[:2], self._upper[:2], self._fingers.pad_below_m)
            if way is not None:
                return push(self._funnels, self._fingers, self._floor, scene, way)
        goal = scene.top.centre + grasp.offset
        goal[2] = max(goal[2], self._floor)
        error = goal - scene.tool
        turn = grasp.yaw_rad - scene.yaw
        cosine, sine = np.cos(scene.yaw), np.sin(scene.yaw)
        along, across = abs(error[0] * cosine + error[1] * sine), abs(error[0] * sine - error[1] * cosine)
        ready = (
            along < gates.close_along_m
            and across < gates.close_across_m
            and abs(error[2]) < gates.close_height_m
            and abs(turn) < gates.close_yaw_rad
        )
        width = float(np.ptp(scene.top.surface @ np.array([sine, -cosine, 0.0])))
        part_closed = width - 0.02 < scene.opening < self._open - 0.008
        keep = (
            part_closed
            and max(along, across, abs(error[2])) < gates.keep_closing_m
            and (scene.left or scene.right or ready)
        )
        if ready or keep:
            # A finger that alone touches pushes; following it centres the grip instead of stalling. One that stands
            # still waits for the other.
            slide = 0.02 * (float(scene.left) - float(scene.right and self._fingers.fixed_m is None))
            return self._funnels.action(np.array([slide * sine, -slide * cosine, 0.0]), 0.0, 0.0)
        return self._funnels.come_down(scene, goal, turn)

    # --- the way from it ---

    def _let_go(self, scene: Scene) -> ArmAction:
        """It stands where it should: open, leave upwards once the fingers are clear, and go where the cell waits."""
        cosine, sine = np.cos(scene.yaw), np.sin(scene.yaw)
        width = float(np.ptp(scene.top.surface @ np.array([sine, -cosine, 0.0])))
        clear = scene.opening > min(width + 0.010, self._open - 0.006) and not (scene.left or scene.right)
        away = float(scene.top.surface[:, 2].max()) + 0.06
        up = self._gates.gain * (min(away, self._ceiling) - scene.tool[2]) if clear else 0.0
        if clear and self._home is not None and scene.tool[2] > min(away, self._ceiling) - 0.01:
            return self._funnels.action(self._gates.gain * (self._home - scene.tool), 0.0, self._open)
        # Wide open and still touching: step aside, towards the finger that touches, and creep up.
        stuck = scene.opening > self._open - 0.006 and scene.left != scene.right
        aside = 0.02 * (float(scene.left) - float(scene.right)) if stuck else 0.0
        return self._funnels.action(
            np.array([aside * sine, -aside * cosine, max(up, 0.01 if stuck else 0.0)]), 0.0, self._open
        )

"""A scripted stacker over ground truth, made to be cloned.

Every action is a function of what can be observed now: poses, opening, contacts. There is no phase
counter; phases are funnels, continuous in the error, with gates wide against perception error, speeds
that do not vanish before a gate, and an action for every jam.
"""

from __future__ import annotations

from dataclasses import replace

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
from gato_ros.sim.expert.level_base import LevelBase
from gato_ros.sim.expert.pushing import push
from gato_ros.sim.expert.scene import CLOSED_M, Body, Gates, Scene
from gato_ros.sim.expert.shifting import best_shift
from gato_ros.sim.grasp import Grasp, best_grasp, find_grasps, in_cell, standing_point, surface_points
from gato_ros.sim.ground_truth import CONTACTS_KEY, PRIVILEGED_KEYS
from gato_ros.sim.task import COLOURS, OBJECT_NAMES, RED_ON_BLUE, StackTask

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
still sought."""


class StackingExpert:
    """Does a StackTask from privileged state. A `Policy`; its only memory is a cache of the possible grasps."""

    info = PolicyInfo()

    def __init__(self, embodiment: Embodiment | None = None, task: StackTask = RED_ON_BLUE):
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
        self._level_base = LevelBase(self._funnels, self._fingers, lower, upper)
        self._plan: tuple[np.ndarray, list[Grasp]] | None = None

    def reset(self, prompt: Prompt | None = None) -> None:
        self._plan = None
        self._level_base.reset()

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

    def _wish(self, scene: Scene) -> ArmAction:
        if self._should_release(scene):
            return self._let_go(scene)
        if scene.held:
            return self._carry(scene)
        if self._resting_on_base(scene):
            return self._let_go(scene)
        return self._level_base.wish(scene) or self._approach(scene)

    # --- what the expert thinks, for whoever arranges situations for it or learns from it ---

    def with_plan(self, observation: Observation) -> Observation:
        """The observation with PLAN_KEY [len(PLAN_NAMES)] among its privileged values."""
        scene = self._unpack(observation)
        (x, y), top, bottom = self.place(observation)
        approaching = not (scene.held or self._resting_on_base(scene))
        grasp = np.zeros(5)
        if approaching:
            best = best_grasp(self._grasps(scene), scene.yaw)
            at = self._cell.to_base(scene.top.centre + best.offset)
            grasp = np.array([*at, np.sin(2 * best.yaw_rad), np.cos(2 * best.yaw_rad)])
        plan = np.array([*grasp, x, y, top, bottom, float(approaching)], np.float32)
        return Observation(observation.values, observation.stamp_s, {**observation.privileged, PLAN_KEY: plan})

    def plan(self, observation: Observation, yaw_rad: float) -> Grasp:
        """The grasp it would choose for the top object where it lies, if the tool's yaw were `yaw_rad`."""
        grasp = best_grasp(self._grasps(self._unpack(observation)), yaw_rad)
        return replace(grasp, offset=self._scale * grasp.offset)

    def place(self, observation: Observation) -> tuple[np.ndarray, float, float]:
        """Where the top object's centre should go [2], the height of the base's top, its own lowest point [m]."""
        goal, *heights = self._place(self._unpack(observation))
        lower, upper = (self._cell.to_base(np.append(goal, height)) for height in heights)
        return lower[:2], float(lower[2]), float(upper[2])

    def width(self, observation: Observation, yaw_rad: float) -> float:
        """Extent of the top object along the closing direction of a gripper with that yaw [m]."""
        across = np.array([np.sin(yaw_rad), -np.cos(yaw_rad), 0.0])
        return self._scale * float(np.ptp(self._unpack(observation).top.surface @ across))

    # --- reading the observation ---

    def _unpack(self, observation: Observation) -> Scene:
        bodies = {}
        for colour in COLOURS:
            pose = np.array(observation.privileged[f"privileged/{colour}/pose"], np.float64)
            pose[:3] = self._cell.to_cell(pose[:3])
            name = OBJECT_NAMES[int(observation.privileged[f"privileged/{colour}/object"][0])]
            rotation = matrix_from_quat_xyzw(pose[3:])
            bodies[colour] = Body(name, pose[:3], rotation, surface_points(name) @ rotation.T + pose[:3])
        base = bodies[self.task.base]
        stand = standing_point(base.name, base.rotation, base.surface - base.centre) + base.centre[:2]
        pose = np.asarray(observation.values[self._pose_key], np.float64)
        rotation = matrix_from_quat_xyzw(pose[3:])
        left, right, on_base, on_ground = (bool(x) for x in observation.privileged[CONTACTS_KEY])
        return Scene(
            self._cell.to_cell(pose[:3]),
            float(np.arctan2(rotation[1, 0], rotation[0, 0])),
            float(observation.values[OPENING][0]) / self._scale,
            bodies[self.task.top],
            base,
            bodies[self.task.other],
            left,
            right,
            on_base,
            on_ground,
            stand,
        )

    def _resting_on_base(self, scene: Scene) -> bool:
        offset = scene.top.centre - scene.base.centre
        return bool(np.hypot(*offset[:2]) < 0.045 and offset[2] > 0.02 and scene.on_base and not scene.on_ground)

    def _grasps(self, scene: Scene) -> list[Grasp]:
        """All grasps of the top object where it lies; computed anew when anything has moved."""
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

    # --- the three funnels ---

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

    def _place(self, scene: Scene) -> tuple[np.ndarray, float, float]:
        """Where the top object's centre should go [2], the height of the base's top, its own lowest point [m]."""
        top = float(scene.base.surface[:, 2].max())
        centroid = scene.stand
        # The success allows 50 mm between the centres: stay well inside it.
        away = centroid - scene.base.centre[:2]
        reach = np.linalg.norm(away)
        if reach > 0.035:
            centroid = scene.base.centre[:2] + away * 0.035 / reach
        return centroid, top, float(scene.top.surface[:, 2].min())

    def _should_release(self, scene: Scene) -> bool:
        goal, top, bottom = self._place(scene)
        lateral = np.hypot(*(goal - scene.top.centre[:2]))
        return bool(
            lateral < self._gates.release_lateral_m
            and -0.02 < bottom - top < self._gates.release_gap_m
            and not scene.on_ground
        )

    def _carry(self, scene: Scene) -> ArmAction:
        gates = self._gates
        goal, top, bottom = self._place(scene)
        error = goal - scene.top.centre[:2]
        lateral = float(np.hypot(*error))
        high = max(top, float(scene.other.surface[:, 2].max()) if self._passes_other(scene, goal) else top)
        over = np.clip((lateral - 0.006) / 0.02, 0, 1)
        height = bottom + (self._ceiling - scene.tool[2])  # the highest that red's lowest point can get
        wanted = min(top + over * (high - top + gates.carry_clearance_m), height)
        below = wanted - bottom
        slow = np.clip(1.0 - (below - 0.008) / 0.015, 0.0, 1.0)
        down = below - gates.beyond_m if over < 0.5 else below
        velocity = gates.gain * np.array([error[0] * slow, error[1] * slow, down])
        return self._funnels.action(velocity, 0.0, 0.0)

    def _passes_other(self, scene: Scene, goal: np.ndarray) -> bool:
        way = goal - scene.top.centre[:2]
        length = np.linalg.norm(way)
        if length < 1e-6:
            return False
        unit = way / length
        relative = scene.other.centre[:2] - scene.top.centre[:2]
        return bool(-0.04 < relative @ unit < length + 0.04 and abs(relative @ np.array([-unit[1], unit[0]])) < 0.075)

    def _let_go(self, scene: Scene) -> ArmAction:
        """It stands on the base: open, leave upwards once the fingers are clear of it, and go where the cell waits."""
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

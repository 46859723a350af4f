"""`RgbStackingEnv`: the world as a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.errors import unknown_name
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.sensing.rotation_kinds import rotation_values
from gato_ros.core.text import value_from_text
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.embodiments.actions.hold import full_command, standing_action
from gato_ros.embodiments.actions.opening import wanted_opening_m
from gato_ros.sim import task
from gato_ros.sim.attempts import VOID
from gato_ros.sim.ground_truth import PRIVILEGED_KEYS, ground_truth
from gato_ros.sim.held_out.worlds import HeldOutWorld
from gato_ros.sim.motion import INNER_STEP_S, checked, make_motion
from gato_ros.sim.randomisation import PLAIN, Conditions, Randomisation
from gato_ros.sim.world import PhysicsError, StackingWorld


class RgbStackingEnv(gymnasium.Env):
    """One task with three props, to stack red on blue by default, within 400 ticks of 50 ms.

    The interface is that of google-deepmind/rgb_stacking, but for the gripper, which the peer commands in +-255.
    Action: float32, the contract's own, part by part, and what `Action.as_vector` gives, so that
    `step(policy.act(observation).action.as_vector())` does what the policy asks for. Of the Sawyer and the Panda it
    has 5 values: vx vy vz [m/s], wz [rad/s], gripper opening [m].
    Observation: a dict of the contract's channels, and of privileged keys only where requested by name.
    Reward: 1 while the task holds (HOLD_STEPS of that are the success), else 0; truncates at `max_steps`, terminates
    only where physics fail.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 20}

    def __init__(
        self,
        objects: str = "cubes",
        observation_keys: tuple[str, ...] | None = None,
        privileged: tuple[str, ...] = (),
        max_steps: int = task.MAX_STEPS,
        embodiment: Embodiment | None = None,
        render_mode: str | None = None,
        wanted: task.Task = task.RED_ON_BLUE,
        randomisation: Randomisation | None = None,
        randomise_fully: bool = False,
        held_out: HeldOutWorld | None = None,
        text_s: float | None = None,
    ):
        """What the names do not say:

        wanted: what is to be done.
        randomisation: what differs from the plain world from episode to episode; None: nothing.
        randomise_fully: take each of its magnitudes at the limit (a test of robustness) instead of drawing it.
        held_out: a world that no training touches, in the place of the plain one and of `randomisation`.
        text_s: so long [s] after a reset the task is told in words, then the text is empty: 0 hides it, and with 1 it
            has to be remembered; None: throughout.
        """
        task.check_object_set(objects)
        self.embodiment = embodiment or load_embodiment()
        self.objects, self.max_steps, self.render_mode, self.wanted = objects, max_steps, render_mode, wanted
        self.observation_keys = (
            self.embodiment.observation_keys if observation_keys is None else tuple(observation_keys)
        )
        self.privileged = tuple(privileged)
        for key in self.privileged:
            if key not in PRIVILEGED_KEYS:
                raise unknown_name("a privileged observation", key, PRIVILEGED_KEYS)
        self.observation_space = gymnasium.spaces.Dict(
            {key: self._space(key) for key in (*self.observation_keys, *self.privileged)}
        )
        lower, upper = self.embodiment.action_lower, self.embodiment.action_upper
        self.action_space = gymnasium.spaces.Box(lower.astype(np.float32), upper.astype(np.float32), dtype=np.float32)
        make_world = StackingWorld if held_out is None else held_out.make
        self.world = make_world(self.embodiment, gui=render_mode == "human")
        self._motion, self._full = make_motion(self.world), full_command(self.embodiment)
        self._started, self.text_s = False, text_s
        self._randomisation, self._fully, self._held_out = randomisation, randomise_fully, held_out
        self.conditions = PLAIN
        """Look, feel and delays of this episode."""

    def _space(self, key: str) -> gymnasium.Space:
        if key.startswith(PRIVILEGED_PREFIX):
            if key.endswith("/object"):
                return gymnasium.spaces.Box(0, len(task.OBJECT_NAMES) - 1, (1,), np.float32)
            return gymnasium.spaces.Box(-np.inf, np.inf, (4,) if key.endswith("/contacts") else (7,), np.float32)
        channel = self.embodiment.channel(key)
        if channel.kind == "image":
            return gymnasium.spaces.Box(0, 255, channel.shape, np.uint8)
        if channel.kind == "discrete":
            return gymnasium.spaces.Box(0, channel.values - 1, channel.shape, np.float32)
        # Ranges of the contract are for encoding; a reading may leave them.
        return gymnasium.spaces.Box(-np.inf, np.inf, channel.shape, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        self.start(seed)
        return self._values(), self._info()

    def start(self, seed: int | None = None) -> None:
        """`reset` for whoever does not want the first pictures: rendering is most of its time."""
        super().reset(seed=seed)
        self.world.reset(self.np_random, self.objects)
        # Drawn last: an episode of the same seed starts in the same way whatever its conditions.
        self._begin(self._draw_conditions())

    def _draw_conditions(self) -> Conditions:
        cameras = tuple(key.split("/")[0] for key in self.embodiment.image_keys)
        if self._held_out is not None:
            return self._held_out.draw(self.np_random, cameras)
        if self._randomisation is None:
            return PLAIN
        return self._randomisation.draw(self.np_random, cameras, self._fully)

    def _begin(self, conditions: Conditions) -> None:
        self.conditions = conditions
        self._noise = np.random.default_rng(self.np_random.integers(2**63)) if conditions is not PLAIN else None
        self._late: list[Action] = []
        self._pictures: dict[str, np.ndarray] = {}
        self._stale = False
        if conditions is not PLAIN:
            self.world.set_conditions(conditions)
        self._tick, self._started = 0, True
        self._motion.reset()
        self._attempt = self.wanted.begin(self.wanted.situation(self.world))

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        action, size = np.asarray(action, np.float64), len(self.embodiment.action_lower)
        if action.shape != (size,) or not np.isfinite(action).all():
            raise ValueError(f"an action is {size} finite numbers, got {action}")
        reward, terminated, truncated, info = self.step_action(Action.of_vector(action, self.embodiment.spec.actions))
        return self._values(), reward, terminated, truncated, info

    def step_action(self, action: Action) -> tuple[float, bool, bool, dict[str, Any]]:
        """One control tick of the contract's action; reward, terminated, truncated, info. Renders nothing.

        Physics that come to no world end the episode: it is no success, its failure is VOID, and only a reset goes on.
        """
        if not self._started:
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        robot, world = self.embodiment, self.world
        action = self._disturbed(checked(robot, action))
        world.set_gripper(wanted_opening_m(robot, float(action.values[robot.gripper_key][0])))
        self._motion.begin(action.values[robot.arm_key])
        self._tick += 1
        try:
            for _ in range(round(1.0 / robot.control_rate_hz / INNER_STEP_S)):
                world.set_joint_velocity(self._motion.joint_velocity())
                world.advance(INNER_STEP_S)
        except PhysicsError:  # a prop that was flung out of the basket, most often: no reason to lose other episodes
            self._started = False
            return 0.0, True, False, {**self._info(), "success": False, "failure": VOID}
        holds = self._attempt.update(self.wanted.situation(world))
        return float(holds), False, self._tick >= self.max_steps, self._info()

    def _disturbed(self, action: Action) -> Action:
        """What reaches the robot under this episode's conditions, and whether the next pictures are late."""
        conditions = self.conditions
        if conditions is PLAIN:
            return action
        if conditions.latency_ticks:
            still = standing_action(self.embodiment, self.world.joint_positions, self.world.gripper_opening_m)
            self._late.append(action)
            action = self._late.pop(0) if len(self._late) > conditions.latency_ticks else still
        if conditions.action_noise:
            full, key = self._full, self.embodiment.arm_key
            noise = conditions.action_noise * full * self._noise.normal(size=len(full))
            action = Action({**action.values, key: action.values[key] + noise})
        self._stale = self._noise.random() < conditions.dropped_frames
        return action

    @property
    def succeeded(self) -> bool:
        """Whether this episode has been a success: the task has held for HOLD_STEPS ticks."""
        return self._attempt.succeeded

    def _info(self) -> dict[str, Any]:
        failure = self._attempt.failure
        if failure and self._motion.latched:
            failure = f"latched_{self._motion.latched}"
        return {
            "success": self._attempt.succeeded,
            "stacked": self._attempt.stage == "stacked",
            "progress": self._attempt.stage,
            "stages": self._attempt.stages[1:],
            "failure": failure,
            "tick": self._tick,
            "objects": self.world.object_names,
        }

    def observe(self, images: bool = True) -> Observation:
        """The current Observation, with the channels and privileged keys this environment was made with."""
        values = {
            key: self._value(key)
            for key in self.observation_keys
            if images or self.embodiment.observations[key].kind != "image"
        }
        privileged = {key: ground_truth(self.world, self.wanted, key) for key in self.privileged}
        return Observation(values, self.world.time_s, privileged)

    def _values(self) -> dict[str, np.ndarray]:
        observation = self.observe()
        return {**observation.values, **observation.privileged}

    def _value(self, key: str) -> np.ndarray:
        channel, world = self.embodiment.channel(key), self.world
        if channel.kind == "image":
            return self._picture(key)
        if channel.source in ("tool_pose", "wrist_pose"):
            q = world.joint_positions
            tool = world.kinematics.tool(q)
            position, rotation = (
                (tool.position, tool.rotation) if channel.source == "tool_pose" else world.kinematics.wrist(q)
            )
            value = np.concatenate([position, rotation_values(rotation, channel.rotation)])
        elif channel.source == "task":
            told = self.text_s is None or self._tick < round(self.text_s * self.embodiment.control_rate_hz)
            value = value_from_text(self.wanted.text if told else "", channel.size_bytes)
        else:
            value = {
                "joint_position": lambda: world.joint_positions,
                "joint_velocity": lambda: world.joint_velocities,
                "gripper_opening": lambda: [world.gripper_opening_m],
                "gripper_grasp": lambda: [world.gripper_effort_n > self.embodiment.gripper.grasp_threshold_n],
            }[channel.source]()
        return np.asarray(value, np.float32)

    def _picture(self, key: str) -> np.ndarray:
        if not self.conditions.dropped_frames:
            return self.world.render(key)
        if not (self._stale and key in self._pictures):
            self._pictures[key] = self.world.render(key)
        return self._pictures[key]

    def render(self) -> np.ndarray | None:
        """The first camera's picture in `rgb_array` mode; the window shows itself in `human` mode."""
        shown = self.embodiment.image_keys[:1] if self.render_mode == "rgb_array" else ()
        return self.world.render(shown[0]) if shown else None

    def close(self) -> None:
        self.world.close()

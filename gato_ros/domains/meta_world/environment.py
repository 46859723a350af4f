"""A task of Meta-World as an environment of Gato's: the state as numbers, the task as a text."""

from __future__ import annotations

import os
import warnings
from ctypes.util import find_library
from typing import Any

import gymnasium
import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.text import value_from_text
from gato_ros.domains.meta_world.tasks import ARM, LONGEST, PLACES, SPEC, STATE, TASK, words_of


class MetaWorldEnv(gymnasium.Env):
    """One task. Every seed is a start and a goal of its own.

    Observation: what SPEC names, as a dictionary of arrays. Action: float [4] in [-1, 1], or `Action.as_vector`; what
    is outside is clipped. Reward: the package's, up to 10 a step. An episode ends at its first success or after 500
    steps.
    """

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, task: str, render_mode: str | None = None):
        """`task` is one of TASKS.

        Raises:
            SetupError: `metaworld` is not installed.
        """
        if render_mode:
            _choose_drawing()
        self._env = _package("metaworld.env_dict").ALL_V3_ENVIRONMENTS[package_name(task)](render_mode=render_mode)
        # As the package makes them for its benchmark: with the goal among the observations, another one each time.
        self._env._partially_observable, self._env._set_task_called = False, True
        self._env._freeze_rand_vec, self._env.seeded_rand_vec = False, True
        self._env.__dict__.pop("sawyer_observation_space", None)
        self.render_mode, self._task = render_mode, task
        self.observation_space = gymnasium.spaces.Dict(
            {
                STATE: gymnasium.spaces.Box(-np.inf, np.inf, (len(PLACES),), np.float32),
                TASK: gymnasium.spaces.Box(0, 255, SPEC.observations[TASK].shape, np.float32),
            }
        )
        self.action_space = gymnasium.spaces.Box(-1, 1, (4,), np.float32)
        self._steps = 0
        self.state = np.zeros(39)
        """float64 [39] what the package observes: what its experts look at."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin the episode of that seed."""
        super().reset(seed=seed)
        self._env.seed(int(self.np_random.integers(2**31)) if seed is None else seed)
        self.state, self._steps = self._env.reset()[0], 0
        return dict(self.observe().values), {"success": False}

    def observe(self) -> Observation:
        """The numbers of now, the goal, and the task in words."""
        words = value_from_text(words_of(self._task), SPEC.observations[TASK].shape[0])
        return Observation({STATE: self.state[list(PLACES)].astype(np.float32), TASK: words}, self._steps)

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """One step of the arm; ValueError for what is no action."""
        reward, terminated, truncated, info = self._move(np.asarray(action, np.float64).reshape(-1))
        return dict(self.observe().values), reward, terminated, truncated, info

    def step_action(self, action: Action) -> tuple[float, bool, bool, dict[str, Any]]:
        """One step of the arm; reward, terminated, truncated, info."""
        return self._move(action.as_vector())

    def _move(self, vector: np.ndarray) -> tuple[float, bool, bool, dict[str, Any]]:
        if vector.shape != (4,) or not np.isfinite(vector).all():
            raise ValueError(f"an action of {ARM} is four finite numbers, got {vector}")
        self.state, reward, _, late, info = self._env.step(np.clip(vector, -1, 1))
        self._steps += 1
        success = bool(info["success"])
        truncated = bool(late or self._steps >= LONGEST) and not success
        failure = "time_limit" if truncated else None
        return float(reward), success, truncated, {"success": success, "failure": failure}

    def render(self) -> np.ndarray | None:
        """What the package's camera sees in `rgb_array` mode; SetupError without a way to draw (EGL or OSMesa)."""
        if self.render_mode != "rgb_array":
            return None
        try:
            picture = self._env.render()
        except Exception as error:  # GLFW, EGL and OSMesa each fail in their own way
            said = " ".join(str(error).split())[:120]
            raise SetupError(
                expected="a way to draw without a screen, for pictures of meta_world",
                got=f"{type(error).__name__}: {said}",
                fix="set MUJOCO_GL=egl (libegl1) or MUJOCO_GL=osmesa (libosmesa6), or do without pictures",
            ) from None
        return np.asarray(picture)

    def close(self) -> None:
        """Free the world."""
        self._env.close()


def _choose_drawing() -> None:
    """Where nothing else is said, draw without a screen: MuJoCo's own choice, GLFW, ends the process without one."""
    if "MUJOCO_GL" in os.environ or os.environ.get("DISPLAY"):
        return
    for name, library in (("egl", "EGL"), ("osmesa", "OSMesa")):
        if find_library(library):
            os.environ["MUJOCO_GL"] = name
            return
    raise SetupError(
        expected="a screen, libEGL or libOSMesa, for pictures of meta_world",
        got="none of them",
        fix="install libegl1 or libosmesa6, or do without pictures",
    )


def expert_of(task: str) -> Any:
    """The package's scripted policy of a task: `get_action(float64 [39])`, which may be larger than 1."""
    warnings.filterwarnings("ignore", message="Constant\\(s\\) may be too high")  # it is clipped, as it says
    return _package("metaworld.policies").ENV_POLICY_MAP[package_name(task)]()


def package_name(task: str) -> str:
    """What the package calls a task."""
    return f"{task.replace('_', '-')}-v3"


def _package(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise SetupError(
            expected="the package metaworld, for the domain meta_world",
            got=f"no module {error.name}",
            fix="run `pip install gato_ros[domains]`",
        ) from None

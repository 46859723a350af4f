"""A game as an environment of Gato's: the screen as a picture, the game's name as a text."""

from __future__ import annotations

from typing import Any, SupportsFloat

import cv2
import gymnasium
import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.text import value_from_text
from gato_ros.domains.atari.console import Console
from gato_ros.domains.atari.games import BUTTON, BUTTONS, GAMES, LONGEST, SCREEN, SPEC, TASK, words_of
from gato_ros.domains.atari.scene import Scene
from gato_ros.domains.spaces import spaces_of

NOOP = 0
OBJECTS = f"{PRIVILEGED_PREFIX}objects"
"""Ground truth, for learning only: float32 [8], what `scene.NAMES` says of the screen [px]."""


class AtariEnv(gymnasium.Env):
    """One game. Seed and buttons decide the whole episode.

    Observation: what SPEC names, as a dictionary of arrays. Action: an integer below 18, or the one number of
    `Action.as_vector`. Reward: what the score rises by. An episode ends with the game or after LONGEST steps; it is a
    success if its score then lies above random play's.
    """

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, task: str, render_mode: str | None = None):
        """`task` is one of GAMES. SetupError where `ale_py` is not installed."""
        self.console = Console(task)
        self.render_mode, self._task = render_mode, task
        pictures, self.action_space = spaces_of(SPEC.only((SCREEN,)))
        text = gymnasium.spaces.Box(0, 255, SPEC.observations[TASK].shape, np.float32)
        self.observation_space = gymnasium.spaces.Dict({SCREEN: pictures[SCREEN], TASK: text})
        self._words = value_from_text(words_of(task), SPEC.observations[TASK].shape[0])
        self._steps, self._score = 0, 0.0
        self._scene = Scene(task)
        self.pressed = NOOP
        """The button of the last step."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin the episode of that seed."""
        super().reset(seed=seed)
        self.console.reset(int(self.np_random.integers(2**31)) if seed is None else seed)
        self._steps, self._score, self.pressed = 0, 0.0, NOOP
        self._scene.reset()
        self._scene.look(self.console.ram)
        return dict(self.observe().values), {"success": False}

    def observe(self) -> Observation:
        """The screen by area, and the game's name; among the privileged values OBJECTS."""
        height, width, _ = SPEC.observations[SCREEN].shape
        # By area: a ball of two pixels is paler in the small picture, but never gone.
        small = cv2.resize(self.console.screen(), (width, height), interpolation=cv2.INTER_AREA)
        values = {SCREEN: np.asarray(small, np.uint8), TASK: self._words.copy()}
        return Observation(values, self._steps, {OBJECTS: self._scene.places})

    def step(
        self, action: SupportsFloat | np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Hold a button for four frames; ValueError for what is none."""
        reward, terminated, truncated, info = self._press(np.asarray(action, np.float64).reshape(-1))
        return dict(self.observe().values), reward, terminated, truncated, info

    def step_action(self, action: Action) -> tuple[float, bool, bool, dict[str, Any]]:
        """Hold a button for four frames; reward, terminated, truncated, info."""
        return self._press(action.as_vector())

    def _press(self, vector: np.ndarray) -> tuple[float, bool, bool, dict[str, Any]]:
        if vector.shape != (1,) or vector[0] not in range(len(BUTTONS)):
            raise ValueError(f"a {BUTTON} is one of the integers 0 to {len(BUTTONS) - 1}, got {vector}")
        self.pressed = int(vector[0])
        reward = self.console.press(self.pressed)
        self._scene.look(self.console.ram)
        self._steps, self._score = self._steps + 1, self._score + reward
        terminated = self.console.over
        truncated = self._steps >= LONGEST and not terminated
        success = (terminated or truncated) and self._score > GAMES[self._task].random
        failure = None if success or not (terminated or truncated) else "low_score"
        return reward, terminated, truncated, {"success": success, "failure": failure}

    def render(self) -> np.ndarray | None:
        """The whole screen in `rgb_array` mode."""
        return self.console.screen() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Nothing is held open."""

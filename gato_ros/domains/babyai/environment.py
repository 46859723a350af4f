"""A BabyAI level as an environment of Gato's: the tiles in front of the agent as numbers, the mission as a text."""

from __future__ import annotations

import contextlib
import io
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.spec import TextSpec
from gato_ros.core.text import value_from_text
from gato_ros.domains.babyai.cells import TILES, cells_of, mentioned
from gato_ros.domains.babyai.levels import CELLS, DIRECTION, MISSION, MOVES, Level

TARGET = f"{PRIVILEGED_PREFIX}target"
"""Ground truth, for learning only: float32 [tiles], 1 where a tile in view shows an object that the mission names."""


class BabyAiEnv(gymnasium.Env):
    """One level.

    Observation: what the level's spec names, as a dictionary of arrays. Action: an integer below 7, or the one number
    of `Action.as_vector`. Reward: 1 - 0.9 * steps / longest on success, else 0.
    """

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, level: Level, render_mode: str | None = None):
        """SetupError where `minigrid` is not installed."""
        try:
            import minigrid  # noqa: F401  (registers the levels)
        except ModuleNotFoundError as error:
            raise SetupError(
                expected="the package minigrid, for the domain babyai",
                got=f"no module {error.name}",
                fix="run `pip install gato_ros[domains]`",
            ) from None
        self._env = gymnasium.make(level.environment, disable_env_checker=True)
        self.render_mode = render_mode
        mission = level.spec.observations[MISSION]
        assert isinstance(mission, TextSpec)
        self._mission_spec = mission
        self.observation_space = gymnasium.spaces.Dict(
            {
                CELLS: gymnasium.spaces.Box(0, 1023, (TILES**2,), np.float32),
                DIRECTION: gymnasium.spaces.Box(0, 3, (1,), np.float32),
                MISSION: gymnasium.spaces.Box(0, 255, mission.shape, np.float32),
            }
        )
        self.action_space = gymnasium.spaces.Discrete(len(MOVES))
        self._seen: dict[str, Any] = {}
        self._mission_value = np.zeros(0, np.float32)
        self.taken: int | None = None
        """The move that was made last; None after a reset."""

    @property
    def level(self) -> Any:
        """minigrid's own environment: what its bot looks at."""
        return self._env.unwrapped

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin the episode of that seed. A mission that the spec has no room for is drawn again."""
        super().reset(seed=seed)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it draws again
            self._seen, _ = self._env.reset(seed=seed)
            while not self._has_room(self._seen["mission"]):
                self._seen, _ = self._env.reset()
        self.taken = None
        self._mission_value = value_from_text(self._seen["mission"], self._mission_spec.size_bytes)
        return dict(self.observe().values), {"success": False}

    def _has_room(self, mission: str) -> bool:
        # A word is one piece of the published vocabulary, and so is a comma.
        words = len(mission.split()) + mission.count(",")
        return words <= self._mission_spec.tokens and len(mission) <= self._mission_spec.size_bytes

    def observe(self) -> Observation:
        """The tiles in front of the agent, where it looks, and its mission; among the privileged values TARGET."""
        cells = cells_of(self._seen["image"])
        direction = np.array([self._seen["direction"]], np.float32)
        target = mentioned(self._seen["mission"])[cells.astype(np.int64)].astype(np.float32)
        values = {CELLS: cells, DIRECTION: direction, MISSION: self._mission_value.copy()}
        return Observation(values, self.level.step_count, {TARGET: target})

    def step(
        self, action: SupportsFloat | np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """One move; ValueError for what is none."""
        reward, terminated, truncated, info = self._move(np.asarray(action, np.float64).reshape(-1))
        return dict(self.observe().values), reward, terminated, truncated, info

    def step_action(self, action: Action) -> tuple[float, bool, bool, dict[str, Any]]:
        """One move; reward, terminated, truncated, info."""
        return self._move(action.as_vector())

    def _move(self, vector: np.ndarray) -> tuple[float, bool, bool, dict[str, Any]]:
        if vector.shape != (1,) or vector[0] not in range(len(MOVES)):
            raise ValueError(f"a move is one of the integers 0 to {len(MOVES) - 1}, got {vector}")
        self.taken = int(vector[0])
        self._seen, given, ended, late, _ = self._env.step(self.taken)
        reward, terminated, truncated = float(given), bool(ended), bool(late)
        success = reward > 0
        failure = None if success or not (terminated or truncated) else "time_limit" if truncated else "mission_failed"
        return reward, terminated, truncated, {"success": success, "failure": failure}

    def render(self) -> np.ndarray | None:
        """The whole world from above in `rgb_array` mode."""
        return self.level.get_frame(tile_size=32) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Free the level."""
        self._env.close()

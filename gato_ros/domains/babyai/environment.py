"""A BabyAI level as an environment of Gato's: the tiles in front of the agent as a picture, the mission as a text."""

from __future__ import annotations

import contextlib
import io
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.spec import DiscreteSpec, ImageSpec, StepSpec, TextSpec
from gato_ros.core.text import value_from_text

TILES, TILE_PX = 7, 8
"""The agent sees 7 x 7 tiles; drawn so large, a tile is one patch of 8 px."""
VIEW, MISSION, MOVE = "view/pixels", "mission/text", "move"
TARGET = f"{PRIVILEGED_PREFIX}target"
"""Ground truth, for learning only: float32 [tiles], 1 where a tile in view shows what the mission names."""
MOVES = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
SPEC = StepSpec.of(
    {VIEW: ImageSpec(TILES * TILE_PX, TILES * TILE_PX), MISSION: TextSpec(size_bytes=64, tokens=12)},
    {MOVE: DiscreteSpec(len(MOVES))},
)


class BabyAiEnv(gymnasium.Env):
    """One level.

    Observation: what SPEC names, as a dictionary of arrays. Action: an integer below 7, or the one number of
    `Action.as_vector`. Reward: 1 - 0.9 * steps / longest on success, else 0.
    """

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, level: str, render_mode: str | None = None):
        """`level` is minigrid's name, like BabyAI-GoToLocal-v0.

        Raises:
            SetupError: `minigrid` is not installed.
        """
        try:
            import minigrid  # noqa: F401  (registers the levels)
        except ModuleNotFoundError as error:
            raise SetupError(
                expected="the package minigrid, for the domain babyai",
                got=f"no module {error.name}",
                fix="run `pip install minigrid`",
            ) from None
        self._env = gymnasium.make(level)
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Dict(
            {
                VIEW: gymnasium.spaces.Box(0, 255, SPEC.observation(VIEW).shape, np.uint8),
                MISSION: gymnasium.spaces.Box(0, 255, SPEC.observation(MISSION).shape, np.float32),
            }
        )
        self.action_space = gymnasium.spaces.Discrete(len(MOVES))
        self._mission = ""
        self.taken: int | None = None
        """The move that was made last; None after a reset."""

    @property
    def level(self) -> Any:
        """minigrid's own environment: what its bot looks at."""
        return self._env.unwrapped

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin the episode of that seed."""
        super().reset(seed=seed)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it draws again
            seen, _ = self._env.reset(seed=seed)
        self._mission, self.taken = seen["mission"], None
        return dict(self.observe().values), {"success": False}

    def observe(self) -> Observation:
        """The tiles in front of the agent and its mission; among the privileged values TARGET."""
        picture = self.level.get_frame(tile_size=TILE_PX, agent_pov=True)
        mission = value_from_text(self._mission, SPEC.observation(MISSION).shape[0])
        values = {VIEW: np.ascontiguousarray(picture, np.uint8), MISSION: mission}
        return Observation(values, self.level.step_count, {TARGET: self._targets()})

    def _targets(self) -> np.ndarray:
        grid, visible = self.level.gen_obs_grid()
        wanted = tuple(self._mission.split()[-2:])
        tiles = np.zeros(TILES**2, np.float32)
        for place in range(TILES**2):
            row, column = divmod(place, TILES)
            thing = grid.get(column, row) if visible[column, row] else None
            tiles[place] = thing is not None and (thing.color, thing.type) == wanted
        return tiles

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
        self._mission = (found := self._env.step(self.taken))[0]["mission"]
        reward, terminated, truncated = float(found[1]), bool(found[2]), bool(found[3])
        success = reward > 0
        failure = None if success or not (terminated or truncated) else "time_limit" if truncated else "mission_failed"
        return reward, terminated, truncated, {"success": success, "failure": failure}

    def render(self) -> np.ndarray | None:
        """The whole world from above in `rgb_array` mode."""
        return self.level.get_frame(tile_size=32) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Free the level."""
        self._env.close()

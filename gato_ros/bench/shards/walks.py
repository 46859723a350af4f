"""A world that is cheap to play: somebody walks over a square to its goal, and sees the cells around."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gato_ros.core.spec import DiscreteSpec, StepSpec
from gato_ros.data.demonstrations.demonstration import Demonstration
from gato_ros.data.demonstrations.pictures import Pictures
from gato_ros.data.demonstrations.shard import SUFFIX, Head, write_shard
from gato_ros.models.config import GatoConfig
from gato_ros.training.sequence_config import SequenceConfig

CELLS, FACING, MOVE = "view/cells", "agent/facing", "move"
SIDE, SEEN = 9, 5
"""Of the square, and of the view, whose middle is the walker."""
EMPTY, WALL, GOAL = range(3)
MOVES = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
SPEC = StepSpec.of({CELLS: DiscreteSpec(3, SEEN**2), FACING: DiscreteSpec(4)}, {MOVE: DiscreteSpec(4)})
HEAD = Head("walks", "to_goal", SPEC, "success", "expert", "expert", {"versions": {"walks": "1"}})
MODEL = GatoConfig(
    layers=2,
    width=64,
    heads=4,
    head_size=16,
    feed_forward=256,
    observation_keys=(CELLS, FACING),
    text_rows=8,
    action_decoding="autoregressive",
    context_tokens=4 * (SEEN**2 + 3),
)
"""Half of the size of `babyai_small`; it remembers four steps."""


def recipe(steps: int) -> SequenceConfig:
    """How it is trained here."""
    return SequenceConfig(steps=steps, batch=8, length=8, warmup_steps=10, learning_rate=1e-3, legal_only=True)


def walk(seed: int) -> Demonstration:
    """The walk of that seed: first along one side, then along the other."""
    rng = np.random.default_rng(seed)
    start, goal = rng.integers(SIDE, size=(2, 2))
    if (start == goal).all():
        goal = SIDE - 1 - goal + (goal == SIDE // 2)
    way = goal - start
    moves = np.repeat([0 if way[0] > 0 else 1, 2 if way[1] > 0 else 3], np.abs(way))
    places = start + np.concatenate([[[0, 0]], np.cumsum(MOVES[moves], 0)[:-1]])
    reach = np.arange(SEEN) - SEEN // 2
    across, ahead = (places[:, axis, None] + reach for axis in (0, 1))
    outside = [(one < 0) | (one >= SIDE) for one in (across, ahead)]
    cells = np.where(outside[0][:, :, None] | outside[1][:, None, :], WALL, EMPTY)
    cells[(across == goal[0])[:, :, None] & (ahead == goal[1])[:, None, :]] = GOAL
    seen = {CELLS: cells.reshape(len(moves), -1), FACING: np.concatenate([[0], moves[:-1]])[:, None]}
    seen = {key: values.astype(np.uint8) for key, values in seen.items()}
    done = moves[:, None].astype(np.float32)
    return Demonstration(seed, seen, Pictures((), b"", np.zeros(0, np.int64)), {}, done, done, 1.0, True)


def shard_path(folder: Path, first: int, count: int) -> Path:
    """Where the walks of the seeds from `first` on lie."""
    return folder / f"walks-to_goal-expert-{first:07d}-{count:03d}{SUFFIX}"


def write_walks(folder: Path, first: int, count: int) -> Path:
    """A shard with the walks of the seeds from `first` on; one that is there stays."""
    path = shard_path(folder, first, count)
    if not path.exists():
        write_shard(path, HEAD, [walk(seed) for seed in range(first, first + count)])
    return path

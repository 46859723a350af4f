"""The stacking task: object sets, the start distribution and success (google-deepmind/rgb_stacking, task.py)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from gato_ros.core.errors import unknown_name
from gato_ros.sim.objects import HELD_OUT_OBJECTS, TEST_OBJECTS, TEST_TRIPLETS, TRAINING_OBJECTS

MAX_STEPS = 400
"""Control ticks in an episode: 20 s at 20 Hz."""
HOLD_STEPS = 24
"""An episode counts as stacked when the sparse success holds for so many ticks (1.2 s) without a break.

The success forbids any touch between red and the robot, so the gripper has let go for all that time.
"""
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class StackTask:
    """Which prop goes on which."""

    top: str
    base: str

    @property
    def other(self) -> str:
        """The third prop, which stands in the way."""
        return next(colour for colour in COLOURS if colour not in (self.top, self.base))

    @property
    def text(self) -> str:
        """The task in words, for a policy that reads its task."""
        return f"stack the {self.top} object on the {self.base} one"


RED_ON_BLUE = StackTask("red", "blue")
TASKS = {
    f"{task.top}_on_{task.base}": task
    for task in (RED_ON_BLUE, *(StackTask(top, base) for top, base in permutations(COLOURS, 2)))
}
"""All six. `blue_on_green` is the paper's new task for few-shot fine-tuning (section 5.2). The generalist learns it,
too: of it the other four are held out."""
OBJECT_NAMES = tuple(sorted({*TRAINING_OBJECTS, *HELD_OUT_OBJECTS, *TEST_OBJECTS}))
"""All 152 objects, in the order that privileged observations number them."""

OBJECT_SETS = ("cubes", *TEST_TRIPLETS, "train")
"""`cubes`: three 50 mm cubes; the five test triplets; `train`: three different training objects per episode."""

SUCCESS_DISTANCE_M = 0.05
SUCCESS_HEIGHT_M = 0.02


def check_object_set(name: str) -> None:
    """SetupError for an unknown object set."""
    if name not in OBJECT_SETS:
        raise unknown_name("an object set", name, OBJECT_SETS)


def draw_objects(object_set: str, rng: np.random.Generator) -> tuple[str, str, str]:
    """Names of the red, green and blue object of one episode; SetupError for an unknown set."""
    check_object_set(object_set)
    if object_set == "cubes":
        return ("s0", "s0", "s0")
    if object_set in TEST_TRIPLETS:
        return tuple(TEST_TRIPLETS[object_set])
    return tuple(str(name) for name in rng.choice(sorted(TRAINING_OBJECTS), size=3, replace=False))


def stack_task(name: str) -> StackTask:
    """The task of that name; SetupError if there is none."""
    if name not in TASKS:
        raise unknown_name("a task", name, TASKS)
    return TASKS[name]


def is_stacked(top_position: np.ndarray, base_position: np.ndarray, base: str, touches: set[str]) -> bool:
    """The peer's sparse success at one instant.

    Args:
        top_position, base_position: [3] object centres [m].
        base: colour of the lower object.
        touches: what the upper one is in contact with, out of the colours, "ground" and "robot".
    """
    offset = top_position - base_position
    return bool(
        np.hypot(offset[0], offset[1]) < SUCCESS_DISTANCE_M
        and offset[2] > SUCCESS_HEIGHT_M
        and base in touches
        and not touches & {"ground", "robot"}
    )


# Start of the props: the peer's ranges with two easings (drop points apart, centres inside the workspace).
PROP_LOWER = np.array([0.50, -0.10])
PROP_UPPER = np.array([0.70, 0.10])
PROP_DROP_HEIGHT_M = 0.12
PROP_SPACING_M = 0.075
SETTLE_S = 2.0


def draw_drop_points(rng: np.random.Generator) -> np.ndarray:
    """[3 2] x y [m] where the three props are dropped, at least PROP_SPACING_M apart."""
    while True:
        points = rng.uniform(PROP_LOWER, PROP_UPPER, size=(3, 2))
        gaps = [np.linalg.norm(points[i] - points[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        if min(gaps) >= PROP_SPACING_M:
            return points


def draw_quat_xyzw(rng: np.random.Generator) -> np.ndarray:
    """A uniformly random unit quaternion."""
    q = rng.normal(size=4)
    return q / np.linalg.norm(q)

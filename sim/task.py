"""The tasks, the object sets and the start distribution (google-deepmind/rgb_stacking, task.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import permutations
from typing import ClassVar

import numpy as np

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.sim.attempts import ArmWorld, Attempt, LiftAttempt, PushAttempt, Situation, StackAttempt
from gato_ros.sim.objects import HELD_OUT_OBJECTS, TEST_OBJECTS, TEST_TRIPLETS, TRAINING_OBJECTS

MAX_STEPS = 400
"""Control ticks in an episode: 20 s at 20 Hz."""
COLOURS = ("red", "green", "blue")


class Task(ABC):
    """What is to be done with one of the props, its target."""

    attempt: ClassVar[type[Attempt]]
    """What watches an episode of it."""

    @property
    @abstractmethod
    def target(self) -> str:
        """Colour of the prop that the task is about."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The task in words, for a policy that reads its task."""

    @abstractmethod
    def begin(self, start: Situation) -> Attempt:
        """Watches an episode that starts so."""

    @property
    def others(self) -> tuple[str, str]:
        """The other two props."""
        first, second = (colour for colour in COLOURS if colour != self.target)
        return first, second

    @property
    def done(self) -> str:
        """What a success is called: the last of its stages."""
        return self.attempt.stages[-1]

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The props of which `privileged/contacts` tells whether the target touches them."""
        return self.others

    def situation(self, world: ArmWorld) -> Situation:
        """What its attempts watch."""
        return Situation.of(world, self.target, COLOURS)


@dataclass(frozen=True)
class StackTask(Task):
    """Which prop goes on which."""

    attempt = StackAttempt
    top: str
    base: str

    @property
    def target(self) -> str:
        return self.top

    @property
    def other(self) -> str:
        """The third prop, which stands in the way."""
        return next(colour for colour in COLOURS if colour not in (self.top, self.base))

    @property
    def others(self) -> tuple[str, str]:
        """The base, and the third prop."""
        return self.base, self.other

    @property
    def rests_on(self) -> tuple[str, ...]:
        return (self.base,)

    @property
    def text(self) -> str:
        return f"stack the {self.top} object on the {self.base} one"

    def begin(self, start: Situation) -> StackAttempt:
        return StackAttempt(self.top, self.base, start)


@dataclass(frozen=True)
class OnePropTask(Task):
    """What is done with one prop, wherever the others are."""

    attempt: ClassVar[type[LiftAttempt | PushAttempt]]
    colour: str

    @property
    def target(self) -> str:
        return self.colour

    def begin(self, start: Situation) -> Attempt:
        return self.attempt(self.colour, start)


class LiftTask(OnePropTask):
    """Which prop is to be held in the air."""

    attempt = LiftAttempt

    @property
    def text(self) -> str:
        return f"lift the {self.colour} object"


class PushTask(OnePropTask):
    """Which prop is to be pushed aside, along the floor."""

    attempt = PushAttempt

    @property
    def text(self) -> str:
        return f"push the {self.colour} object aside"


RED_ON_BLUE = StackTask("red", "blue")
STACKINGS = {
    f"{task.top}_on_{task.base}": task
    for task in (RED_ON_BLUE, *(StackTask(top, base) for top, base in permutations(COLOURS, 2)))
}
"""All six. `blue_on_green` is the paper's new task for few-shot fine-tuning (section 5.2). The generalist learns it,
too: of it the other four are held out."""
TASKS: dict[str, Task] = {
    **STACKINGS,
    **{f"lift_{colour}": LiftTask(colour) for colour in COLOURS},
    **{f"push_{colour}": PushTask(colour) for colour in COLOURS},
}
"""Everything that the arm can be told to do with the three props."""


OBJECT_NAMES = tuple(sorted({*TRAINING_OBJECTS, *HELD_OUT_OBJECTS, *TEST_OBJECTS}))
"""All 152 objects, in the order that privileged observations number them."""

OBJECT_SETS = ("cubes", *TEST_TRIPLETS, "train")
"""`cubes`: three 50 mm cubes; the five test triplets; `train`: three different training objects per episode."""


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


def task_named(name: str) -> Task:
    """The task of that name; SetupError if there is none."""
    if name not in TASKS:
        raise unknown_name("a task", name, TASKS)
    return TASKS[name]


def stacking_only(task: Task, what: str) -> StackTask:
    """The same task for `what` knows stackings alone; SetupError if it is none."""
    if not isinstance(task, StackTask):
        raise SetupError(
            expected=f"a stacking for {what}: one of {', '.join(STACKINGS)}",
            got=f"the task {task.text!r}",
            fix="name another --task",
        )
    return task


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

"""A domain that needs no package: a point is pushed along a line to its goal, which a small picture shows, too."""

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.contract import SpecContract
from gato_ros.core.decision import Decision
from gato_ros.core.errors import unknown_name
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.spec import ContinuousSpec, ImageSpec, StepSpec
from gato_ros.domains.domain import NoPlan
from gato_ros.training.supervision import ActionsOnly

LINE, EYE, PUSH = "line", "eye/pixels", "push"
SPEC = StepSpec.of(
    {LINE: ContinuousSpec((-2.0,) * 2, (2.0,) * 2, ("m",) * 2), EYE: ImageSpec(2, 3)},
    {PUSH: ContinuousSpec((-1.0,), (1.0,), ("m",))},
)
WITHOUT_PLAN = 900_002
"""From this start the expert does not know how to go on."""


class Line:
    def __init__(self, reach: float):
        self._reach = reach

    def reset(self, *, seed=None):
        self.seed, self._steps, self._place = seed, 0, 0.0
        self._goal = float(np.random.default_rng(seed).choice([-1, 1])) * self._reach
        return None, {"success": False}

    def observe(self):
        picture = np.full((2, 3, 3), 100 if self._goal > 0 else 10, np.uint8)
        values = {LINE: np.array([self._place, self._goal], np.float32), EYE: picture}
        return Observation(values, privileged={"privileged/goal": np.array([self._goal > 0], np.float32)})

    def step_action(self, action):
        self._place += 0.5 * float(action.as_vector()[0])
        self._steps += 1
        success = abs(self._place - self._goal) < 0.2
        late = self._steps >= 20 and not success
        return float(success), success, late, {"success": success, "failure": "time_limit" if late else None}

    def close(self):
        pass


class Pusher:
    observation_keys, info = (), PolicyInfo()

    def __init__(self, environment):
        self._environment = environment

    def reset(self, prompt=None):
        pass

    def act(self, observation):
        if self._environment.seed == WITHOUT_PLAN and self._environment._steps > 0:
            raise NoPlan("a start of its own")
        place, goal = observation.values[LINE]
        return Decision(Action({PUSH: np.clip(goal - place, -1, 1)}))


class Toy:
    name, packages, metric = "toy", ("numpy",), "success"
    tasks = ("near", "far")
    presets, training = {}, {}

    def contract(self, task):
        if task not in self.tasks:
            raise unknown_name("a task of toy", task, self.tasks)
        return SpecContract(f"toy_{task}", SPEC)

    def supervision(self, task):
        return ActionsOnly((PUSH,))

    def environment(self, task, render_mode=None):
        return Line({"near": 0.6, "far": 1.6}[task])

    def expert(self, task, environment):
        return Pusher(environment)


DOMAIN = Toy()

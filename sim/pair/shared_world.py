"""A stacking world with more than one arm."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.neighbours.placement import transform
from gato_ros.sim.pair.arm_beside import ArmBeside
from gato_ros.sim.robot import SimulatedArm
from gato_ros.sim.world import StackingWorld, draw_start


class SharedWorld(StackingWorld):
    """The world of one arm, and the arms of its contract's `guard.neighbours` where they stand."""

    def __init__(self, embodiment: Embodiment, gui: bool = False):
        """SetupError where a neighbour cannot be simulated, or has another basket."""
        super().__init__(embodiment, gui)
        self.others = {
            name: ArmBeside(self, embodiment.neighbour(name), transform(stated.base), self.look)
            for name, stated in embodiment.guard_neighbours.items()
        }
        """Neighbour -> its arm."""
        self._starts: dict[str, np.ndarray] = {}

    def reset(self, rng: np.random.Generator, objects: str = "cubes") -> None:
        """As that of one arm; every arm starts at a place that is random within its own cell's range."""
        self._starts = {
            name: draw_start(other.embodiment, other.kinematics, rng) for name, other in self.others.items()
        }
        super().reset(rng, objects)

    def clear(self) -> None:
        """Empty the client and put arms and basket back."""
        super().clear()
        for name, other in self.others.items():
            other.load(self._client)
            if name in self._starts:
                other.place(self._starts[name])

    @property
    def arms(self) -> list[SimulatedArm]:
        """All arms, the world's own first."""
        return [*super().arms, *(other.arm for other in self.others.values())]

    def arms_touch(self) -> bool:
        """Whether two arms touch each other."""
        return any(
            self._client.getContactPoints(bodyA=one.body, bodyB=other.body) for one, other in combinations(self.arms, 2)
        )

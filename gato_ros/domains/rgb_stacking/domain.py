"""The robot's own cell as a domain among others: one scale for all that one set of weights can do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from gato_ros.core.errors import unknown_name
from gato_ros.core.observation import PRIVILEGED_PREFIX
from gato_ros.domains.registry import STACKING
from gato_ros.domains.rgb_stacking.auxiliary import COLOURS
from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.models.config import GatoConfig

if TYPE_CHECKING:
    from gato_ros.sim.env import RgbStackingEnv
    from gato_ros.sim.expert import Expert
    from gato_ros.sim.task import Task

ROBOTS = {
    "": "sawyer_rgb_stacking_told",
    "panda/": "panda_rgb_stacking_told",
    "ur5e/": "ur5e_rgb_stacking_told",
    "so101/": "so101_rgb_stacking_told",
}
"""What a task's name begins with -> the contract: of a generalist the task is in words."""
OBJECTS = {
    "cubes": ("cubes", "red_on_blue"),
    **{name: (name, "red_on_blue") for name in ("triplet1", "triplet2", "triplet3", "triplet4", "triplet5")},
    "blue_on_green": ("cubes", "blue_on_green"),
}
"""Task -> object set, and the task of the simulator."""
HELD_OUT = {order: ("cubes", order) for order in ("green_on_red", "red_on_green", "green_on_blue", "blue_on_red")}
"""No part of "all", and of no mixture: tasks to fine-tune on."""
TOLD = {f"{verb}_{colour}": ("cubes", f"{verb}_{colour}") for verb in ("lift", "push") for colour in COLOURS}
"""No part of "all" either, so that its scores stay what they are."""
WHAT = {**OBJECTS, **HELD_OUT, **TOLD}


class RgbStacking:
    """Red on blue with cubes and with the five test triplets, and blue on green with cubes; by one of several arms.

    The other stackings of cubes, and lifts and pushes of one, are for the Sawyer, and only where they are named.
    """

    name = STACKING
    tasks: tuple[str, ...] = tuple(OBJECTS)
    more_tasks: tuple[str, ...] = (
        *(f"{arm}{task}" for arm in ROBOTS if arm for task in OBJECTS),
        *HELD_OUT,
        *TOLD,
    )
    """Another arm is another robot, which most weights do not know: none of `all`, but of `panda/all`."""
    packages = ("pybullet",)
    metric = "success"
    # Its presets are the robot's: models/presets.py and domains/robot_presets.py.
    presets: Mapping[str, GatoConfig] = {}
    training: Mapping[str, Any] = {}

    def contract(self, task: str) -> Embodiment:
        """The same for all tasks of an arm: the text says which one it is."""
        return load_embodiment(self._what(task)[0])

    def collected_as(self, task: str) -> dict[str, str]:
        """The options of `collect` for demonstrations of the task."""
        robot, _, _ = self._what(task)
        objects, order = WHAT[task.rpartition("/")[2]]
        return {"embodiment": robot, "objects": objects, "task": order}

    def supervision(self, task: str) -> StackingSupervision:
        """What the simulator knows."""
        return StackingSupervision.of(self.contract(task))

    def environment(self, task: str, render_mode: str | None = None) -> RgbStackingEnv:
        """The cell with the task's objects, in the plain world."""
        from gato_ros.sim.env import RgbStackingEnv

        robot, objects, wanted = self._what(task)
        return RgbStackingEnv(objects, embodiment=load_embodiment(robot), wanted=wanted, render_mode=render_mode)

    def expert(self, task: str, environment: RgbStackingEnv) -> Expert:
        """The scripted one, which sees ground truth."""
        from gato_ros.sim.expert import expert_for

        robot, _, wanted = self._what(task)
        return expert_for(load_embodiment(robot), wanted)

    def show(self, environment: RgbStackingEnv, keys: Collection[str]) -> None:
        """Show what the next policy reads and nothing else: pictures are most of a step's time."""
        environment.privileged = tuple(key for key in keys if key.startswith(PRIVILEGED_PREFIX))
        environment.observation_keys = tuple(key for key in keys if key not in environment.privileged)

    def _what(self, task: str) -> tuple[str, str, Task]:
        """Contract, object set, and what is to be done."""
        from gato_ros.sim.task import task_named

        if task not in (known := (*self.tasks, *self.more_tasks)):
            raise unknown_name(f"a task of {self.name}", task, known)
        arm, slash, name = task.rpartition("/")
        objects, wanted = WHAT[name]
        return ROBOTS[arm + slash], objects, task_named(wanted)


DOMAIN = RgbStacking()

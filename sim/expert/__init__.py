"""The scripted experts."""

from gato_ros.embodiments import Embodiment
from gato_ros.sim.expert.expert import PLAN_KEY, PLAN_NAMES, Expert
from gato_ros.sim.expert.lifting import LiftingExpert
from gato_ros.sim.expert.pushing_aside import PushingExpert
from gato_ros.sim.expert.stacking import StackingExpert
from gato_ros.sim.task import LiftTask, PushTask, StackTask, Task

__all__ = ["PLAN_KEY", "PLAN_NAMES", "Expert", "PushingExpert", "StackingExpert", "expert_for"]

_EXPERTS = {StackTask: StackingExpert, LiftTask: LiftingExpert, PushTask: PushingExpert}


def expert_for(embodiment: Embodiment | None, task: Task) -> Expert:
    """Whoever does that task with this arm (None: the default contract's)."""
    return _EXPERTS[type(task)](embodiment, task)

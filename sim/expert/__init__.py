"""The scripted experts."""

from gato_ros.embodiments import Embodiment
from gato_ros.sim.expert.expert import Expert
from gato_ros.sim.expert.stacking import PLAN_KEY, PLAN_NAMES, StackingExpert
from gato_ros.sim.task import RED_ON_BLUE, Task, stacking_only

__all__ = ["PLAN_KEY", "PLAN_NAMES", "Expert", "StackingExpert", "expert_for"]


def expert_for(embodiment: Embodiment | None = None, task: Task = RED_ON_BLUE) -> Expert:
    """Whoever does that task with this arm."""
    return StackingExpert(embodiment, stacking_only(task, "the scripted expert"))

"""What the generalist's recipe learns, and what is left to fine-tune on."""

from __future__ import annotations

from gato_ros.domains.domain import Domain
from gato_ros.domains.generalist.recipe import FULL
from gato_ros.domains.registry import STACKING, tasks_of


def learns(domain: Domain, task: str) -> bool:
    """Whether the recipe gathers demonstrations of the task."""
    if domain.name == STACKING:
        from gato_ros.domains.rgb_stacking.domain import OBJECTS

        return any(part.domain == STACKING and OBJECTS.get(task) == (part.objects, part.tasks) for part in FULL.parts)
    return any(part.domain == domain.name and task in tasks_of(domain, part.tasks) for part in FULL.parts)

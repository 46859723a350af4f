"""The domains by name, or by the path of a file. Asking for one imports it, and nothing else."""

from __future__ import annotations

from importlib import import_module

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.domains.domain import Domain
from gato_ros.domains.domain_file import domain_of_file, is_file, known_files

STACKING = "rgb_stacking"
"""The robot's own domain. `collect`, `train` and `evaluate --set` have options of their own for it and do not come
through here; `evaluate --tasks` does."""
STACKING_TASK = "red_on_blue"
"""What goes on what there, where nobody says it."""
ALL = "all"
_MODULES = {
    STACKING: "gato_ros.domains.rgb_stacking.domain",
    "babyai": "gato_ros.domains.babyai.domain",
    "meta_world": "gato_ros.domains.meta_world.domain",
    "atari": "gato_ros.domains.atari.domain",
    "scenes": "gato_ros.domains.scenes.domain",
    "text": "gato_ros.domains.text.domain",
}
SCENES, TEXT = "scenes", "text"
WRITTEN = (SCENES, TEXT)
"""Those whose answers are words: they are learned as parts of a mixture."""
DOMAINS = tuple(_MODULES)


def load_domain(name: str) -> Domain:
    """The domain of that name or in that file; SetupError with the nearest one if there is none."""
    path = known_files().get(name, name)
    if is_file(path):
        return domain_of_file(path, (*_MODULES, ALL))
    if name not in _MODULES:
        raise unknown_name("a domain", name, (*_MODULES, ALL))
    return import_module(_MODULES[name]).DOMAIN


def domains_of(name: str) -> tuple[Domain, ...]:
    """The domain of that name, or "all"; SetupError if there is none."""
    return tuple(map(load_domain, _MODULES)) if name == ALL else (load_domain(name),)


def tasks_of(domain: Domain, names: str | None) -> tuple[str, ...]:
    """The tasks of these names, with commas between them; the first one where none is named.

    Among them "all" stands for all of `domain.tasks`, and "panda/all" for all whose names begin with "panda/".

    Raises:
        SetupError: an unknown one.
    """
    if not names:
        return (domain.tasks[0],)
    return tuple(dict.fromkeys(task for name in names.split(",") for task in _of_group(domain, name)))


def _of_group(domain: Domain, name: str) -> tuple[str, ...]:
    if name == ALL:
        return domain.tasks
    group = name.removesuffix(f"/{ALL}")
    found = tuple(task for task in more_tasks(domain) if name != group and task.startswith(f"{group}/"))
    return found or (task_of(domain, name),)


def more_tasks(domain: Domain) -> tuple[str, ...]:
    """The tasks that are none of "all"."""
    return getattr(domain, "more_tasks", ())


def collected_tasks(domain: Domain, names: str | None) -> tuple[str, ...]:
    """What demonstrations are filed under: the tasks, or a domain's own division where none is named.

    Raises:
        SetupError: an unknown one; a domain that has no demonstrations.
    """
    filed: tuple[str, ...] | None = getattr(domain, "collected", None)
    if filed is None:
        return tasks_of(domain, names)
    if not filed:
        raise SetupError(
            expected="a domain with demonstrations", got=domain.name, fix="name text as data of a part of a mixture"
        )
    if names is not None:
        raise SetupError(
            expected=f"no --task for {domain.name}", got=names, fix="leave it out: what is collected serves all tasks"
        )
    return filed


def task_of(domain: Domain, task: str | None) -> str:
    """The task of that name, or the first where none is named; SetupError for an unknown one."""
    if task is None:
        return domain.tasks[0]
    if task not in (known := (*domain.tasks, *more_tasks(domain))):
        raise unknown_name(f"a task of {domain.name}", task, known)
    return task

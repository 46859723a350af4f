"""gato_ros: an open Gato that drives a robot arm under ROS 2.

In Python, without ROS:

    import gato_ros

    policy = gato_ros.load_policy("sawyer_mastery")
    env = gato_ros.make("rgb_stacking", task="red_on_blue", policy=policy)
    print(gato_ros.run_episode(policy, env, seed=900_000).success)

On the command line: `python -m gato_ros` lists the verbs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gato_ros.version import __version__

if TYPE_CHECKING:
    from gato_ros.api import generate, load_episode, load_policy, make, run_episode, tokenize

__all__ = ["__version__", "generate", "load_episode", "load_policy", "make", "run_episode", "tokenize"]


def __getattr__(name: str) -> Any:
    # PEP 562: JAX and PyBullet are imported by the function that needs them, and not by `import gato_ros`.
    if name in __all__:  # `__version__` is here already
        return getattr(importlib.import_module("gato_ros.api"), name)
    raise AttributeError(f"module 'gato_ros' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

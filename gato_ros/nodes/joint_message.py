"""sensor_msgs/JointState read by joint name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sensor_msgs.msg import JointState


class JointsRefused(Exception):
    """A JointState that does not hold what was asked for; the text says what is wrong."""


def values_by_name(message: JointState, field: str, names: Sequence[str], *, closed: bool) -> np.ndarray:
    """`field` ("position", "velocity" or "effort") of the joints `names`, in that order, float64 [joints].

    Args:
        closed: refuse other joints than `names` (a command); a robot's state may hold more (a head).

    Raises:
        JointsRefused: a name is missing, doubled or unknown, or the field has another length than the names.
    """
    values = getattr(message, field)
    if len(values) != len(message.name):
        raise JointsRefused(f"{len(message.name)} names but {len(values)} values of {field}")
    index = {name: i for i, name in enumerate(message.name)}
    if len(index) != len(message.name):
        raise JointsRefused(f"a joint name is doubled in {list(message.name)}")
    if missing := [name for name in names if name not in index]:
        raise JointsRefused(f"no {field} of {', '.join(missing)}")
    if closed and len(index) != len(names):
        raise JointsRefused(f"unknown joints {', '.join(sorted(set(index) - set(names)))}")
    return np.array([values[index[name]] for name in names], np.float64)

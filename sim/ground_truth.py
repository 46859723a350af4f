"""What the simulator knows and no robot can: poses, shapes and contacts, for experts and for controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gato_ros.core.observation import PRIVILEGED_PREFIX
from gato_ros.sim import task

if TYPE_CHECKING:
    from gato_ros.sim.world import StackingWorld

CONTACTS_KEY = f"{PRIVILEGED_PREFIX}contacts"
PRIVILEGED_KEYS = tuple(
    [f"{PRIVILEGED_PREFIX}{colour}/{what}" for colour in task.COLOURS for what in ("pose", "object")] + [CONTACTS_KEY]
)
"""pose: [7] x y z [m], quaternion xyzw; object: [1] index into OBJECT_NAMES; contacts: [4] 0 or 1, of the task's target
(of a stacking its top object) with left pad, right pad, base (where there is none: any other prop), ground."""


def ground_truth(world: StackingWorld, wanted: task.Task, key: str) -> np.ndarray:
    """The value of one of PRIVILEGED_KEYS at this instant, float32."""
    if key == CONTACTS_KEY:
        touches, pads = world.touches(wanted.target), world.pad_contacts(wanted.target)
        return np.array([*pads, not touches.isdisjoint(wanted.rests_on), "ground" in touches], np.float32)
    _, colour, what = key.split("/")
    if what == "pose":
        prop = world.prop(colour)
        return np.concatenate([prop.position, prop.quat_xyzw]).astype(np.float32)
    name = world.object_names[task.COLOURS.index(colour)]
    return np.array([task.OBJECT_NAMES.index(name)], np.float32)

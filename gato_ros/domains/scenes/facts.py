"""What is true of a picture of the stacking world, as values and as the vector that is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from gato_ros.core.observation import PRIVILEGED_PREFIX

FACTS = f"{PRIVILEGED_PREFIX}facts"
"""Key of the vector, float32 [FACT_COUNT]."""
COLOURS = ("red", "green", "blue")
CAMERAS = ("basket_front_left", "basket_front_right", "basket_back_left")
SIZE_PX = 128
"""Side of a picture."""
SEEN_ROWS = 96
"""What a picture shows below this row counts for nothing: the robot's policies cut it off, and so may who answers."""
SEEN_PIXELS, GRIPPER_PIXELS = 40, 60
"""A thing of which fewer are to be seen is taken for hidden."""
SITUATIONS = ("scattered", "stacked", "tower", "grasping", "carrying", "placing", "hovering")
"""Three on the table; one on another; all on one another; the gripper around one on the table; one in the air; one
held that stands on another; one held some way above another. In the first three the arm is away."""
OBJECT_SETS = ("cubes", "triplet1", "triplet2", "triplet3", "triplet4", "triplet5")
TABLE, GRIPPER = "table", "gripper"
SUPPORTS = (TABLE, *COLOURS, GRIPPER)
UNKNOWN = -1
ROLES = tuple(permutations(COLOURS))
_PER_COLOUR, _COMMON = 5, 6
FACT_COUNT = len(COLOURS) * _PER_COLOUR + _COMMON


@dataclass(frozen=True)
class Facts:
    """Of one picture."""

    object_set: str
    situation: str
    roles: tuple[str, str, str]
    """Colours: who stands on whom from the top, or whom the gripper has and over whom; those that have no part follow,
    from left to right in the picture."""
    camera: str
    pixels: tuple[int, int, int]
    """How many show the red, the green and the blue object."""
    gripper_pixels: int
    across: tuple[float, float, float]
    """Mean column of what is to be seen of each [px]."""
    distance_m: tuple[float, float, float]
    """From the camera to the centre of each."""
    supports: tuple[str, str, str]
    """On what each stands, one of SUPPORTS."""
    lands: int
    """Whether what hovers would come to stand on what is below it: 1, 0, or UNKNOWN."""

    def sees(self, *colours: str) -> bool:
        """Whether enough of these objects is to be seen."""
        return all(self.pixels[COLOURS.index(colour)] >= SEEN_PIXELS for colour in colours)

    @property
    def sees_gripper(self) -> bool:
        """Whether enough of it is to be seen."""
        return self.gripper_pixels >= GRIPPER_PIXELS

    @property
    def sees_all(self) -> bool:
        """Whether all objects are to be seen, and of one that is held in the air also by what."""
        return self.sees(*COLOURS) and (self.held is None or self.sees_gripper)

    def support(self, colour: str) -> str:
        """On what an object stands."""
        return self.supports[COLOURS.index(colour)]

    def burden(self, colour: str) -> str | None:
        """The colour of what stands on an object; None if nothing does."""
        return next((other for other in COLOURS if self.support(other) == colour), None)

    @property
    def held(self) -> str | None:
        """The colour of what is held in the air; None if nothing is."""
        return next((colour for colour in COLOURS if self.support(colour) == GRIPPER), None)

    def vector(self) -> np.ndarray:
        """float32 [FACT_COUNT]; `facts_of` is the inverse."""
        each = [self.pixels, self.across, self.distance_m, list(map(SUPPORTS.index, self.supports))]
        each.append(list(map(COLOURS.index, self.roles)))
        common = [
            OBJECT_SETS.index(self.object_set),
            SITUATIONS.index(self.situation),
            CAMERAS.index(self.camera),
            self.gripper_pixels,
            self.lands,
            held_out(self.object_set, self.situation, self.roles),
        ]
        return np.concatenate([*map(np.asarray, each), common]).astype(np.float32)


def facts_of(vector: np.ndarray) -> Facts:
    """Inverse of `Facts.vector`, to the precision of float32."""
    each, common = np.split(np.asarray(vector), [_PER_COLOUR * len(COLOURS)])
    pixels, across, distance, supports, roles = each.reshape(_PER_COLOUR, -1)
    object_set, situation, camera, gripper, lands, _ = (int(value) for value in common)
    return Facts(
        OBJECT_SETS[object_set],
        SITUATIONS[situation],
        _named(COLOURS, roles),
        CAMERAS[camera],
        (int(pixels[0]), int(pixels[1]), int(pixels[2])),
        gripper,
        (float(across[0]), float(across[1]), float(across[2])),
        (float(distance[0]), float(distance[1]), float(distance[2])),
        _named(SUPPORTS, supports),
        lands,
    )


def _named(names: Sequence[str], numbers: np.ndarray) -> tuple[str, str, str]:
    red, green, blue = (names[int(number)] for number in numbers)
    return red, green, blue


def held_out(object_set: str, situation: str, roles: tuple[str, ...]) -> bool:
    """Whether a combination of objects, situation and roles is kept for evaluation.

    Of the six orders of roles, each situation with each set keeps one. Every order is learned from, with other objects.
    """
    place = OBJECT_SETS.index(object_set) + SITUATIONS.index(situation) + ROLES.index(roles)
    return place % len(ROLES) == 0

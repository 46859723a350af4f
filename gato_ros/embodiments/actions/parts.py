"""All kinds of parts, and which parts of a contract make one arm with its gripper, and its base."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Union

from pydantic import Field

from gato_ros.embodiments.actions.base import PlanarBasePart
from gato_ros.embodiments.actions.gripper import GripperPart
from gato_ros.embodiments.actions.joints import JointPositionPart, JointVelocityPart
from gato_ros.embodiments.actions.twist import TwistPart
from gato_ros.embodiments.base_model import Misfit
from gato_ros.embodiments.versions.implied import implied_of_action

ArmPart = Union[TwistPart, JointVelocityPart, JointPositionPart]
Part = Annotated[
    Union[TwistPart, JointVelocityPart, JointPositionPart, GripperPart, PlanarBasePart], Field(discriminator="kind")
]
Parts = Mapping[str, Part]
ORDER = ("arm", "gripper", "base")
"""What parts move, in the order of their tokens."""


def arm_and_gripper(parts: Parts) -> tuple[str, str]:
    """The keys of the arm's part and of the gripper's.

    Raises:
        Misfit: not one of each, or two bases. Two arms in one contract come later, each with its part and limits.
    """
    arms, grippers, bases = ([key for key, part in parts.items() if part.moves == one] for one in ORDER)
    for keys, what in ((arms, "twist, joint_velocity or joint_position"), (grippers, "gripper")):
        if len(keys) != 1:
            raise Misfit(f"one part of kind {what}, got {', '.join(keys) or 'none'}", *((key,) for key in keys))
    if len(bases) > 1:
        raise Misfit(f"one part of kind planar_base at most, got {', '.join(bases)}", *((key,) for key in bases))
    return arms[0], grippers[0]


def in_order(parts: dict[str, Part]) -> dict[str, Part]:
    """The arm's part, the gripper's, the base's, in whatever order a file has them: it is the order of the tokens."""
    return dict(sorted(parts.items(), key=lambda item: ORDER.index(item[1].moves)))


def places_of(parts: Parts) -> dict[str, slice]:
    """What a part moves -> the places of its values among those of the whole action."""
    found, begin = {}, 0
    for part in parts.values():
        found[part.moves] = slice(begin, begin := begin + len(part.lower))
    return found


def are_usual(parts: Parts) -> bool:
    """Whether they say what schema 1 could say: vx vy vz wz in the base frame, pointing down, and an opening."""
    return list(parts) == ["twist", "gripper"] and all(
        part.topic is None and all(getattr(part, name, None) == value for name, value in implied_of_action(key).items())
        for key, part in parts.items()
    )

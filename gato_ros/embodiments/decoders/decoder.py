"""What a decoder is: a message type, the fields that it offers, and how one of them is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.sensing.rotation_kinds import SIZES, matrix_of_quaternion, rotation_values

Part = Literal["number", "vector", "rotation", "named", "array"]
"""What a field is: one number; x y z; a quaternion; numbers by name (`position.shoulder`); a list of numbers."""
Tree = Mapping[str, Any]
"""Name -> Part, or the tree of what lies below it."""
AXES = ("x", "y", "z")
POSE: Tree = {"position": "vector", "orientation": "rotation"}
TWIST: Tree = {"linear": "vector", "angular": "vector"}


class Refused(Exception):
    """A message that is not what the contract says; the text says in what."""


class OtherDevice(Refused):
    """A message of another device that publishes on the same topic."""


@dataclass(frozen=True)
class Field:
    """One field of a message, as a contract writes it."""

    path: str
    """`wrench.force.z`; of numbers by name, `position.shoulder`."""
    part: Part

    def size(self, rotation: str | None) -> int | None:
        """How many numbers it gives; None where only a message tells."""
        if self.part == "vector":
            return 3
        if self.part == "rotation":
            return SIZES[rotation or "quaternion"]
        return None if self.part == "array" else 1


@dataclass(frozen=True)
class Decoder:
    """How messages of one type are read."""

    type: str
    """`sensor_msgs/msg/Imu`."""
    fields: Tree = field(default_factory=dict)
    gives: Literal["numbers", "picture", "text"] = "numbers"
    stamped: bool = False
    """Whether it begins with a header."""
    framed: bool = False
    """Whether its numbers mean something only in the frame that its header names."""
    prepare: Callable[[Any, tuple[Field, ...]], None] | None = None
    """Refuses a message as a whole, where something speaks against it."""
    number: Callable[[Any, str], float] | None = None
    """Reads one number by its path, where that is more than following names."""

    def field(self, path: str) -> Field:
        """The field of that path; SetupError with the nearest one if there is none."""
        tree: Any = self.fields
        names = path.split(".")
        for i, name in enumerate(names):
            if name not in tree:
                raise unknown_name(f"a field of {self.type}", path, list(self.paths()))
            tree = tree[name]
            if isinstance(tree, str):
                return self._leaf(path, tree, ".".join(names[i + 1 :]))
        raise unknown_name(f"a field of {self.type}", path, list(self.paths()))

    def _leaf(self, path: str, part: str, rest: str) -> Field:
        if part == "rotation" and rest:
            raise SetupError(
                expected=f"a rotation of {self.type} as a whole",
                got=path,
                fix=f"write {path.removesuffix(f'.{rest}')}, and `rotation:` says which numbers become of it",
            )
        if part in ("rotation", "number") and not rest:
            return Field(path, part)  # type: ignore[arg-type]
        if part == "vector" and (not rest or rest in AXES):
            return Field(path, "number" if rest else "vector")
        if part == "named" and rest:
            return Field(path, "named")
        if part == "array" and (not rest or rest.isdecimal()):
            return Field(path, "number" if rest else "array")
        raise unknown_name(f"a field of {self.type}", path, list(self.paths()))

    def paths(self) -> list[str]:
        """Every field, in words."""
        ends = {"named": ".NAME", "array": "[.0, .1 ...]", "vector": "[.x .y .z]"}
        return [path + ends.get(part, "") for path, part in _leaves(self.fields)]

    def values(self, message: Any, wanted: tuple[Field, ...], rotation: str | None) -> np.ndarray:
        """The numbers of these fields, one after another, float64 [size].

        Raises:
            Refused: a field that this message does not fill, no rotation, or a number that is not finite.
        """
        if self.prepare is not None:
            self.prepare(message, wanted)
        parts = [self._part(message, one, rotation) for one in wanted]
        if bad := [one.path for one, part in zip(wanted, parts) if not np.isfinite(part).all()]:
            raise Refused(f"not finite: {', '.join(bad)}")
        return np.concatenate(parts)

    def _part(self, message: Any, one: Field, rotation: str | None) -> np.ndarray:
        if one.part in ("number", "named"):
            read = self.number or number_at
            return np.array([read(message, one.path)], np.float64)
        found = at(message, one.path)
        if one.part == "array":
            return np.asarray(found, np.float64).reshape(-1)
        if one.part == "vector":
            return np.array([found.x, found.y, found.z], np.float64)
        try:
            return rotation_values(matrix_of_quaternion(np.array([found.x, found.y, found.z, found.w])), str(rotation))
        except ValueError as error:
            raise Refused(f"{one.path}: {error}") from None


def at(message: Any, path: str) -> Any:
    """What lies at the end of the names."""
    for name in path.split("."):
        message = getattr(message, name)
    return message


def number_at(message: Any, path: str) -> float:
    """As `at`, of one number."""
    return float(at(message, path))


def _leaves(tree: Tree, before: str = "") -> list[tuple[str, str]]:
    found = []
    for name, below in tree.items():
        path = f"{before}{name}"
        found += [(path, below)] if isinstance(below, str) else _leaves(below, f"{path}.")
    return found

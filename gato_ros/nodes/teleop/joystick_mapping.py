"""Which axis and which button of a joystick means what: a YAML file, checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, FiniteFloat

from gato_ros.core.errors import unknown_name
from gato_ros.core.teleop.stick import past_dead_zone
from gato_ros.embodiments.base_model import Strict
from gato_ros.embodiments.validation import validated
from gato_ros.embodiments.yaml_file import read_yaml

FOLDER = Path(__file__).parent / "joysticks"
WHAT = "a joystick mapping"
EXAMPLE = "gato_ros/nodes/teleop/joysticks/gamepad.yaml"
Order = Literal[
    "gripper",
    "faster",
    "slower",
    "frame",
    "emergency_stop",
    "reset_guard",
    "start",
    "success",
    "fail",
    "discard",
    "redo",
    "mark",
]
"""What a button or a key may ask for."""


class Axis(Strict):
    """One axis of the joystick; a negative scale turns it round."""

    index: int = Field(ge=0, lt=64)
    scale: FiniteFloat = 1.0


class Axes(Strict):
    """The four directions; one that is left out is never moved."""

    forward: Axis | None = None
    left: Axis | None = None
    up: Axis | None = None
    turn_left: Axis | None = None

    def in_order(self) -> tuple[Axis | None, ...]:
        return (self.forward, self.left, self.up, self.turn_left)


class JoystickMapping(Strict):
    """One joystick."""

    name: str
    axes: Axes = Axes()
    dead_zone: FiniteFloat = Field(default=0.1, ge=0.0, lt=0.9)
    dead_man: int = Field(ge=0, lt=64)
    """The button that has to be held."""
    buttons: dict[Order, Annotated[int, Field(ge=0, lt=64)]] = {}

    @property
    def buttons_needed(self) -> int:
        """So many buttons a message has to have."""
        return 1 + max([self.dead_man, *self.buttons.values()])

    def missing(self, axes: int) -> str | None:
        """What a joystick with so many axes lacks, or None."""
        needed = 1 + max((axis.index for axis in self.axes.in_order() if axis), default=-1)
        return None if axes >= needed else f"the joystick has {axes} axes, the mapping {self.name} needs {needed}"

    def deflection(self, axes: np.ndarray) -> np.ndarray:
        """[4] forward, left, up, turn in [-1, 1] from the axes of one message, finite."""
        moved = [0.0 if axis is None else axes[axis.index] * axis.scale for axis in self.axes.in_order()]
        return past_dead_zone(np.array(moved), self.dead_zone)

    def pressed(self, before: np.ndarray, now: np.ndarray) -> list[str]:
        """The orders whose buttons went down between two messages."""
        return [order for order, button in self.buttons.items() if now[button] and not before[button]]


def load_mapping(name_or_path: str) -> JoystickMapping:
    """The mapping shipped under that name, or the YAML file at that path.

    Raises:
        SetupError: no such file, not the strict YAML of `read_yaml`, an unknown key, or a bad value, with its line.
    """
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        path = Path(os.path.expanduser(path))
    else:
        shipped = {one.stem: one for one in FOLDER.glob("*.yaml")}
        if name_or_path not in shipped:
            raise unknown_name("a joystick mapping", name_or_path, shipped)
        path = shipped[name_or_path]
    return validated(JoystickMapping, read_yaml(path, WHAT, EXAMPLE), WHAT, EXAMPLE)

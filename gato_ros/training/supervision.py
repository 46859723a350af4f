"""What a domain knows of its frames beside the actions: ground truth for auxiliary heads, and reflections.

Without JAX: verbs that ask a domain for its world import this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.frames import Frames
from gato_ros.models.layout import TokenLayout

SEEN = "_seen"
"""A patch's number whose name ends so is a probability: whether something lies in the patch."""


class AuxiliaryTargets(NamedTuple):
    """Targets of some frames, with as many leading axes as these have; weights are 0 where there is no truth."""

    numbers: np.ndarray
    """[... n] of the model's `auxiliary` names."""
    weight: np.ndarray
    """[... n]"""
    patch: np.ndarray
    """[... patches m] of the model's `patch_auxiliary` names; no patches if nothing is predicted of them."""
    patch_weight: np.ndarray
    """[... patches m]"""


class GroundTruth(Protocol):
    """Auxiliary targets of N frames."""

    def targets(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> AuxiliaryTargets:
        """Of the frames of `rows` [batch]; `mirrored` [n] are places in it that are reflected left to right."""


@dataclass(frozen=True)
class NoTruth:
    """Of frames of which nothing is known."""

    names: int = 0
    """How many numbers the model's auxiliary heads predict."""

    def targets(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> AuxiliaryTargets:
        """Weights of zero, and no patches."""
        numbers, patch = np.zeros((len(rows), self.names), np.float32), np.zeros((len(rows), 0, 0), np.float32)
        return AuxiliaryTargets(numbers, numbers, patch, patch)


class Reflection(Protocol):
    """A world in a mirror: left and right change places, which doubles what a policy can learn from."""

    action_sign: np.ndarray
    """[actions] what an action is multiplied by."""

    def possible(self, image_keys: tuple[str, ...], vector_keys: tuple[str, ...]) -> bool:
        """Whether every observation that a model sees has a known reflection."""

    def pixels(self, pixels: np.ndarray, rows: np.ndarray) -> None:
        """Reflect, in place, the rows [n] of pixels [batch cameras height width 3]."""

    def vectors(self, values: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        """The vectors {key: [batch size]} with the rows [n] reflected; new arrays where anything changes."""


@dataclass(frozen=True)
class Curve:
    """One line of the picture of a training."""

    kind: str
    """Of report: "train", "validation" or "closed_loop"."""
    keys: tuple[str, ...]
    """Their mean is shown."""
    name: str
    unit: str = ""
    factor: float = 1.0


class Supervision(Protocol):
    """What training receives of a domain, beside frames and spec."""

    @property
    def action_names(self) -> tuple[str, ...]:
        """One for each value of the action, for curves and reports."""
        ...

    @property
    def auxiliary_names(self) -> tuple[str, ...]:
        """Of the numbers that auxiliary heads predict; () without."""
        ...

    @property
    def patch_names(self) -> tuple[str, ...]:
        """Of the numbers that every cell of a picture predicts (`TokenLayout.cells`); () without."""
        ...

    @property
    def auxiliary_scale(self) -> Sequence[float]:
        """[n] a predicted error times this is what is reported, like mm."""
        ...

    @property
    def reflection(self) -> Reflection | None:
        """The world in a mirror; None where it has none."""
        ...

    @property
    def curves(self) -> Sequence[Curve]:
        """What to show of the validation."""
        ...

    def vectors(self, frames: Frames, layout: TokenLayout) -> dict[str, np.ndarray]:
        """Vectors [N size] that the layout has tokens for and the frames hold as ground truth only."""
        ...

    def truth(self, frames: Frames, layout: TokenLayout) -> GroundTruth:
        """Of these frames."""
        ...


@dataclass(frozen=True)
class ActionsOnly:
    """A domain of which nothing but its actions is known."""

    action_names: tuple[str, ...]
    auxiliary_names: tuple[str, ...] = ()
    patch_names: tuple[str, ...] = ()
    auxiliary_scale: tuple[float, ...] = ()
    reflection: Reflection | None = None
    curves: tuple[Curve, ...] = ()

    def vectors(self, frames: Frames, layout: TokenLayout) -> dict[str, np.ndarray]:
        """None."""
        return {}

    def truth(self, frames: Frames, layout: TokenLayout) -> GroundTruth:
        """Nothing is known."""
        return NoTruth()


def with_all_vectors(frames: Frames, layout: TokenLayout, supervision: Supervision) -> Frames:
    """The frames with all that the layout has tokens for.

    Raises:
        SetupError: frames that were recorded without some of it.
    """
    vectors = {**frames.vectors, **supervision.vectors(frames, layout)}
    recorded = (*frames.image_keys, *vectors)
    if missing := [item.key for item in layout.items if item.key not in recorded]:
        raise SetupError(
            expected=f"data with {', '.join(missing)}",
            got=f"data with {', '.join(recorded)}",
            fix="collect with a contract that has it (--embodiment), or choose another preset",
        )
    return replace(frames, vectors=vectors)


def can_mirror(reflection: Reflection | None, frames: Frames, layout: TokenLayout) -> bool:
    """Whether all that a model with this layout sees of the frames has a known reflection."""
    return reflection is not None and reflection.possible(frames.image_keys, tuple(item.key for item in layout.vectors))

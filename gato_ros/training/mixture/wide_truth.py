"""What one domain knows, under a model with the auxiliary heads of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.training.supervision import AuxiliaryTargets, Curve, GroundTruth, Supervision


@dataclass(frozen=True)
class WideTruth:
    """The targets of one domain among the heads of all of them."""

    truth: GroundTruth
    numbers: np.ndarray
    """[n] places of its numbers among all of the model's."""
    patch_numbers: np.ndarray
    """[m] places of its patches' numbers among all of the model's."""
    all_numbers: int
    all_patch_numbers: int

    def targets(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> AuxiliaryTargets:
        """Of the frames of `rows`; weights of 0 for what other domains know.

        The loss is a mean over all numbers: the weights make it a mean over those of this domain again.
        """
        own = self.truth.targets(rows, mirrored)
        share = self.all_numbers / max(len(self.numbers), 1)
        return AuxiliaryTargets(
            _spread(own.numbers, self.numbers, self.all_numbers),
            _spread(own.weight, self.numbers, self.all_numbers) * np.float32(share),
            _spread(own.patch, self.patch_numbers, self.all_patch_numbers),
            _spread(own.patch_weight, self.patch_numbers, self.all_patch_numbers),
        )


def _spread(values: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    out = np.zeros((*values.shape[:-1], count), np.float32)
    if values.shape[-1]:
        out[..., places] = values
    return out


@dataclass(frozen=True)
class OneOfMany:
    """A domain's `Supervision` under a model with the heads of several domains."""

    own: Supervision
    model: GatoConfig

    @property
    def action_names(self) -> tuple[str, ...]:
        return self.own.action_names

    @property
    def auxiliary_names(self) -> tuple[str, ...]:
        return self.model.auxiliary

    @property
    def patch_names(self) -> tuple[str, ...]:
        return self.model.patch_auxiliary

    @property
    def auxiliary_scale(self) -> tuple[float, ...]:
        scale = dict(zip(self.own.auxiliary_names, self.own.auxiliary_scale))
        # 0: another domain's, which no figure is wanted of.
        return tuple(scale.get(name, 0.0) for name in self.model.auxiliary)

    @property
    def reflection(self) -> Any:
        return self.own.reflection

    @property
    def curves(self) -> tuple[Curve, ...]:
        return tuple(self.own.curves)

    def vectors(self, frames: Any, layout: TokenLayout) -> dict[str, np.ndarray]:
        return self.own.vectors(frames, layout)

    def truth(self, frames: Any, layout: TokenLayout) -> GroundTruth:
        place, patch_place = self.model.auxiliary.index, self.model.patch_auxiliary.index
        return WideTruth(
            self.own.truth(frames, layout),
            np.array([place(name) for name in self.own.auxiliary_names], int),
            np.array([patch_place(name) for name in self.own.patch_names], int),
            len(self.model.auxiliary),
            len(self.model.patch_auxiliary),
        )
